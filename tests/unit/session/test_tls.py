"""TLS over memory: a handshake, bytes both ways, a certificate of somebody else, an end."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyball.certificates import issue_authority, issue_member
from flyball.session.tls import Tls

NAME = "m1.commerce.test"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's context that trusts an authority, and the context of a member that the authority knows."""
    now = datetime.now(UTC)
    authority = issue_authority("commerce", now)
    pair = issue_member(authority, NAME, (), now)
    file = tmp_path / "member.pem"
    file.write_text(pair.certificate + pair.key, encoding="ascii")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return ssl.create_default_context(cadata=authority.certificate), server


def shake(client: Tls, server: Tls) -> None:
    client.handshake()
    for _ in range(4):
        server.received(client.outgoing())
        client.received(server.outgoing())


def test_what_one_side_seals_the_other_reads(sides: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client, server = Tls(sides[0], NAME), Tls(sides[1])
    shake(client, server)
    assert client.established
    assert server.established
    text = b"x" * 100_000  # several records
    assert server.received(client.sealed(text)) == text
    sealed = server.sealed(b"yes")
    assert client.received(sealed[:5]) == b""
    assert client.received(sealed[5:]) == b"yes"


def test_plaintext_right_behind_the_handshake_is_not_lost(sides: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client, server = Tls(sides[0], NAME), Tls(sides[1])
    client.handshake()
    server.received(client.outgoing())
    client.received(server.outgoing())
    assert client.established
    assert server.received(client.outgoing() + client.sealed(b"at once")) == b"at once"


def test_a_member_of_another_name_is_refused(sides: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client, server = Tls(sides[0], "m2.commerce.test"), Tls(sides[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(client, server)
    assert not client.established


def test_a_side_that_speaks_no_tls_is_refused(sides: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    client = Tls(sides[0], NAME)
    client.handshake()
    with pytest.raises(ssl.SSLError):
        client.received(b"\x15\x00\x00\x01\xff this is MySQL")
