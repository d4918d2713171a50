"""An authority as cert-manager writes it: another format of the key, and who issued it beside it."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flyball.certificates import is_issued_by, issue_member
from flyball.credentials import ensure_authority, ensure_credentials
from flyball.records import Keyspace, Metadata
from flyball.secrets import FileSecrets

NOW = datetime.now(UTC)
KEYSPACE = Keyspace.model_validate({"metadata": Metadata(name="commerce"), "spec": {}})


class Authority:
    """What signs: itself, unless another one issued it."""

    def __init__(self, name: str, issuer: "Authority | None" = None) -> None:
        self.issuer = issuer
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = issuer or self
        made = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(by.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(minutes=5))
            .not_valid_after(NOW + timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )
        if issuer is not None:  # as Go's crypto/x509 does, which cert-manager signs with
            of = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
            made = made.add_extension(of, critical=False)
        self.certificate = made.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    @property
    def root(self) -> "Authority":
        return self if self.issuer is None else self.issuer.root

    def secret(self) -> dict[str, str]:
        """``tls.crt``: it, and who issued it but for the root; ``ca.crt``: the root; the key as SEC 1 has it."""
        chain, one = self.certificate, self.issuer
        while one is not None and one.issuer is not None:
            chain, one = chain + one.certificate, one.issuer
        form = serialization.PrivateFormat.TraditionalOpenSSL
        key = self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        return {"tls.crt": chain, "tls.key": key, "ca.crt": self.root.certificate}


ROOT = Authority("root")
KINDS = {
    "issued by itself": lambda: Authority("shop"),
    "issued by a root": lambda: Authority("shop", Authority("another root")),
    "issued by one between": lambda: Authority("shop", Authority("between", ROOT)),
}


@pytest.fixture
def secrets(tmp_path) -> FileSecrets:
    return FileSecrets(tmp_path / "secrets")


async def keep(secrets: FileSecrets, authority: Authority) -> str:
    """cert-manager writes the Secret; returns what members trust then."""
    write = secrets.create if await secrets.get("ours") is None else secrets.replace
    await write("ours", authority.secret())
    return (await ensure_credentials(secrets, KEYSPACE, "ours"))["ca"]


async def member_of(secrets: FileSecrets, directory) -> ssl.SSLContext:
    """A member's side of a connection."""
    pair = issue_member(await ensure_authority(secrets, "commerce", "ours"), "m1.test", (), NOW)
    file = directory / "member.pem"
    file.write_text(pair.certificate + pair.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def shake(trusted: str, member: ssl.SSLContext) -> None:
    """A handshake over memory; raises where the member's certificate is not believed."""
    to_client, to_member = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        ssl.create_default_context(cadata=trusted).wrap_bio(to_client, to_member, server_hostname="m1.test"),
        member.wrap_bio(to_member, to_client, server_side=True),
    )
    done: set[object] = set()
    for side in sides * 3:
        try:
            side.do_handshake()
            done.add(side)
        except ssl.SSLWantReadError:
            continue
    assert len(done) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_who_trusts_the_credentials_believes_the_members(kind, secrets, tmp_path):
    """OpenSSL refuses a chain that ends before somebody who issued himself."""
    trusted = await keep(secrets, KINDS[kind]())
    shake(trusted, await member_of(secrets, tmp_path))


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_renewal_members_of_both_are_believed(kind, secrets, tmp_path):
    """cert-manager makes another key at each renewal, and the root may be another one by then."""
    first, second = KINDS[kind](), KINDS[kind]()
    await keep(secrets, first)
    former = await member_of(secrets, tmp_path)
    trusted = await keep(secrets, second)
    shake(trusted, former)
    shake(trusted, await member_of(secrets, tmp_path))
    assert await keep(secrets, second) == trusted, "nothing is added again"
    third = await keep(secrets, KINDS[kind]())
    assert first.certificate.strip() not in third
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(third, former)


async def test_the_authority_signs_and_not_who_issued_it(secrets):
    authority = KINDS["issued by one between"]()
    await keep(secrets, authority)
    pair = issue_member(await ensure_authority(secrets, "commerce", "ours"), "m1.test", (), NOW)
    assert is_issued_by(pair.certificate, authority.certificate)


@pytest.mark.parametrize("nothing", [{}, {"ca.crt": ""}])
async def test_a_secret_that_names_no_issuer_is_taken_as_it_is(nothing, secrets):
    authority = Authority("shop")
    held = {key: value for key, value in authority.secret().items() if key != "ca.crt"} | nothing
    await secrets.create("ours", held)
    assert (await ensure_authority(secrets, "commerce", "ours")).certificate == authority.certificate
