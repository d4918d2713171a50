"""The server side of MySQL's protocol, as far as a session of the topology service needs it.

A greeting, TLS (nothing is said without it), caching_sha2_password as it goes when the server knows the hash, and
COM_QUERY with several statements: an OK for each, a result set for a probe, an error that ends the text. Source:
MySQL's internals documentation, "Client/Server Protocol".
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import Protocol

from flyball.session.packets import PLUGIN, SSL, frame, scramble
from flyball.session.tls import Tls

AUTOCOMMIT = 0x0002
MORE_RESULTS = 0x0008
_CAPABILITIES = 0x0001 | 0x0200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000 | SSL
_ACCESS_DENIED = 1045
_UTF8MB4 = 45


class Answers(Protocol):
    """Who a connection speaks for."""

    version: str
    tls: ssl.SSLContext
    passwords: dict[str, str]

    def joined(self, connection: "Connection") -> None:
        """Somebody connected, and is to be greeted."""

    def left(self, connection: "Connection") -> None:
        """The connection is gone."""

    def asked(self, connection: "Connection", text: str) -> None:
        """A COM_QUERY came; the answer goes through ``connection.answer``, now or later."""


class Connection(asyncio.Protocol):
    """One client's connection to one member."""

    def __init__(self, member: Answers, number: int) -> None:
        self.member = member
        self._number = number
        self._nonce = os.urandom(20).replace(b"\0", b"\1")
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._take: Callable[[int, bytes], None] = self._ask_for_tls
        self._tls: Tls | None = None

    # --- asyncio.Protocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.member.joined(self)

    def greet(self) -> None:
        """Say hello: the server speaks first."""
        self.send(0, greeting(self.member.version, self._number, self._nonce))

    def connection_lost(self, exc: BaseException | None) -> None:
        self.member.left(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += self._plain(data)
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[:3], "little")
            if len(buffer) < 4 + size:
                return
            sequence, payload = buffer[3], bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            secured = self._tls is not None
            self._take(sequence, payload)
            if not secured and self._tls is not None:  # what came right behind is TLS already
                rest = bytes(buffer)
                buffer.clear()
                buffer += self._plain(rest)

    def _plain(self, data: bytes) -> bytes:
        if self._tls is None or not data:
            return data
        try:
            plain = self._tls.received(data)
        except (ssl.SSLError, EOFError):
            self.abort()
            return b""
        if self._transport is not None and (out := self._tls.outgoing()):
            self._transport.write(out)
        return plain

    def send(self, sequence: int, *payloads: bytes) -> None:
        """Packets, numbered from ``sequence``."""
        self.write(b"".join(frame(payload, sequence + at) for at, payload in enumerate(payloads)))

    def write(self, data: bytes) -> None:
        """Bytes that are packets already."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data if self._tls is None else self._tls.sealed(data))

    def abort(self) -> None:
        """The process is gone: nothing more is said."""
        if self._transport is not None:
            self._transport.abort()

    # --- the conversation -----------------------------------------------------------------------------------

    def _ask_for_tls(self, sequence: int, payload: bytes) -> None:
        if len(payload) != 32 or not int.from_bytes(payload[:4], "little") & SSL:
            self.send(sequence + 1, error(3159, "Connections using insecure transport are prohibited"))
            self.abort()
            return
        self._take = self._log_in
        self._tls = Tls(self.member.tls)

    def _log_in(self, sequence: int, payload: bytes) -> None:
        user, _, rest = payload[32:].partition(b"\0")
        proof = rest[1 : 1 + rest[0]]
        password = self.member.passwords.get(user.decode())
        if password is None or proof != scramble(password, self._nonce):
            self.send(sequence + 1, error(_ACCESS_DENIED, f"Access denied for user '{user.decode()}'"))
            return
        self._take = self._command
        self.send(sequence + 1, b"\x01\x03", ok())

    def _command(self, sequence: int, payload: bytes) -> None:
        if payload[:1] == b"\x03":
            self.member.asked(self, payload[1:].decode())
        else:
            self.abort()


def greeting(version: str, number: int, nonce: bytes) -> bytes:
    """Handshake v10."""
    return b"".join(
        (
            b"\x0a" + version.encode() + b"\0" + number.to_bytes(4, "little") + nonce[:8] + b"\0",
            (_CAPABILITIES & 0xFFFF).to_bytes(2, "little") + bytes([_UTF8MB4]) + AUTOCOMMIT.to_bytes(2, "little"),
            (_CAPABILITIES >> 16).to_bytes(2, "little") + bytes([21]) + bytes(10),
            nonce[8:] + b"\0" + PLUGIN.encode() + b"\0",
        )
    )


def ok(more: bool = False) -> bytes:
    """An OK packet."""
    return b"\0\0\0" + (AUTOCOMMIT | (MORE_RESULTS if more else 0)).to_bytes(2, "little") + b"\0\0"


def eof(more: bool = False) -> bytes:
    """What ends columns and rows."""
    return b"\xfe\0\0" + (AUTOCOMMIT | (MORE_RESULTS if more else 0)).to_bytes(2, "little")


def error(errno: int, message: str) -> bytes:
    """An ERR packet."""
    return b"\xff" + errno.to_bytes(2, "little") + b"#HY000" + message.encode()


def text(value: str) -> bytes:
    """A length-encoded string."""
    data = value.encode()
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    return (
        b"\xfc" + size.to_bytes(2, "little") + data if size < 1 << 16 else b"\xfd" + size.to_bytes(3, "little") + data
    )


def column(name: str) -> bytes:
    """A column definition of type VAR_STRING."""
    kind = _UTF8MB4.to_bytes(2, "little") + (1024).to_bytes(4, "little") + b"\xfd\0\0\0\0\0"
    return b"".join((text("def"), text(""), text(""), text(""), text(name), text(name), b"\x0c", kind))


def row(values: tuple[str | None, ...]) -> bytes:
    """A row of texts."""
    return b"".join(b"\xfb" if value is None else text(value) for value in values)
