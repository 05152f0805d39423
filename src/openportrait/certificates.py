"""Certificates with which results are signed: the user's, or one made on this machine, for which nobody vouches."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from openportrait.errors import OptionError
from openportrait.files import read_plain
from openportrait.media.files import unwritable
from openportrait.media.target import remove
from openportrait.weights.cache import cache_folder

ISSUER = "Verified by nobody"
SUBJECT = "Local certificate of OpenPortrait"
YEARS = 10
"""How long a local certificate is good for."""
_MOST_BYTES = 1_000_000
"""Largest file of a certificate chain or key, bytes: usual ones have a few thousand."""
_CHAIN, _KEY = "chain.pem", "key.pem"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Certificate:
    """A certificate chain with its private key."""

    chain: bytes
    """PEM, the one that signs first."""
    key: bytes
    """PEM, PKCS #8, without a password."""
    algorithm: str
    """As C2PA calls it: es256, ps256, …"""


def load_certificate(chain: Path, key: Path) -> Certificate:
    """A certificate in PEM and its key.

    Raises MediaError for a file that cannot be read, OptionError for one of no use.
    """
    certificates = read_plain(chain, _MOST_BYTES, "a certificate chain in PEM")
    secret = read_plain(key, _MOST_BYTES, "a private key in PEM")
    try:
        first, *_ = x509.load_pem_x509_certificates(certificates)
    except ValueError as error:
        raise OptionError(f"--certificate {chain}: holds no certificate; give a chain in PEM") from error
    try:
        private: Any = serialization.load_pem_private_key(secret, None)
    except TypeError as error:
        raise OptionError(f"--certificate-key {key}: has a password; give a key without one") from error
    except ValueError as error:
        raise OptionError(f"--certificate-key {key}: holds no private key; give one in PEM") from error
    if private.public_key() != first.public_key():
        raise OptionError(f"--certificate-key {key}: is not the key of {chain}; give the one that belongs to it")
    if first.not_valid_after_utc < _now():
        raise OptionError(f"--certificate {chain}: is valid no longer; give a newer one")
    algorithm = _algorithm(private)
    if not algorithm:
        raise OptionError(f"--certificate-key {key}: C2PA does not sign with such a key; give one of P-256 or RSA")
    return Certificate(certificates, _pem(private), algorithm)


def local_certificate() -> Certificate:
    """The one of this user on this machine, made when it is first asked for.

    Raises MediaError where it cannot be kept.
    """
    folder = cache_folder() / "certificate"
    if not (folder / _KEY).exists():
        _make(folder)
    return load_certificate(folder / _CHAIN, folder / _KEY)


def _make(folder: Path) -> None:
    """Write all of it, or nothing: another process may be making it too."""
    hidden = folder.with_name(f"certificate-{secrets.token_hex(8)}")
    try:
        hidden.mkdir(mode=0o700, parents=True)
        chain, key = _made()
        (hidden / _CHAIN).write_bytes(chain)
        (hidden / _KEY).touch(mode=0o600)
        (hidden / _KEY).write_bytes(key)
        hidden.rename(folder)
    except OSError as error:
        if not (folder / _KEY).exists():
            raise unwritable(folder, error) from error
    finally:
        remove(hidden)


def _made() -> tuple[bytes, bytes]:
    """Chain and key. C2PA takes no certificate that signed itself: a root does it, whose key is then forgotten."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = {"root": _name("Local root of OpenPortrait"), "own": _name(SUBJECT)}
    signs, certifies = _usage(digital_signature=True), _usage(key_cert_sign=True)
    basis = _base(own.public_key(), names["own"], names["root"], root)
    leaf = (
        basis.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    )
    basis = _base(root.public_key(), names["root"], names["root"], root)
    above = basis.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
        certifies, critical=True
    )
    chain = b"".join(
        each.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for each in (leaf, above)
    )
    return chain, _pem(own)


def _base(public: Any, subject: x509.Name, issuer: x509.Name, root: Any) -> x509.CertificateBuilder:
    day, now = datetime.timedelta(days=1), _now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + YEARS * 365 * day)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, ISSUER), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in (*names, *others)})


def _algorithm(key: Any) -> str:
    """As C2PA calls it; empty where it has none for such a key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name, "")
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else ""


def _pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
