"""Read a certificate chain and its key as they lie in CERT_PATH, and refuse what no browser or server would take.

The names are Let's Encrypt's: `fullchain.pem` (the server's certificate first, then who signed it) and `privkey.pem`.
Nothing of the key but whether it fits ever leaves this module, but for the archive that goes to a host. The same rules,
in the same words, are in containers/backend/certificate: a host looks again at what it is to serve.
"""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tasks.core.faults import Fault, refuse

CHAIN, KEY = "fullchain.pem", "privkey.pem"

WARN_DAYS = 30
"""Days before the end at which a certificate is worth a warning."""

_CURVES = ("secp256r1", "secp384r1", "secp521r1")

_PublicKey = bytes


@dataclass(frozen=True)
class Certificate:
    """Describe the server's certificate; times are UTC, `fingerprint` is the SHA-256 of its DER in hexadecimal.

    `pair` names it together with its chain, as a host does (scripts/host/certificates.sh).
    """

    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    days_left: int
    fingerprint: str
    pair: str
    chain_length: int
    self_signed: bool
    warnings: tuple[str, ...] = ()


def load_certificate(directory: Path, *, names: Iterable[str] = (), now: datetime | None = None) -> Certificate:
    """Read and check the pair in `directory`, which has to cover `names`; raises SettingsError with every fault."""
    certificate, faults = read_certificate(directory, names=names, now=now)
    refuse(faults)
    assert certificate is not None  # noqa: S101  (no fault, no reason to have none)
    return certificate


def read_certificate(
    directory: Path, *, names: Iterable[str] = (), now: datetime | None = None
) -> tuple[Certificate | None, list[Fault]]:
    """Read the pair in `directory`, and give every fault instead of raising."""
    now = now or datetime.now(UTC)
    faults: list[Fault] = []
    chain = _read_chain(directory / CHAIN, faults)
    key = _read_key(directory / KEY, faults)
    if not chain:
        return None, faults
    leaf = chain[0]
    public = _public_bytes(leaf)
    if key is not None and key != public:
        faults.append(_mismatch(directory, chain, key))
    faults += _order_faults(directory / CHAIN, chain)
    faults += _date_faults(directory / CHAIN, chain, now)
    faults += _name_faults(directory / CHAIN, _names(leaf), names)
    return (None if faults else _describe(directory / CHAIN, chain, now)), faults


def days_text(days: int) -> str:
    """Write the whole days that are left; the last one in another tone."""
    return f"{days} days" if days else "LESS THAN A DAY"


def certificate_archive(directory: Path) -> bytes:
    """Pack the two files as tar, for a host; links are followed."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in (CHAIN, KEY):
            content = (directory / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _read_chain(path: Path, faults: list[Fault]) -> list[x509.Certificate]:
    if (raw := _read(path, faults)) is None:
        return []
    if b"PRIVATE KEY" in raw:
        faults.append(_fault(path, "has a private key in it", "certificates only"))
        return []
    begun, ended = (raw.count(b"-----%s CERTIFICATE-----" % word) for word in (b"BEGIN", b"END"))
    try:
        chain = x509.load_pem_x509_certificates(raw)
        for certificate in chain:
            _public_bytes(certificate)
    except (ValueError, UnsupportedAlgorithm):
        chain = []
    if not (chain and len(chain) == begun == ended):  # what is cut off behind a whole one would be passed over
        what = "is no chain of certificates that can be read" if begun == ended else "is cut off inside a certificate"
        faults.append(_fault(path, what, "PEM certificates, the server's first"))
        return []
    return chain


def _read_key(path: Path, faults: list[Fault]) -> _PublicKey | None:
    """Read the private key, and give the public one that belongs to it."""
    if (raw := _read(path, faults)) is None:
        return None
    if path.stat().st_mode & stat.S_IRWXO:
        faults.append(_fault(path, "can be read or written by everybody on this machine", "mode 0600: chmod 600"))
    form = "an RSA (2048 bits or more) or ECDSA (P-256, P-384, P-521) key in PEM, without a passphrase"
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except TypeError:
        faults.append(_fault(path, "is encrypted", form))
        return None
    except (ValueError, UnsupportedAlgorithm):
        what = "is a certificate, not a key" if b"BEGIN CERTIFICATE" in raw else "is no private key that can be read"
        encrypted = b"ENCRYPTED" in raw
        faults.append(_fault(path, "is encrypted" if encrypted else what, form))
        return None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 2048:
            faults.append(_fault(path, f"is an RSA key of {key.key_size} bits", form))
    elif not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES):
        faults.append(_fault(path, "is of a kind that browsers do not take", form))
    return _encode(key.public_key())


def _read(path: Path, faults: list[Fault]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.append(_fault(path, f"cannot be read: {(error.strerror or 'failed').lower()}", "a PEM file"))
        return None


def _mismatch(directory: Path, chain: list[x509.Certificate], key: _PublicKey) -> Fault:
    for position, certificate in enumerate(chain[1:], 2):
        if _public_bytes(certificate) == key:
            what = f"is in the wrong order: the key belongs to certificate {position} of it"
            return _fault(directory / CHAIN, what, "the server's certificate first, then who signed it")
    return _fault(directory / KEY, f"does not belong to the certificate in {CHAIN}", "the key of that certificate")


def _order_faults(path: Path, chain: list[x509.Certificate]) -> list[Fault]:
    form = "the server's certificate first, then who signed it, and so on"
    faults = []
    for position, (signed, signer) in enumerate(pairwise(chain), 1):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            what = f"is no chain: certificate {position + 1} did not sign certificate {position}"
            faults.append(_fault(path, what, form))
    return faults


def _date_faults(path: Path, chain: list[x509.Certificate], now: datetime) -> list[Fault]:
    faults = []
    for position, certificate in enumerate(chain, 1):
        which = "" if len(chain) == 1 else f"certificate {position} "
        if now > certificate.not_valid_after_utc:
            faults.append(_fault(path, f"{which}expired on {_day(certificate.not_valid_after_utc)}", "a valid one"))
        if now < certificate.not_valid_before_utc:
            what = f"{which}is not valid before {_day(certificate.not_valid_before_utc)}"
            faults.append(_fault(path, what, "a valid one, and a workstation whose clock is right"))
    return faults


def _name_faults(path: Path, names: tuple[str, ...], wanted: Iterable[str]) -> list[Fault]:
    """Find what is asked for and not covered: by the same name, or a wildcard for its first label (RFC 6125, 6.4)."""
    covered = {_shortest(name) for name in names}
    missing = [name for name in wanted if not covered & {_shortest(name), _wildcard(name)}]
    if not missing:
        return []
    what = f"is not for {', '.join(missing)}, only for {', '.join(names) or 'no name'}"
    return [_fault(path, what, "a certificate for all of SERVER_NAMES")]


def _wildcard(name: str) -> str:
    """Give the wildcard that would cover a name of a host; the name itself where none can."""
    _, dot, rest = name.lower().partition(".")
    return f"*.{rest}" if dot and not rest[-1].isdigit() else _shortest(name)


def _shortest(name: str) -> str:
    """Give a name in lower case, and an address in its one shortest form."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def _describe(path: Path, chain: list[x509.Certificate], now: datetime) -> Certificate:
    leaf = chain[0]
    days = (leaf.not_valid_after_utc - now).days
    self_signed = leaf.issuer == leaf.subject
    warnings = []
    if days < WARN_DAYS:
        warnings.append(f"the certificate ends in {days_text(days)}, on {_day(leaf.not_valid_after_utc)}")
    if self_signed:
        warnings.append("the certificate is self-signed: browsers will warn")
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
    return Certificate(
        subject=leaf.subject.rfc4514_string(),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        days_left=days,
        fingerprint=fingerprint,
        pair=f"{fingerprint[:16]}-{sha256(path.read_bytes()).hexdigest()[:8]}",
        chain_length=len(chain),
        self_signed=self_signed,
        warnings=tuple(warnings),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = (str(address) for address in found.get_values_for_type(x509.IPAddress))
    return (*(name.lower() for name in found.get_values_for_type(x509.DNSName)), *addresses)


def _public_bytes(certificate: x509.Certificate) -> _PublicKey:
    return _encode(certificate.public_key())


def _encode(key: object) -> _PublicKey:
    if not hasattr(key, "public_bytes"):
        raise ValueError("no public key")
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _fault(path: Path, what: str, form: str) -> Fault:
    return Fault("CERT_PATH", what, form, str(path))


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
