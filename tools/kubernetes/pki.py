"""The cluster's certificates and kubeconfigs: one authority, a certificate for each component, ten years.

Everything is made anew with each cluster and dies with it. What is served is named for 127.0.0.1 as well: the API
server is reached there from the machine.
"""

import base64
import ipaddress
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.kubernetes.layout import NODE_NET, SERVICE_OF_API, Layout

YEARS = timedelta(days=3650)
API_NAMES = (
    "127.0.0.1",
    f"{NODE_NET}.1",
    SERVICE_OF_API,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


class Authority:
    """A certificate authority that writes what it issues into a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "flyball-cluster")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._begin(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)
        self._write("ca", self.certificate, self._key)

    def issue(self, file: str, common_name: str, group: str = "", names: Sequence[str] = ()) -> tuple[bytes, bytes]:
        """Write FILE.crt and FILE.key: a server's where it has names, else a client's. Returns both."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if group:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._begin(x509.Name(subject), key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return certificate, self._write(file, certificate, key)

    def kubeconfig(self, file: str, user: tuple[bytes, bytes], server: str) -> None:
        """Write FILE.kubeconfig for a client's certificate and key."""

        def text(data: bytes) -> str:
            return base64.b64encode(data).decode()

        certificate, key = user
        said = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "flyball",
                    "cluster": {"server": server, "certificate-authority-data": text(self.certificate)},
                }
            ],
            "users": [
                {
                    "name": file,
                    "user": {"client-certificate-data": text(certificate), "client-key-data": text(key)},
                }
            ],
            "contexts": [{"name": "flyball", "context": {"cluster": "flyball", "user": file}}],
            "current-context": "flyball",
        }
        _write_private(self._directory / f"{file}.kubeconfig", json.dumps(said, indent=1).encode())

    def _begin(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))  # clocks
            .not_valid_after(now + YEARS)
        )

    def _write(self, file: str, certificate: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
        private = _private(key)
        (self._directory / f"{file}.crt").write_bytes(certificate)
        _write_private(self._directory / f"{file}.key", private)
        return private


def make(layout: Layout) -> None:
    """All that a cluster of this layout needs."""
    authority = Authority(layout.pki)
    inside = f"https://{NODE_NET}.1:{layout.port}"
    authority.issue("apiserver", "kube-apiserver", names=API_NAMES)
    authority.issue("front-proxy", "front-proxy")
    admin = authority.issue("admin", "admin", "system:masters")
    authority.kubeconfig("admin", admin, f"https://127.0.0.1:{layout.port}")
    for component in ("controller-manager", "scheduler", "proxy"):
        authority.kubeconfig(component, authority.issue(component, f"system:kube-{component}"), inside)
    for number in range(layout.nodes):
        node = f"node-{number}"
        authority.kubeconfig(node, authority.issue(node, f"system:node:{node}", "system:nodes"), inside)
        authority.issue(f"serving-{number}", node, names=[node, f"{NODE_NET}.{number + 1}"])
    tokens = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_private(layout.pki / "sa.key", _private(tokens))
    public = tokens.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (layout.pki / "sa.pub").write_bytes(public)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(file: Path, data: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(data)
