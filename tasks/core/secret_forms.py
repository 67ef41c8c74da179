"""What to look for in an image: each secret of the settings, in every form in which it may have been written down."""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tasks.core.certificates import KEY
from tasks.core.secret import Secret
from tasks.core.settings import Settings

LINE_BREAKS = b"\r\n"
"""What is left out of forms and images alike: base64 and keys are wrapped, each tool in its own way."""

VALUE_OF = "the value of "
"""What a form of an application's value is called by, before the variable's name."""

SHORTEST = 8
"""Characters below which a value is not looked for: a shorter one stands in any large image by chance."""

LONGEST = 64
"""Characters of a value that are looked for: those in its middle, as its start may be a head that others have too."""

_ORDINARY_BELOW = 16
_LONGEST_ORDINARY = 256

_PART = r"(?:[A-Z]?[a-z]{1,15}[0-9]{0,2}|[A-Z]{1,15}[0-9]{0,2}|[0-9]{1,5})"
_WORDS = rf"{_PART}(?:[-_.]{_PART})*"
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[-.,:/ ][0-9]+)*")
_PHRASE = re.compile(rf"{_PART}(?:[-_./:@, ]{{1,2}}{_PART})*")
_ADDRESS = re.compile(
    rf"(?:[a-z][a-z0-9+]*://{_WORDS}|(?:{_WORDS}@)?{_WORDS}\.[a-z]{{2,24}})(?::[0-9]{{1,5}})?(?:/{_WORDS})*/?"
)
_PATH = re.compile(rf"\.{{0,2}}(?:/\.?{_WORDS})+/?")
_OPTIONS = re.compile(rf"--?{_WORDS}(?:[= ](?:--?|[./]{{1,3}})?{_WORDS}(?:/{_WORDS})*)*")

_UNRESERVED = string.ascii_letters + string.digits + "-._~"
# What is left as it is beside those: nothing more; paths; encodeURIComponent; encodeURI.
_URL_SAFE = ("", "/", "!'()*", ";,/?:@&=+$!*'()#")


@dataclass(frozen=True)
class Form:
    """One way to write one secret: `secret` says what it is, `encoding` how, `pattern` is what would be in an image."""

    secret: str
    encoding: str
    pattern: bytes = field(repr=False)


def secret_forms(settings: Settings) -> tuple[Form, ...]:
    """Give every form of every secret: the application's values, and the private key in CERT_PATH."""
    wanted = looked_for(settings)
    values = (form for name, value in wanted.items() for form in forms_of(VALUE_OF + name, value.reveal()))
    return tuple(dict.fromkeys((*values, *_key_forms(settings))))


def looked_for(settings: Settings) -> Mapping[str, Secret]:
    """Give the application's values that are looked for: not what is allowed, too short or too ordinary."""
    return {
        name: value
        for name, value in settings.application.items()
        if name not in settings.images_may_hold and not is_ordinary(value.reveal())
    }


def is_ordinary(value: str) -> bool:
    """Tell whether a value is too short, or so ordinary that images hold it without anybody's fault.

    Ordinary are numbers, dates and IP addresses of less than 16 digits; words of less than 16 characters (letters of
    one case, or with a capital first, and few digits: `production`, `us-east-1`, `en-US.UTF-8`); and paths, options of
    a command, host names, mail addresses and URLs of such words, without a password, a query or a token.
    """
    text = value.strip()
    if len("".join(text.splitlines())) < SHORTEST:
        return True
    if len(text) > _LONGEST_ORDINARY:
        return False
    digits = sum(character.isdigit() for character in text)
    if digits < _ORDINARY_BELOW and _NUMBER.fullmatch(text):
        return True
    if len(text) < _ORDINARY_BELOW and _PHRASE.fullmatch(text):
        return True
    return any(kind.fullmatch(text) for kind in (_ADDRESS, _PATH, _OPTIONS))


def forms_of(secret: str, value: str) -> Iterator[Form]:
    """Give the forms of a text: as it is, in base64, in URLs, in JSON; each at least 8 bytes long."""
    text = _middle(value)
    raw = text.encode()
    written = {
        "plain": (raw,),
        "base64": _base64(raw),
        "URL-encoded": (form.encode() for form in _urls(text)),
        "JSON": (json.dumps(text, ensure_ascii=is_ascii)[1:-1].encode() for is_ascii in (True, False)),
    }
    return _distinct(secret, written)


def _key_forms(settings: Settings) -> Iterator[Form]:
    """Give the forms of the private key itself, however its PEM file is wrapped; a key that cannot be read has none."""
    if settings.cert_directory is None:
        return iter(())
    try:
        key = serialization.load_pem_private_key((settings.cert_directory / KEY).read_bytes(), password=None)
        whole = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return iter(())
    # Numbers that PKCS #1 and SEC 1 have, and PKCS #8 around them: of RSA's the secret ones lie in the middle, of an
    # elliptic curve's at the start, before the public point.
    start = len(whole) // 2 if len(whole) > 256 else 7
    raw = whole[start : start + 32]
    return _distinct("the private key in CERT_PATH", {"DER": (raw,), "PEM": _base64(raw)})


def _distinct(secret: str, written: Mapping[str, Iterable[bytes]]) -> Iterator[Form]:
    seen: set[bytes] = set()
    for encoding, patterns in written.items():
        for pattern in patterns:
            bare = pattern.translate(None, LINE_BREAKS)
            if len(bare) >= SHORTEST and bare not in seen:
                seen.add(bare)
                yield Form(secret, encoding, bare)


def _middle(value: str) -> str:
    text = value.strip()
    start = max(0, (len(text) - LONGEST) // 2)
    return text[start : start + LONGEST]


def _base64(raw: bytes) -> Iterator[bytes]:
    """Give what stands in base64 wherever a text begins in it: the characters that no neighbour has a part in."""
    for shift, start in enumerate((0, 2, 3)):
        coded = base64.b64encode(bytes(shift) + raw)[start : (shift + len(raw)) * 8 // 6]
        yield from (coded, coded.translate(bytes.maketrans(b"+/", b"-_")))


def _urls(text: str) -> Iterator[str]:
    for safe, space, code in product(_URL_SAFE, ("", "+"), ("%{:02X}", "%{:02x}")):
        kept = {ord(character): character for character in _UNRESERVED + safe} | ({32: space} if space else {})
        yield "".join(kept.get(byte) or code.format(byte) for byte in text.encode())
