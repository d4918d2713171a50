"""A keyspace's authority, and what members do with the certificates that it signs."""

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from flyball.certificates import (
    AUTHORITY_LIFE,
    MEMBER_LIFE,
    Pair,
    is_issued_by,
    issue_authority,
    issue_member,
    renewal_due,
    write_files,
)
from flyball.errors import Code, InputError

NOW = datetime.now(UTC)
NAME = "commerce-80-x-2"


@pytest.fixture(scope="module")
def authority() -> Pair:
    return issue_authority("commerce", NOW)


@pytest.fixture(scope="module")
def member(authority) -> Pair:
    return issue_member(authority, NAME, ("127.0.0.1", "db.example", "::1"), NOW)


def handshake(tmp_path, server_side, client_side, name):
    """A TLS handshake in memory in which both sides show a certificate and check the other's."""
    contexts = []
    for side, (trusted, pair) in {"server": server_side, "client": client_side}.items():
        directory = tmp_path / side
        directory.mkdir()
        write_files(directory, trusted, pair)
        is_server = side == "server"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
        context.load_verify_locations(directory / "ca.pem")
        contexts.append(context)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = contexts[0].wrap_bio(to_server, to_client, server_side=True)
    client = contexts[1].wrap_bio(to_client, to_server, server_hostname=name)
    done = set()
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
        if len(done) == 2:
            break
    return server.getpeercert(), client.getpeercert()


@pytest.mark.parametrize("name", [NAME, "127.0.0.1", "db.example", "::1"])
def test_members_trust_each_other_by_every_name(tmp_path, authority, member, name):
    side = (authority.certificate, member)
    seen_by_server, seen_by_client = handshake(tmp_path, side, side, name)
    assert seen_by_server
    assert seen_by_client


def test_a_member_is_not_trusted_by_another_name(tmp_path, authority, member):
    side = (authority.certificate, member)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"doesn't match|mismatch|not valid for"):
        handshake(tmp_path, side, side, "commerce-80-x-3")


def test_a_member_of_another_keyspace_is_not_trusted(tmp_path, authority, member):
    other = issue_authority("other", NOW)
    stranger = issue_member(other, NAME, (), NOW)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, (authority.certificate, member), (authority.certificate, stranger), NAME)


def test_an_authority_signs_members_and_no_other_authority(authority):
    loaded = x509.load_pem_x509_certificate(authority.certificate.encode())
    constraints = loaded.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert isinstance(loaded.public_key(), ec.EllipticCurvePublicKey)
    assert abs(loaded.not_valid_after_utc - NOW - AUTHORITY_LIFE) < timedelta(seconds=2)


def test_a_member_cannot_sign_anything(member):
    loaded = x509.load_pem_x509_certificate(member.certificate.encode())
    assert not loaded.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not loaded.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_who_issued_a_certificate_is_told_by_the_key(authority, member):
    assert is_issued_by(member.certificate, authority.certificate)
    assert not is_issued_by(member.certificate, issue_authority("commerce", NOW).certificate)
    assert not is_issued_by(member.certificate, issue_authority("other", NOW).certificate)


def test_renewal_is_due_in_the_last_third_of_a_life(member):
    assert not renewal_due(member.certificate, NOW)
    assert not renewal_due(member.certificate, NOW + MEMBER_LIFE * 0.6)
    assert renewal_due(member.certificate, NOW + MEMBER_LIFE * 0.7)
    assert renewal_due(member.certificate, NOW + MEMBER_LIFE * 2)


def test_a_member_never_outlives_its_authority(authority):
    late = NOW + AUTHORITY_LIFE - timedelta(days=7)
    loaded = x509.load_pem_x509_certificate(issue_member(authority, NAME, (), late).certificate.encode())
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    assert loaded.not_valid_after_utc == issuer.not_valid_after_utc


@pytest.mark.parametrize("broken", ["expired", "other key", "no key", "no certificate"])
def test_an_authority_that_is_none_issues_nothing(authority, broken):
    stranger = issue_authority("commerce", NOW)
    given, now = {
        "expired": (authority, NOW + AUTHORITY_LIFE * 2),
        "other key": (Pair(authority.certificate, stranger.key), NOW),
        "no key": (Pair(authority.certificate, "x"), NOW),
        "no certificate": (Pair("x", authority.key), NOW),
    }[broken]
    with pytest.raises(InputError) as caught:
        issue_member(given, NAME, (), now)
    assert caught.value.code is Code.INVALID_RECORD
    assert "PRIVATE" not in str(caught.value)


def test_a_keys_text_is_never_shown(authority):
    assert "PRIVATE" in authority.key
    assert "PRIVATE" not in repr(authority) + str(authority)
    assert authority.key.splitlines()[1] not in repr([authority])


def test_long_names_fit():
    long = "k" * 63
    authority = issue_authority(long, NOW)
    member = issue_member(authority, f"{'m' * 63}.{'d' * 60}", (), NOW)
    assert is_issued_by(member.certificate, authority.certificate)


def test_files_are_this_users_alone(tmp_path, authority, member):
    write_files(tmp_path, authority.certificate, member)
    write_files(tmp_path, authority.certificate, member)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"ca.pem": 0o600, "cert.pem": 0o600, "key.pem": 0o600}
