"""Certificates made for a test, right and wrong: by Python, or as files (`python -m tests.certificates DIRECTORY`)."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

KINDS = ("p-256", "p-384", "rsa-2048", "rsa-3072", "rsa-4096")


def new_key(kind: str) -> Key:
    """Make a key of one of KINDS; the larger RSA ones take seconds."""
    if kind.startswith("rsa-"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))
    return ec.generate_private_key({"p-256": ec.SECP256R1(), "p-384": ec.SECP384R1()}[kind])


def certificate(
    key: Key,
    name: str,
    *,
    signer: tuple[Key, str] | None = None,
    start: float = -10,
    days: float = 90,
    names: Sequence[str] | None = None,
    now: datetime | None = None,
) -> x509.Certificate:
    """Make a certificate that begins `start` days from `now`; without `signer` (its key and name) it is self-signed."""
    begin = (now or datetime.now(UTC)) + timedelta(days=start)
    signing, issuer = signer or (key, name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if alternatives := [general_name(each) for each in ((name,) if names is None else names)]:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def general_name(text: str) -> x509.GeneralName:
    """Give the name as a certificate has it: an address, or a name of a host."""
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def key_text(key: Key, password: bytes | None = None) -> bytes:
    """Write a key as PEM, encrypted where there is a password."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def pem(*chain: x509.Certificate) -> bytes:
    """Write a chain as PEM."""
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain)


def fingerprint(leaf: x509.Certificate) -> str:
    """Give the SHA-256 of a certificate's DER, in hexadecimal."""
    return leaf.fingerprint(hashes.SHA256()).hex()


def write_pair(directory: Path, chain: bytes, key: bytes) -> Path:
    """Write the two files as CERT_PATH has them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fullchain.pem").write_bytes(chain)
    (directory / "privkey.pem").write_bytes(key)
    (directory / "privkey.pem").chmod(0o600)
    return directory


def main(directory: Path) -> None:
    """Write a directory a pair, for tests of the shell: good ones and bad ones, by name."""
    key, other = new_key("p-256"), new_key("p-384")
    names = ["example.org", "*.example.org"]
    one, two, three = (certificate(key, "example.org", names=names) for _ in range(3))
    signed = certificate(key, "example.org", signer=(other, "authority"))
    pairs = {
        "one": (pem(one), key_text(key)),
        "two": (pem(two), key_text(key)),
        "chain": (pem(signed, certificate(other, "authority")), key_text(key)),
        "leaf": (pem(signed), key_text(key)),  # the same certificate as in `chain`, without who signed it
        "short": (pem(certificate(key, "example.org", days=20)), key_text(key)),
        "expired": (pem(certificate(key, "example.org", start=-100)), key_text(key)),
        "mismatched": (pem(three), key_text(other)),
        "encrypted": (pem(three), key_text(key, b"password")),
    }
    for name, (chain, text) in pairs.items():
        write_pair(directory / name, chain, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
