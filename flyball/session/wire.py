"""One connection to one MySQL server, over TLS, in the event loop.

A session runs one statement text at a time; the text may hold several statements, and stops at the first that
fails. When the server goes away, ``on_lost`` is called at once: that is how a primary's death is noticed within
milliseconds, without waiting for the next probe.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from flyball.errors import Code, FlyballError, MemberError
from flyball.session import packets
from flyball.session.tls import Tls


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server listens, and the name that its certificate must carry."""

    host: str
    port: int
    tls_name: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """An account and its password; never printed."""

    user: str
    password: str


class SessionLostError(MemberError):
    """The server could not be reached, or went away; what a statement in flight did is unknown.

    ``refused`` tells that nothing listens there: the process is gone, or its machine says so.
    """

    refused: bool = False

    @classmethod
    def of(cls, target: "Target", cause: BaseException | None) -> Self:
        """The error that tells of ``cause``; where there is none, the server closed the connection."""
        error = cls(Code.MEMBER_UNREACHABLE, f"{target} does not answer: {cause or 'the connection was closed'}")
        error.refused = isinstance(cause, ConnectionRefusedError)
        return error


class ServerError(MemberError):
    """The server answered a statement with an error."""

    errno: int = 0


T = TypeVar("T")


class Answer(asyncio.Future[T]):
    """What a statement's rows are read as, once they have come. Cancelling it closes the session: what the statement
    did is unknown.
    """

    def __init__(self, session: "Session", read: Callable[[packets.Response], T]) -> None:
        super().__init__()
        self._session = session
        self._read = read

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ANN401 - as asyncio.Future has it
        """Give the statement up, and its session with it."""
        given_up = super().cancel(msg)
        if given_up:
            self._session.close()
        return given_up

    def fail(self, error: Exception) -> None:
        """Give the statement up because of ``error``, and its session with it."""
        if not self.done():
            self.set_exception(error)
            self._session.close()

    def came(self, response: packets.Response) -> None:
        """Take the response; what cannot be read is this answer's failure, not the session's."""
        try:
            self.set_result(self._read(response))
        except Exception as error:  # noqa: BLE001 - for whoever waits
            self.set_exception(error)


GREETED_WITHIN = 2.0
"""Seconds from the first packet to the server's greeting. Longer than a probe waits for it."""
LOGGED_IN_WITHIN = 5.0
"""Seconds from there to a session, once it may go on."""
_LOGIN_ERRORS = frozenset({1045, 1044, 3118, 3159, 1862})
_OWN_ERRORS = {33003: Code.TERM_TOO_OLD, 33006: Code.VERSION_TOO_OLD, 34007: Code.NOT_EMPTY}
_SETTINGS = "SET SESSION sql_mode = 'TRADITIONAL', autocommit = 1, time_zone = '+00:00', wait_timeout = 28800"


class Session(asyncio.Protocol):
    """A logged-in connection. Made by ``connect``; ended by ``close``, or by the server."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.connection_id = 0
        self.on_lost: Callable[[], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._packets: asyncio.Queue[bytes | None] | None = asyncio.Queue()
        self._sequence = 0
        self._response: packets.Response | None = None
        self._done: Answer[Any] | None = None
        self._lost: BaseException | None = None
        self._closed = False
        self._tls: Tls | None = None
        self._secured: asyncio.Future[None] | None = None  # while the handshake goes on

    @classmethod
    async def connect(
        cls, target: Target, login: Login, tls: ssl.SSLContext, logins: asyncio.Semaphore | None = None
    ) -> Self:
        """Connect and log in.

        :param logins: bounds how many are past the server's greeting at once: from there on it costs this process.
        :raises SessionLostError: when nothing answers, or not as MySQL does.
        :raises MemberError: MEMBER_LOGIN when the account or the certificate is refused.
        """
        loop = asyncio.get_running_loop()
        session: Self | None = None
        try:
            async with asyncio.timeout(GREETED_WITHIN):
                transport, session = await loop.create_connection(lambda: cls(target), target.host, target.port)
                greeting = await session._greeted()  # noqa: SLF001 - its own class
            async with logins or nullcontext(), asyncio.timeout(LOGGED_IN_WITHIN):
                await session._log_in(transport, greeting, login, tls)  # noqa: SLF001
                await session.query(_SETTINGS)
        except BaseException as error:
            if session is not None:
                session.close()
            if isinstance(error, OSError):  # a timeout is one
                raise SessionLostError.of(target, error) from error
            raise
        return session

    async def _greeted(self) -> packets.Greeting:
        hello = await self._next_packet()
        if hello[0] == 0xFF:
            raise self._refusal(packets.failure(hello))
        return packets.greeting(hello)

    async def _log_in(
        self, transport: asyncio.Transport, greeting: packets.Greeting, login: Login, tls: ssl.SSLContext
    ) -> None:
        self.connection_id = greeting.connection_id
        if not greeting.capabilities & packets.SSL:
            raise MemberError(Code.MEMBER_LOGIN, f"{self.target} offers no TLS", "give the member a certificate")
        transport.write(packets.frame(packets.ssl_request(), self._sequence))
        self._sequence += 1
        await self._secure(tls)
        self._send(packets.login(login.user, login.password, greeting.nonce))
        await self._prove(login, greeting.nonce)
        self._packets = None

    async def _secure(self, context: ssl.SSLContext) -> None:
        """Everything from here on goes through TLS, and the certificate is the member's."""
        self._tls = Tls(context, self.target.tls_name)
        self._secured = asyncio.get_running_loop().create_future()
        self._advance_handshake(b"")
        try:
            await self._secured
        except ssl.SSLCertVerificationError as error:
            raise MemberError(
                Code.MEMBER_LOGIN,
                f"the certificate of {self.target} is not the one of {self.target.tls_name}: {error.verify_message}",
                "check that this address belongs to the member, and that its certificate is from the keyspace's CA",
            ) from error
        except (OSError, EOFError) as error:
            raise SessionLostError.of(self.target, error) from error
        finally:
            self._secured = None

    async def _prove(self, login: Login, nonce: bytes) -> None:
        """Answer what the server asks until it says OK."""
        while True:
            packet = await self._next_packet()
            if packet[0] == 0x00:
                return
            if packet[0] == 0xFF:
                raise self._refusal(packets.failure(packet))
            if packet[:2] == b"\x01\x04":  # the server does not know the hash yet: in full, inside TLS
                self._send(login.password.encode() + b"\0")
            elif packet[0] == 0xFE:
                plugin, _, data = packet[1:].partition(b"\0")
                if plugin.decode() != packets.PLUGIN:
                    raise MemberError(Code.MEMBER_LOGIN, f"{self.target} asks for the login method {plugin!r}")
                self._send(packets.scramble(login.password, data[:20] or nonce))

    async def query(self, sql: str) -> list[packets.Row]:
        """Run ``sql`` and return the rows of its last result set. The caller sets the deadline.

        A cancelled call closes the session: what the statement did is unknown.

        :raises ServerError: when the server answers with an error.
        :raises SessionLostError: when the server goes away.
        """
        return await self.ask(sql, _rows)

    def ask(self, sql: str, read: Callable[[packets.Response], T]) -> Answer[T]:
        """Send ``sql`` now; a statement that is waited for like ``query``, and needs no task of its own.

        It raises nothing: where the session has ended already, the answer fails as it would have later.

        :param read: makes the answer's result of the response.
        """
        if self._done is not None:
            raise RuntimeError(f"a statement is in flight on the session with {self.target}")
        answer = Answer(self, read)
        if self._lost is not None or self._closed or self._transport is None:
            answer.set_exception(SessionLostError.of(self.target, self._lost))
            return answer
        self._sequence = 0
        try:
            self._send(b"\x03" + sql.encode("utf-8", "surrogateescape"))
        except (FlyballError, OSError, ValueError) as error:
            answer.set_exception(error)
            return answer
        self._response, self._done = packets.Response(), answer
        return answer

    @property
    def busy(self) -> bool:
        """Whether a statement is in flight."""
        return self._done is not None

    @property
    def alive(self) -> bool:
        """Whether the session can take a statement, as far as is known."""
        transport = self._transport
        return self._lost is None and not self._closed and transport is not None and not transport.is_closing()

    def close(self) -> None:
        """End the session without waiting; ``on_lost`` is not called."""
        self._closed = True
        self.on_lost = None
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Cut what came into packets."""
        if self._secured is not None:
            data = self._advance_handshake(data)
        elif self._tls is not None:
            try:
                data = self._tls.received(data)
            except (ssl.SSLError, EOFError) as error:
                self._break(error)
                return
            if self._transport is not None and (reply := self._tls.outgoing()):  # to a change of keys, say
                self._transport.write(reply)
        buffer = self._buffer
        answer = self._response if not buffer and self._sequence == 1 else None  # its first bytes
        if answer is not None and self._done is not None and (complete := packets.recognise(data)) is not None:
            self._answered(self._done, complete)
            return
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            size = int.from_bytes(buffer[at : at + 3], "little")
            if len(buffer) - at - 4 < size:
                break
            self._sequence = buffer[at + 3] + 1
            payload = bytes(buffer[at + 4 : at + 4 + size])
            at += 4 + size
            self._packet(payload)
        if answer is not None and at == len(data) and self._done is None:
            packets.learn(data, answer)
        del buffer[:at]

    def _advance_handshake(self, data: bytes) -> bytes:
        """Pass on what came, send what is due; the plaintext that came behind the handshake is returned."""
        if self._tls is None or self._secured is None or self._transport is None:
            return b""
        plain = b""
        try:
            if data:
                plain = self._tls.received(data)
            else:
                self._tls.handshake()
        except (ssl.SSLError, EOFError) as error:
            if not self._secured.done():
                self._secured.set_exception(error)
        self._transport.write(self._tls.outgoing())  # an alert, after a failure
        if self._tls.established and not self._secured.done():
            self._secured.set_result(None)
        return plain

    def _break(self, error: BaseException) -> None:
        """What came cannot be understood: the connection is of no use any more."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(error)

    def _packet(self, payload: bytes) -> None:
        if self._packets is not None:
            self._packets.put_nowait(payload)
        elif self._response is not None and self._done is not None:
            try:
                complete = self._response.feed(payload)
            except (IndexError, KeyError, ValueError) as error:
                complete = False
                self._break(error)
            if complete:
                self._answered(self._done, self._response)

    def _answered(self, done: Answer[Any], response: packets.Response) -> None:
        self._done = self._response = None
        if done.done():
            return
        if response.failure is not None:
            done.set_exception(self._refusal(response.failure))
        else:
            done.came(response)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Fail what waits, and tell whoever listens."""
        self._lost = self._lost or exc or EOFError("the server closed the connection")
        if self._packets is not None:
            self._packets.put_nowait(None)
        if self._secured is not None and not self._secured.done():
            self._secured.set_exception(self._lost)
        if self._done is not None and not self._done.done():
            self._done.set_exception(SessionLostError.of(self.target, self._lost))
        if self.on_lost is not None:
            on_lost, self.on_lost = self.on_lost, None
            on_lost()

    # --- small parts --------------------------------------------------------------------------------------

    def _send(self, payload: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise SessionLostError.of(self.target, self._lost)
        data = packets.frame(payload, self._sequence)
        self._transport.write(data if self._tls is None else self._tls.sealed(data))
        self._sequence += 1

    async def _next_packet(self) -> bytes:
        packet = await self._packets.get() if self._packets is not None else None
        if not packet:
            raise SessionLostError.of(self.target, self._lost)
        return packet

    def _refusal(self, failure: packets.Failure) -> MemberError:
        if failure.errno in _LOGIN_ERRORS:
            return MemberError(
                Code.MEMBER_LOGIN,
                f"{self.target} refuses the login: {failure.message}",
                "check that the member belongs to this keyspace and that its init file was read",
            )
        code = _OWN_ERRORS.get(failure.errno, Code.MEMBER_REFUSED)
        error = ServerError(code, f"{self.target}: {failure.message} ({failure.errno})")
        error.errno = failure.errno
        return error


def _rows(response: packets.Response) -> list[packets.Row]:
    return response.rows
