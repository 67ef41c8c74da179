"""What is looked for in images: every form of a value, and no value that is ordinary."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.secret_forms import LINE_BREAKS, LONGEST, SHORTEST, forms_of, is_ordinary, looked_for, secret_forms
from tasks.core.settings import load_settings

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=SHORTEST, max_size=3 * LONGEST).filter(
    lambda value: not is_ordinary(value)
)
NEIGHBOURS = st.binary(max_size=8)


def is_found(value: str, written: bytes) -> bool:
    """Whether some form is in what was written, line breaks aside."""
    bare = written.translate(None, LINE_BREAKS)
    return any(form.pattern in bare for form in forms_of("x", value))


@given(
    VALUES, NEIGHBOURS, NEIGHBOURS, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]), st.integers(1, 80)
)
def test_base64_is_found_wherever_the_value_begins_in_it_and_however_it_is_wrapped(
    value: str, before: bytes, after: bytes, encode: Callable[[bytes], bytes], width: int
) -> None:
    coded = encode(before + value.encode() + after)
    lines = [coded[start : start + width] for start in range(0, len(coded), width)]
    assert is_found(value, b"\r\n".join(lines))
    assert is_found(value, coded.rstrip(b"="))


@given(VALUES, NEIGHBOURS, NEIGHBOURS)
def test_a_value_is_found_as_it_is(value: str, before: bytes, after: bytes) -> None:
    assert is_found(value, before + value.encode() + after)
    assert is_found(value, before + value.replace("\n", "\r\n").encode() + after)


@given(VALUES, st.sampled_from(["", "/", "!'()*", "!'()*~", ";,/?:@&=+$-_.!~*'()#"]))
def test_a_value_in_a_url_is_found(value: str, safe: str) -> None:
    coded = quote(value, safe=safe)
    assert is_found(value, f"?a={coded}&b".encode())
    assert is_found(value, coded.replace("%20", "+").encode())
    assert is_found(value, re.sub("%..", lambda code: code[0].lower(), quote_plus(value)).encode())


@given(VALUES, st.booleans())
def test_a_value_in_json_is_found(value: str, is_ascii: bool) -> None:
    assert is_found(value, json.dumps({"key": value}, ensure_ascii=is_ascii).encode())


def test_percent_codes_in_small_letters_are_found() -> None:
    assert is_found("pass/word=%x", b"pass%2fword%3d%25x")


@given(VALUES)
def test_no_form_is_short_and_none_shows_in_a_message(value: str) -> None:
    forms = list(forms_of("the value of TOKEN", value))
    assert min(len(form.pattern) for form in forms) >= SHORTEST
    assert len({form.pattern for form in forms}) == len(forms)
    assert not [form for form in forms if repr(form.pattern)[2:-1] in repr(form)]
    assert value not in repr(forms)


ORDINARY = [
    "", "short", "1234567", "  abc  ", "a\nb\nc\nd", "production", "Europe/Berlin", "us-east-1", "en-US.UTF-8",
    "true,false", "STAGING", "Club News",
    "86400000", "2026-11-30", "10.0.0.1:5432", "192.168.100.200", "-1234567890", "smtp.sendgrid.net",
    "smtp.mail.example.org", "info@club.example.org", "https://club.example.org", "redis://cache:6379/0",
    "https://club.example.org:8443/api/v1/", "http://localhost:3000", "/var/run/postgresql", "/srv/uploads/2026",
    "../data/uploads", "--max-old-space-size=4096", "--require /app/tracing.js", "-r dotenv/config --inspect-brk",
]  # fmt: skip
SECRETS = [
    "abcdefghijklmnop",  # a mail provider's app password
    "abcd efgh ijkl mnop", "Summer2026", "hunter2!hunter2", "correct-horse-battery-staple", "1234567890123456",
    "550e8400-e29b-41d4-a716-446655440000", "postgres://app:pw@db.example.org/app", "s3cr3t-never-shown", "aKdPqLmZxW",
    "https://hooks.example.org/services/T0001/B0001/x7Yk2mQ", "--token=ghp_0123456789abcdef",
    "https://example.org/?key=abc", "de4dbeefcafe",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n", "ghp_0123456789abcdef", "a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("value", ORDINARY)
def test_ordinary_values_are_not_looked_for(value: str) -> None:
    assert is_ordinary(value)


@pytest.mark.parametrize("value", SECRETS)
def test_others_are(value: str) -> None:
    assert not is_ordinary(value)


@given(st.text())
def test_looking_at_a_value_never_raises(value: str) -> None:
    is_ordinary(value)


def test_what_images_may_hold_is_not_looked_for(tmp_path: Path) -> None:
    lines = ("CLUB='The Club of 1872'", "TOKEN=ghp_0123456789", "MODE=production", "IMAGES_MAY_HOLD=CLUB", "")
    (tmp_path / ".env").write_text("\n".join(lines))
    settings = load_settings(root=tmp_path, environ={})
    assert list(looked_for(settings)) == ["TOKEN"]
    assert {form.secret for form in secret_forms(settings)} == {"the value of TOKEN"}


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_the_private_key_is_found_however_it_is_written(kind: str, form: PrivateFormat, tmp_path: Path) -> None:
    """Turned red by: `start = 80` for elliptic curves, as where the public point is."""
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(curves[kind])
    pem, der = (key.private_bytes(each, form, NoEncryption()) for each in (Encoding.PEM, Encoding.DER))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    certs = tmp_path / "certs"
    certs.mkdir()
    (certs / "privkey.pem").write_bytes(pem)
    (tmp_path / ".env").write_text(f"CERT_PATH={certs}\n")
    found = secret_forms(load_settings(root=tmp_path, environ={}))
    assert {each.secret for each in found} == {"the private key in CERT_PATH"}
    for written in (pem, der, base64.encodebytes(der), base64.b64encode(b"x" + der), pem.replace(b"\n", b"\r\n")):
        bare = written.translate(None, LINE_BREAKS)
        assert any(each.pattern in bare for each in found)
    assert not any(each.pattern in public for each in found)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None])
def test_a_key_that_cannot_be_read_is_somebody_else_s_fault(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    if text is not None:
        (tmp_path / "certs" / "privkey.pem").write_text(text)
    (tmp_path / ".env").write_text(f"CERT_PATH={tmp_path / 'certs'}\n")
    assert secret_forms(load_settings(root=tmp_path, environ={})) == ()
