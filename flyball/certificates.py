"""Certificates: an authority a keyspace, and a certificate a member.

Whoever holds a keyspace's authority can be any of its members, so it is a secret of that keyspace alone and
signs nothing else. A member's certificate serves both ways: members answer clients with it, and show it to the
primary that they follow. It names the member (its TLS name) and where it is reached.

Keys are EC P-256: small, quick in a handshake, known to every client of MySQL 8.4. An authority lives ten
years, a member's certificate one; a certificate is due for renewal when a third of its life is left, so that
renewals may fail for months before a client notices. Time is an argument here, and nothing in this
module reads or writes a file but :func:`write_files`.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flyball.errors import Code, InputError
from flyball.secrets import write_private

AUTHORITY_LIFE = timedelta(days=3652)
"""Ten years."""

MEMBER_LIFE = timedelta(days=365)
"""One year."""

BACKDATED = timedelta(hours=1)
"""How far back a certificate begins: a member's clock may be behind."""

LONGEST_COMMON_NAME = 64
"""Characters (RFC 5280, ub-common-name)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def issue_authority(keyspace: str, now: datetime) -> Pair:
    """A new certificate authority for a keyspace."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"flyball {keyspace}"[:LONGEST_COMMON_NAME])
    builder = (
        _builder(name, name, key, now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _signed(builder, key, key)


def issue_member(authority: Pair, tls_name: str, hosts: tuple[str, ...], now: datetime) -> Pair:
    """A new certificate for a member, for its TLS name and each host name or IP address that it is reached at.

    It never outlives its authority.

    :raises InputError: INVALID_RECORD when the authority is not one, or has expired.
    """
    issuer, issuer_key = _authority(authority)
    end = min(now + MEMBER_LIFE, issuer.not_valid_after_utc)
    if end <= now:
        raise InputError(
            Code.INVALID_RECORD,
            f"certificate authority {issuer.subject.rfc4514_string()}: expired at {issuer.not_valid_after_utc}",
            "Issue a new authority.",
        )
    names = dict.fromkeys((tls_name, *hosts))
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names if name])
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(tls_name[:LONGEST_COMMON_NAME]), issuer.subject, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(uses, critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return _signed(builder, key, issuer_key)


def renewal_due(certificate: str, now: datetime) -> bool:
    """Whether a third or less of the certificate's life is left.

    :raises InputError: INVALID_RECORD when the text is no PEM certificate.
    """
    loaded = _load(certificate)
    life = loaded.not_valid_after_utc - loaded.not_valid_before_utc
    return loaded.not_valid_after_utc - now <= life / 3


def is_issued_by(certificate: str, authority: str) -> bool:
    """Whether the authority's key signed the certificate.

    :raises InputError: INVALID_RECORD when either text is no PEM certificate.
    """
    loaded, issuer = _load(certificate), _load(authority)
    try:
        loaded.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_self_issued(certificate: str) -> bool:
    """Whether the certificate names itself as its issuer, as the end of a chain does.

    :raises InputError: INVALID_RECORD when the text is no PEM certificate.
    """
    loaded = _load(certificate)
    return loaded.issuer == loaded.subject


def write_files(directory: Path, authority_certificate: str, member: Pair) -> None:
    """Write ``ca.pem``, ``cert.pem`` and ``key.pem``, each 0600, into an existing directory.

    Each file is replaced at once, the three of them are not: tell the server to reload only afterwards.
    """
    write_private(directory / "ca.pem", authority_certificate)
    write_private(directory / "key.pem", member.key)
    write_private(directory / "cert.pem", member.certificate)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before((now - BACKDATED).astimezone(UTC))
        .not_valid_after(end.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _authority(authority: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = _load(authority.certificate)
    try:
        key = serialization.load_pem_private_key(authority.key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise InputError(
            Code.INVALID_RECORD,
            f"certificate authority {certificate.subject.rfc4514_string()}: its private key does not belong to it",
            "Restore the authority's secret from a copy, or issue a new one.",
        )
    return certificate, key


def _load(certificate: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise InputError(
            Code.INVALID_RECORD,
            f"certificate: the text is no PEM certificate ({error})",
            "Give a text that starts with BEGIN CERTIFICATE.",
        ) from error
