"""Certificates made for the test, right and wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tasks.core.certificates import load_certificate
from tasks.core.errors import SettingsError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYS: dict[str, Callable[[], Key]] = {
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


def certificate(
    key: Key, name: str, *, signer: tuple[Key, str] | None = None, start: int = -10, days: int = 90
) -> x509.Certificate:
    signing, issuer = signer or (key, name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=start))
        .not_valid_after(NOW + timedelta(days=start + days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    algorithm = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signing, algorithm)


def key_text(key: Key, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain)


def write(directory: Path, chain: bytes, key: bytes) -> Path:
    (directory / "fullchain.pem").write_bytes(chain)
    (directory / "privkey.pem").write_bytes(key)
    (directory / "privkey.pem").chmod(0o600)
    return directory


def refusal(directory: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_certificate(directory, now=NOW)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert str(directory) in message
    return message


@pytest.fixture(scope="module")
def key() -> Key:
    return KEYS["p-256"]()


@pytest.fixture(scope="module")
def other() -> Key:
    return KEYS["p-384"]()


@pytest.mark.parametrize("kind", KEYS)
def test_a_good_pair(tmp_path: Path, kind: str, other: Key) -> None:
    mine = KEYS[kind]()
    leaf = certificate(mine, "example.org", signer=(other, "authority"))
    found = load_certificate(write(tmp_path, pem(leaf, certificate(other, "authority")), key_text(mine)), now=NOW)
    assert found.subject == "CN=example.org"
    assert found.names == ("example.org",)
    assert (found.days_left, found.chain_length, found.self_signed) == (80, 2, False)
    assert found.fingerprint == leaf.fingerprint(hashes.SHA256()).hex()
    assert found.warnings == ()


def test_lets_encrypts_links_work(tmp_path: Path, key: Key) -> None:
    archive, live = tmp_path / "archive", tmp_path / "live"
    archive.mkdir()
    live.mkdir()
    write(archive, pem(certificate(key, "a")), key_text(key))
    for name in ("fullchain.pem", "privkey.pem"):
        (live / name).symlink_to(f"../archive/{name}")
    assert load_certificate(live, now=NOW).self_signed


def test_self_signed_and_short_are_warnings(tmp_path: Path, key: Key) -> None:
    found = load_certificate(write(tmp_path, pem(certificate(key, "a", days=20)), key_text(key)), now=NOW)
    assert ["self-signed" in text or "10 days" in text for text in found.warnings] == [True, True]


def test_dates(tmp_path: Path, key: Key) -> None:
    write(tmp_path, pem(certificate(key, "a", start=-100, days=90)), key_text(key))
    assert "expired on 2026-02-19" in refusal(tmp_path)
    write(tmp_path, pem(certificate(key, "a", start=1)), key_text(key))
    assert "not valid before 2026-03-02" in refusal(tmp_path)


def test_the_keys_faults(tmp_path: Path, key: Key, other: Key) -> None:
    chain = pem(certificate(key, "a"))
    assert "does not belong" in refusal(write(tmp_path, chain, key_text(other)))
    assert "is encrypted" in refusal(write(tmp_path, chain, key_text(key, b"password")))
    assert "is a certificate, not a key" in refusal(write(tmp_path, chain, chain))
    assert "no private key" in refusal(write(tmp_path, chain, key_text(key)[:100]))
    assert "no private key" in refusal(write(tmp_path, chain, b"\0\xff binary"))
    write(tmp_path, chain, key_text(key))
    (tmp_path / "privkey.pem").chmod(0o644)
    assert "by everybody" in refusal(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_kinds_of_key_that_browsers_refuse(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  (the point)
    assert "1024 bits" in refusal(write(tmp_path, pem(certificate(weak, "a")), key_text(weak)))
    strange = ed25519.Ed25519PrivateKey.generate()
    assert "browsers do not take" in refusal(write(tmp_path, pem(certificate(strange, "a")), key_text(strange)))


def test_the_chains_faults(tmp_path: Path, key: Key, other: Key) -> None:
    leaf, authority = certificate(key, "leaf", signer=(other, "authority")), certificate(other, "authority")
    own = key_text(key)
    assert "wrong order: the key belongs to certificate 2" in refusal(write(tmp_path, pem(authority, leaf), own))
    assert "did not sign" in refusal(write(tmp_path, pem(leaf, certificate(key, "stranger")), own))
    assert "cut off" in refusal(write(tmp_path, pem(leaf)[:-40], own))
    assert "no chain" in refusal(write(tmp_path, b"\0\xff garbage", own))
    assert "no chain" in refusal(write(tmp_path, b"", own))
    assert "has a private key in it" in refusal(write(tmp_path, pem(leaf) + own, own))


def test_what_is_missing_is_all_named(tmp_path: Path) -> None:
    message = refusal(tmp_path)
    assert "fullchain.pem" in message
    assert "privkey.pem" in message


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_byte_is_never_taken_for_another_certificate(tmp_path: Path, kind: str, at: float) -> None:
    mine = KEYS[kind]()
    chain, text = pem(certificate(mine, "a")), key_text(mine)
    index = int(len(text) * at)
    broken = text[:index] + (b"A" if text[index : index + 1] != b"A" else b"B") + text[index + 1 :]
    write(tmp_path, chain, broken)
    message = refusal(tmp_path)
    assert text.decode()[30:60] not in message
