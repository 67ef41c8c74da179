"""Certificates that cannot be used, on both sides: Python's reader on the workstation, Node's on the host."""

import base64
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.certificates import read_certificate
from tests.certificates import Key, certificate, fingerprint, key_text, new_key, pem, write_pair
from tests.checkout import ROOT
from tests.properties.conftest import Examples
from tests.properties.test_stack_database import hundred

KEYS: dict[str, Key] = {kind: new_key(kind) for kind in ("p-256", "p-384", "rsa-2048")}
ODD: list[tuple[str, Key]] = [
    ("is an RSA key of 1024 bits", rsa.generate_private_key(65537, 1024)),  # noqa: S505 - the point
    ("is of a kind that browsers do not take", ec.generate_private_key(ec.SECP256K1())),
    ("is of a kind that browsers do not take", ed25519.Ed25519PrivateKey.generate()),
]
AUTHORITIES = [new_key("p-256"), new_key("p-384")]
NAMES = ["example.org", "*.example.org", "192.0.2.1", "2001:db8::1"]


def chain(key: Key, length: int, *, start: float = -10, days: float = 90, at: int = 0) -> list[x509.Certificate]:
    """A leaf and who signed it, `length` in all; the dates are those of the one at `at`."""
    keys = [key, *AUTHORITIES][:length]
    names = ["example.org", "first", "second"]
    made = []
    for place, mine in enumerate(keys):
        above = (keys[place + 1], names[place + 1]) if place + 1 < length else None
        begin, lasts = (start, days) if place == at else (-10.0, 90.0)
        alternatives = NAMES if place == 0 else ()
        made.append(certificate(mine, names[place], signer=above, names=alternatives, start=begin, days=lasts))
    return made


Pair = tuple[bytes, bytes]
"""fullchain.pem and privkey.pem."""


def good(draw: st.DrawFn) -> Pair:
    key = KEYS[draw(st.sampled_from(sorted(KEYS)))]
    text = pem(*chain(key, draw(st.integers(1, 3))))
    change = draw(st.sampled_from(["", "crlf", "comment", "no end"]))
    text = {"crlf": text.replace(b"\n", b"\r\n"), "comment": b"# mine\n" + text, "no end": text.rstrip()}.get(
        change, text
    )
    return text, key_text(key)


def expired(draw: st.DrawFn) -> Pair:
    key, length = KEYS["p-256"], draw(st.integers(1, 3))
    dates = chain(key, length, start=draw(st.floats(-3000, -91)), at=draw(st.integers(0, length - 1)))
    return pem(*dates), key_text(key)


def too_early(draw: st.DrawFn) -> Pair:
    key, length = KEYS["p-256"], draw(st.integers(1, 3))
    return pem(*chain(key, length, start=draw(st.floats(0.1, 900)), at=draw(st.integers(0, length - 1)))), key_text(key)


def mismatched(draw: st.DrawFn) -> Pair:
    one, two = draw(st.permutations(sorted(KEYS)))[:2]
    return pem(*chain(KEYS[one], draw(st.integers(1, 2)))), key_text(KEYS[two])


def wrong_order(draw: st.DrawFn) -> Pair:
    key, length = KEYS["p-384"], draw(st.integers(2, 3))
    made = chain(key, length)
    return pem(*draw(st.permutations(made).filter(lambda each: each[0] is not made[0]))), key_text(key)


def stranger(draw: st.DrawFn) -> Pair:
    key = KEYS["p-256"]
    leaf, *rest = chain(key, draw(st.integers(2, 3)))
    return pem(leaf, certificate(new_key("p-256"), draw(st.sampled_from(["first", "stranger"]))), *rest[1:]), key_text(
        key
    )


def encrypted(draw: st.DrawFn) -> Pair:
    key = KEYS[draw(st.sampled_from(sorted(KEYS)))]
    return pem(*chain(key, 1)), key_text(key, draw(st.binary(min_size=1, max_size=12)))


def truncated(draw: st.DrawFn) -> Pair:
    """Cut off inside a certificate, or inside the key."""
    text, key = good(draw)
    if draw(st.booleans()):
        begun, ended = b"-----BEGIN CERT", b"END CERTIFICATE-----"
        places = [at for at in range(len(text)) if text[:at].count(begun) > text[:at].count(ended)]
        return text[: somewhere(draw, places)], key
    return text, key[: somewhere(draw, range(len(key) - 30))]


def somewhere(draw: st.DrawFn, places: Sequence[int]) -> int:
    """Draw a place by a fraction: how long a signature is differs each time, and what is drawn must not."""
    return places[int(draw(st.floats(0, 0.999)) * len(places))]


def garbage(draw: st.DrawFn) -> Pair:
    text, key = good(draw)
    junk = draw(st.binary(max_size=300)) + draw(st.sampled_from([b"", key[:40], text[:40]]))
    return (junk, key) if draw(st.booleans()) else (text, junk)


def exchanged(draw: st.DrawFn) -> Pair:
    text, key = good(draw)
    return draw(st.sampled_from([(key, text), (text + key, key), (key + text, key), (text, text)]))


def odd_key(draw: st.DrawFn) -> Pair:
    _, key = draw(st.sampled_from(ODD))
    return pem(*chain(key, draw(st.integers(1, 2)))), key_text(key)


def flipped_in_the_key(draw: st.DrawFn) -> Pair:
    """An RSA key says the same more than once, and Python alone compares: ECDSA keys have no such spare parts.

    What stands before the key itself is left alone: of the two version numbers there Node takes others, too. Behind it
    every single bit was tried, with one verdict.
    """
    kind = KEYS[draw(st.sampled_from(["p-256", "p-384"]))]
    text, key = pem(*chain(kind, 1)), key_text(kind)
    lines = key.splitlines()
    raw = bytearray(base64.b64decode(b"".join(lines[1:-1])))
    version = raw.index(b"\x02\x01\x01") + 2  # of ECPrivateKey (RFC 5915)
    raw[somewhere(draw, range(version + 1, len(raw)))] ^= 1 << draw(st.integers(0, 7))
    return text, b"\n".join([lines[0], base64.encodebytes(raw).strip(), lines[-1], b""])


FAULTS: dict[Callable[[st.DrawFn], Pair], tuple[str, ...]] = {
    expired: ("expired on ",),
    too_early: ("is not valid before ",),
    mismatched: ("does not belong to the certificate",),
    wrong_order: ("is in the wrong order",),
    stranger: ("did not sign",),
    encrypted: ("is encrypted",),
    truncated: ("is cut off", "is no private key", "is no chain"),
    garbage: ("is no chain", "is no private key", "has a private key in it", "is cut off", "is a certificate"),
    exchanged: ("has a private key in it", "is a certificate, not a key", "is no private key"),
    odd_key: tuple(what for what, _ in ODD),
}
"""What may be wrong, and what has to be said of it."""

FAULTY = st.sampled_from(sorted(FAULTS, key=lambda each: each.__name__)).flatmap(
    lambda make: st.composite(make)().map(lambda pair: (make, pair))
)


def here(directory: Path, names: str) -> tuple[list[str], str]:
    """What Python says of the pair: the faults, as the host words them, and the fingerprint."""
    found, faults = read_certificate(directory, names=names.split(",") if names else ())
    return [f"{Path(fault.where).name} {fault.what}" for fault in faults], found.fingerprint if found else ""


def there(directory: Path, names: str) -> tuple[list[str], str]:
    """What Node says of it."""
    node = shutil.which("node")
    assert node
    text, key = ((directory / name).read_bytes() for name in ("fullchain.pem", "privkey.pem"))
    done = subprocess.run(
        [node, ROOT / "containers/backend/certificate", str(len(text)), names],
        input=text + key, capture_output=True, check=True,
    )  # fmt: skip
    said = [line.partition("=")[::2] for line in done.stdout.decode().splitlines()]
    return [value for name, value in said if name == "fault"], dict(said).get("fingerprint", "")


def test_what_cannot_be_used_is_refused(tmp_path: Path, examples: Examples) -> None:
    """Any fault is found and named before anything is contacted, and by the host's own look in the same words.

    Feature: production-deployment-system, Property 14: Certificate validation

    Turned red by: no _date_faults in read_certificate; `if (position > 0)` → `if (position > 1)` in checkKey.
    """
    seen = set()

    def holds(case: tuple[Callable[[st.DrawFn], Pair], Pair]) -> None:
        make, pair = case
        write_pair(tmp_path, *pair)
        faults, _ = here(tmp_path, "")
        assert any(reason.strip() in fault for fault in faults for reason in FAULTS[make]), faults
        assert there(tmp_path, "")[0] == faults
        seen.add(make)
        examples()

    hundred(given(FAULTY)(holds))()
    assert seen == set(FAULTS)
    assert examples.count >= 100


def test_both_sides_take_the_same(tmp_path: Path, examples: Examples) -> None:
    """Pairs without a fault, with a flipped bit in the key, and names to be covered: one verdict, one fingerprint.

    Feature: production-deployment-system, Property 14: Certificate validation

    Turned red by: `'*'` for more than one label in `covers`; a key whose two halves are not compared (isOfOnePiece);
    addresses as Node writes them, in namesOf.
    """
    names = st.lists(
        st.sampled_from(["example.org", "www.example.org", "a.b.example.org", "example.com", "192.0.2.1", "192.0.2.9",
                         "2001:db8::1", "2001:db8::2", "localhost"]), max_size=3, unique=True,
    ).map(",".join)  # fmt: skip
    verdicts = set()

    def holds(made: tuple[Pair, bool], wanted: str) -> None:
        pair, is_good = made
        write_pair(tmp_path, *pair)
        faults, mark = here(tmp_path, wanted)
        said, _ = there(tmp_path, wanted)
        assert said == faults if is_good else bool(said) == bool(faults)
        if not faults:
            leaf = x509.load_pem_x509_certificates(pair[0])[0]
            assert mark == fingerprint(leaf) == there(tmp_path, wanted)[1]
        verdicts.add(bool(faults))
        examples()

    goods, flipped = (st.tuples(st.composite(make)(), st.just(make is good)) for make in (good, flipped_in_the_key))
    pairs = goods | goods | flipped
    hundred(given(pairs, names)(holds))()
    assert verdicts == {True, False}
    assert examples.count >= 100
