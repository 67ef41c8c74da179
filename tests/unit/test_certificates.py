"""Certificates made for the test, right and wrong."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tasks.core.certificates import WARN_DAYS, load_certificate
from tasks.core.errors import SettingsError
from tests import certificates
from tests.certificates import Key, fingerprint, key_text, new_key, pem, write_pair
from tests.checkout import ROOT

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("rsa-2048", "p-256", "p-384")
certificate = partial(certificates.certificate, now=NOW)


def refusal(directory: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_certificate(directory, now=NOW)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert str(directory) in message
    return message


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key("p-256")


@pytest.fixture(scope="module")
def other() -> Key:
    return new_key("p-384")


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_pair(tmp_path: Path, kind: str, other: Key) -> None:
    mine = new_key(kind)
    leaf = certificate(mine, "example.org", signer=(other, "authority"))
    found = load_certificate(write_pair(tmp_path, pem(leaf, certificate(other, "authority")), key_text(mine)), now=NOW)
    assert found.subject == "CN=example.org"
    assert found.names == ("example.org",)
    assert (found.days_left, found.chain_length, found.self_signed) == (80, 2, False)
    assert found.fingerprint == fingerprint(leaf)
    assert found.warnings == ()


def test_lets_encrypts_links_work(tmp_path: Path, key: Key) -> None:
    archive, live = tmp_path / "archive", tmp_path / "live"
    archive.mkdir()
    live.mkdir()
    write_pair(archive, pem(certificate(key, "a")), key_text(key))
    for name in ("fullchain.pem", "privkey.pem"):
        (live / name).symlink_to(f"../archive/{name}")
    assert load_certificate(live, now=NOW).self_signed


def test_self_signed_and_short_are_warnings(tmp_path: Path, key: Key) -> None:
    found = load_certificate(write_pair(tmp_path, pem(certificate(key, "a", days=20)), key_text(key)), now=NOW)
    assert ["self-signed" in text or "10 days" in text for text in found.warnings] == [True, True]
    found = load_certificate(tmp_path, now=NOW + timedelta(days=9, hours=23, minutes=55))
    assert "ends in LESS THAN A DAY" in found.warnings[0]


def test_dates(tmp_path: Path, key: Key) -> None:
    write_pair(tmp_path, pem(certificate(key, "a", start=-100, days=90)), key_text(key))
    assert "expired on 2026-02-19" in refusal(tmp_path)
    write_pair(tmp_path, pem(certificate(key, "a", start=1)), key_text(key))
    assert "not valid before 2026-03-02" in refusal(tmp_path)


def test_the_keys_faults(tmp_path: Path, key: Key, other: Key) -> None:
    chain = pem(certificate(key, "a"))
    assert "does not belong" in refusal(write_pair(tmp_path, chain, key_text(other)))
    assert "is encrypted" in refusal(write_pair(tmp_path, chain, key_text(key, b"password")))
    assert "is a certificate, not a key" in refusal(write_pair(tmp_path, chain, chain))
    assert "no private key" in refusal(write_pair(tmp_path, chain, key_text(key)[:100]))
    assert "no private key" in refusal(write_pair(tmp_path, chain, b"\0\xff binary"))
    write_pair(tmp_path, chain, key_text(key))
    (tmp_path / "privkey.pem").chmod(0o644)
    assert "by everybody" in refusal(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_kinds_of_key_that_browsers_refuse(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  (the point)
    assert "1024 bits" in refusal(write_pair(tmp_path, pem(certificate(weak, "a")), key_text(weak)))
    for curve in (ec.SECP256K1(), ec.SECP224R1()):
        odd = ec.generate_private_key(curve)
        assert "browsers do not take" in refusal(write_pair(tmp_path, pem(certificate(odd, "a")), key_text(odd)))
    strange = ed25519.Ed25519PrivateKey.generate()
    assert "browsers do not take" in refusal(write_pair(tmp_path, pem(certificate(strange, "a")), key_text(strange)))


def test_the_chains_faults(tmp_path: Path, key: Key, other: Key) -> None:
    leaf, authority = certificate(key, "leaf", signer=(other, "authority")), certificate(other, "authority")
    own = key_text(key)
    assert "wrong order: the key belongs to certificate 2" in refusal(write_pair(tmp_path, pem(authority, leaf), own))
    assert "did not sign" in refusal(write_pair(tmp_path, pem(leaf, certificate(key, "stranger")), own))
    assert "cut off" in refusal(write_pair(tmp_path, pem(leaf)[:-40], own))
    whole = pem(leaf, authority)
    second = whole.index(b"-----BEGIN", 1)
    for end in range(second + 27, len(whole) - 26, 5):
        assert "cut off" in refusal(write_pair(tmp_path, whole[:end], own)), end
    assert "no chain" in refusal(write_pair(tmp_path, b"\0\xff garbage", own))
    assert "no chain" in refusal(write_pair(tmp_path, b"", own))
    assert "has a private key in it" in refusal(write_pair(tmp_path, pem(leaf) + own, own))


def test_what_is_missing_is_all_named(tmp_path: Path) -> None:
    message = refusal(tmp_path)
    assert "fullchain.pem" in message
    assert "privkey.pem" in message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_key_with_another_byte_is_refused_and_not_shown(tmp_path: Path, kind: str, at: float) -> None:
    mine = new_key(kind)
    chain, text = pem(certificate(mine, "a")), key_text(mine)
    index = int(len(text) * at)
    broken = text[:index] + (b"A" if text[index : index + 1] != b"A" else b"B") + text[index + 1 :]
    write_pair(tmp_path, chain, broken)
    message = refusal(tmp_path)
    assert text.decode()[30:60] not in message


NAMES = ("example.org", "*.example.org", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize(
    ("wanted", "is_covered"),
    [
        ("example.org", True),
        ("Example.ORG", True),
        ("www.example.org", True),
        ("a.b.example.org", False),
        ("notexample.org", False),
        ("xn--bcher-kva.example", True),
        ("www.xn--bcher-kva.example", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:DB8:0:0:0:0:0:1", True),
        ("org", False),
    ],
)
def test_server_names(tmp_path: Path, key: Key, wanted: str, *, is_covered: bool) -> None:
    """Turned red by a wildcard that covers more than one label, and by names compared as they are written."""
    directory = write_pair(tmp_path, pem(certificate(key, "a.test", names=NAMES)), key_text(key))
    if is_covered:
        assert load_certificate(directory, names=["example.org", wanted], now=NOW).names == NAMES
    else:
        with pytest.raises(SettingsError, match=f"is not for {wanted}, only for example.org"):
            load_certificate(directory, names=["example.org", wanted], now=NOW)


def test_a_certificate_without_names_covers_none(tmp_path: Path, key: Key) -> None:
    write_pair(tmp_path, pem(certificate(key, "example.org", names=())), key_text(key))
    with pytest.raises(SettingsError, match="only for no name"):
        load_certificate(tmp_path, names=["example.org"], now=NOW)


def test_another_chain_is_another_pair(tmp_path: Path, key: Key, other: Key) -> None:
    leaf = certificate(key, "a", signer=(other, "authority"))
    alone = load_certificate(write_pair(tmp_path / "1", pem(leaf), key_text(key)), now=NOW)
    whole = load_certificate(
        write_pair(tmp_path / "2", pem(leaf, certificate(other, "authority")), key_text(key)), now=NOW
    )
    assert alone.fingerprint == whole.fingerprint
    assert alone.pair.partition("-")[0] == whole.pair.partition("-")[0] == alone.fingerprint[:16]
    assert alone.pair != whole.pair


def test_both_sides_warn_on_the_same_day() -> None:
    script = (ROOT / "scripts/host/certificates.sh").read_text()
    assert f"\nCERTIFICATE_DAYS={WARN_DAYS}\n" in script
