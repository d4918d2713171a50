"""What the worker's connection makes of a server's bytes, and what it sends."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from flyball.errors import Code, MemberError
from flyball.session import Login, ServerError, SessionLostError, Target
from flyball_topology.moving.wire import Link

EOF = b"\xfe\x00\x00\x02\x00"


def framed(*payloads: bytes, first: int = 1) -> bytes:
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes([(first + at) % 256]) + payload
        for at, payload in enumerate(payloads)
    )


def sized(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


@contextmanager
def answered(reply: bytes) -> Iterator[tuple[Link, bytearray]]:
    """A link whose server has said all it will, and what it hears."""
    ours, theirs = socket.socketpair()
    heard = bytearray()

    def serve() -> None:
        theirs.sendall(reply)
        while data := theirs.recv(1 << 20):
            heard.extend(data)

    server = threading.Thread(target=serve)
    server.start()
    link = Link(Target("here", 1, "m"), ours)
    try:
        yield link, heard
    finally:
        link.close()
        server.join()
        theirs.close()


@pytest.mark.parametrize("value", [None, b"", b"x" * 250, b"\xfb" * 251, b"y" * 70_000])
def test_values_of_any_length_are_read_as_they_are(value: bytes | None) -> None:
    with answered(framed(b"\x02", b"a", b"b", EOF, b"\x011" + sized(value), EOF)) as (link, _):
        result = link.run("SELECT 1")
    assert result.rows == ((b"1", value),)


def test_a_value_larger_than_a_packet_is_put_together() -> None:
    value = b"z" * 20_000_000
    row = b"\xfe" + len(value).to_bytes(8, "little") + value
    whole = 0xFFFFFF
    with answered(framed(b"\x01", b"a", EOF, row[:whole], row[whole:], EOF)) as (link, _):
        assert link.run("SELECT 1").rows == ((value,),)


def test_rows_tell_of_the_warnings_that_came_with_them() -> None:
    with answered(framed(b"\x01", b"a", EOF, b"\x011", b"\xfe\x03\x00\x02\x00")) as (link, _):
        assert link.run("SELECT 1").warnings == 3


def test_a_statement_that_gives_no_rows_tells_its_counts() -> None:
    with answered(framed(b"\x00\x05\x00\x02\x00\x07\x00Records: 5")) as (link, _):
        done = link.run("LOAD")
    assert (done.affected, done.warnings, done.told) == (5, 7, "Records: 5")


def test_an_error_in_the_midst_of_rows_is_the_statements_error() -> None:
    reply = framed(b"\x01", b"a", EOF, b"\x011", b"\xff\x51\x04#70100interrupted")
    with answered(reply) as (link, _), pytest.raises(ServerError) as refused:
        link.run("SELECT 1")
    assert refused.value.errno == 1105


def test_a_load_sends_its_pieces_and_an_empty_packet_behind_them() -> None:
    reply = framed(b"\xfbflyball") + framed(b"\x00\x02\x00\x02\x00\x00\x00", first=6)
    pieces = [b"a" * (1 << 20), b"", b"b" * 5]
    with answered(reply) as (link, heard):
        assert link.load("LOAD", iter([*pieces, bytearray((1 << 20) + 1)])).affected == 2
    told = b"\x03LOAD"
    expected = len(told).to_bytes(3, "little") + b"\x00" + told
    sent = (pieces[0], pieces[2], bytes(1 << 20), bytes(1), b"")
    assert bytes(heard) == expected + framed(*sent, first=2)


def test_a_load_that_is_refused_sends_nothing() -> None:
    with answered(framed(b"\xff\x51\x04#42000no")) as (link, _), pytest.raises(ServerError):
        link.load("LOAD", iter(lambda: pytest.fail("data was asked for"), None))


def test_a_server_that_goes_away_in_a_row_is_lost() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(framed(b"\x01", b"a", EOF)[:-2])
    theirs.shutdown(socket.SHUT_WR)
    with closing(theirs), pytest.raises(SessionLostError):
        Link(Target("here", 1, "m"), ours).run("SELECT 1")
    ours.close()


def test_a_server_without_tls_gets_no_password() -> None:
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            hello = b"\x0a5.0\0" + bytes(12) + b"\0\xff\xf7\x08\x02\x00\x00\x00\x15" + bytes(23)
            connection, _ = listener.accept()
            with connection:
                connection.sendall(framed(hello, first=0))
                while data := connection.recv(1000):
                    heard.extend(data)

        server = threading.Thread(target=serve)
        server.start()
        target = Target("127.0.0.1", listener.getsockname()[1], "m")
        with pytest.raises(MemberError) as refused:
            Link.open(target, Login("u", "p"), ssl.create_default_context())
        server.join()
    assert refused.value.code is Code.MEMBER_LOGIN
    assert not heard


def test_a_thread_that_waits_is_told_when_the_link_is_closed() -> None:
    ours, theirs = socket.socketpair()
    link, lost = Link(Target("here", 1, "m"), ours), threading.Event()

    def wait() -> None:
        with pytest.raises(SessionLostError):
            link.run("SELECT SLEEP(100)")
        lost.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert theirs.recv(100)
    link.close()
    assert lost.wait(10)
    waiting.join()
    theirs.close()
