"""What a session says when the other side is not there, goes away, or is no MySQL."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest

from flyball.errors import Code, MemberError
from flyball.session import Login, Session, SessionLostError, Target

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def connect_to(serve: Serve) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(5):
            await Session.connect(Target("127.0.0.1", port, "m"), Login("u", "p"), ssl.create_default_context())
    finally:
        server.close()


async def test_a_port_where_nothing_listens_is_told_from_silence() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(SessionLostError) as caught:
        await Session.connect(Target("127.0.0.1", port, "m"), Login("u", "p"), ssl.create_default_context())
    assert caught.value.refused
    assert caught.value.code is Code.MEMBER_UNREACHABLE


async def test_a_server_that_hangs_up_at_once_is_lost_not_refused() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with pytest.raises(SessionLostError) as caught:
        await connect_to(hang_up)
    assert not caught.value.refused


async def test_a_server_without_tls_gets_no_password() -> None:
    heard = bytearray()
    ended = asyncio.Event()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = b"\x0a5.0\0" + bytes(4) + bytes(8) + b"\0" + b"\xff\xf7\x08\x02\x00\x00\x00\x15" + bytes(10) + bytes(13)
        writer.write(len(hello).to_bytes(3, "little") + b"\0" + hello)
        heard.extend(await reader.read())
        writer.close()
        ended.set()

    with pytest.raises(MemberError) as caught:
        await connect_to(plain)
    assert caught.value.code is Code.MEMBER_LOGIN
    assert "TLS" in caught.value.message
    async with asyncio.timeout(5):
        await ended.wait()
    assert not heard


async def test_an_error_instead_of_a_greeting_is_reported() -> None:
    async def full(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        error = b"\xff\x10\x04Too many connections"
        writer.write(len(error).to_bytes(3, "little") + b"\0" + error)
        await writer.drain()
        writer.close()

    with pytest.raises(MemberError) as caught:
        await connect_to(full)
    assert "Too many connections" in caught.value.message
