"""A blocking connection of the worker's: statements, and streams of bytes into LOAD DATA.

The session of the topology service waits in an event loop and reads every row into a dictionary. Here one value is
megabytes of rows that nobody looks at, so a packet is read into one buffer and handed on as it is. The worker runs
such connections in threads: while one waits for a server, or while TLS works, the others go on.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flyball.errors import Code, MemberError
from flyball.session import Login, ServerError, SessionLostError, Target, packets

CONNECTED_WITHIN = 10.0
"""Seconds for a connection and its login."""
STATEMENT_WITHIN = 3600.0
"""Seconds that a server may be silent in a statement: building an index is one."""
_PIECE = 1 << 20
"""Bytes of LOAD DATA in a packet."""

Row = tuple[bytes | None, ...]
Piece = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: rows, or counts. ``told`` is the server's own summary, ``Records: 3 …`` say."""

    rows: tuple[Row, ...] = ()
    affected: int = 0
    warnings: int = 0
    told: str = ""

    @property
    def value(self) -> str:
        """The only value of the only row, as text."""
        return (self.rows[0][0] or b"").decode()


class Link:
    """A logged-in connection to one server; made by ``open``. Threads that share it wait for one another's statements,
    but for the rows of ``rows``: while they are read, nobody else uses it.
    """

    def __init__(self, target: Target, stream: socket.socket) -> None:
        self.target = target
        self._stream = stream
        self._sequence = 0
        self._one = threading.RLock()

    @classmethod
    def open(cls, target: Target, login: Login, tls: ssl.SSLContext, *settings: str) -> "Link":
        """Connect, log in, and run ``settings``.

        :raises SessionLostError: nothing answers, or not as MySQL does.
        :raises MemberError: MEMBER_LOGIN, when the account or the certificate is refused.
        """
        try:
            plain = socket.create_connection((target.host, target.port), CONNECTED_WITHIN)
        except OSError as error:
            raise SessionLostError.of(target, error) from error
        link = cls(target, plain)
        try:
            link._log_in(login, tls)
            link._stream.settimeout(STATEMENT_WITHIN)
            for setting in settings:
                link.run(setting)
        except BaseException:
            link.close()
            raise
        return link

    def _log_in(self, login: Login, tls: ssl.SSLContext) -> None:
        hello = bytes(self._packet())
        if hello[0] == 0xFF:
            raise self._refusal(hello)
        greeting = packets.greeting(hello)
        if not greeting.capabilities & packets.SSL:
            raise MemberError(Code.MEMBER_LOGIN, f"{self.target} offers no TLS", "give the member a certificate")
        self._send(packets.ssl_request(packets.LOCAL_FILES))
        plain = self._stream
        try:
            self._stream = tls.wrap_socket(plain, server_hostname=self.target.tls_name)
        except OSError as error:  # what TLS refuses is one
            raise SessionLostError.of(self.target, error) from error
        self._send(packets.login(login.user, login.password, greeting.nonce, packets.LOCAL_FILES))
        while True:
            packet = bytes(self._packet())
            if packet[0] == 0x00:
                return
            if packet[0] == 0xFF:
                raise MemberError(
                    Code.MEMBER_LOGIN,
                    f"{self.target} refuses the login of {login.user}: {packets.failure(packet).message}",
                    "check that the workflow's account was made there",
                )
            if packet[:2] == b"\x01\x04":
                self._send(login.password.encode() + b"\0")
            elif packet[0] == 0xFE:
                _, _, data = packet[1:].partition(b"\0")
                self._send(packets.scramble(login.password, data[:20] or greeting.nonce))

    def answers_within(self, seconds: float) -> None:
        """Hold the server to another limit than ``STATEMENT_WITHIN``: a stopped one neither answers nor hangs up."""
        self._stream.settimeout(seconds)

    def run(self, sql: str) -> Result:
        """Run one statement and read all of its rows.

        :raises ServerError: the server answers with an error.
        :raises SessionLostError: the server goes away; what the statement did is unknown.
        """
        with self._one:
            self._ask(sql)
            return self._result(bytes(self._packet()))

    def rows(self, sql: str) -> Iterator[Row]:
        """Run one statement and give its rows one by one, none of which is kept. To be read to its end."""
        self._ask(sql)
        head = bytes(self._packet())
        if head[0] == 0xFF:
            raise self._refusal(head)
        columns = self._columns(head)
        while (row := self._row(columns)) is not None:
            yield row

    def load(self, sql: str, pieces: Iterable[Piece]) -> Result:
        """Run a LOAD DATA LOCAL, and send it what ``pieces`` gives.

        :raises ServerError: as ``run``; also where the server answers before it asks for the data.
        """
        self._ask(sql)
        asked = bytes(self._packet())
        if asked[0] != 0xFB:
            return self._result(asked)
        for piece in pieces:
            view = memoryview(piece)
            for at in range(0, len(view), _PIECE):
                self._send_piece(view[at : at + _PIECE])
        self._send(b"")
        return self._result(bytes(self._packet()))

    def close(self) -> None:
        """End the connection, whatever it is at; a thread that waits on it is told that it is lost."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)  # closing alone does not wake it
        with contextlib.suppress(OSError):
            self._stream.close()

    # --- packets ------------------------------------------------------------------------------------------

    def _ask(self, sql: str) -> None:
        self._sequence = 0
        self._send(b"\x03" + sql.encode())

    def _send(self, payload: bytes) -> None:
        try:
            self._stream.sendall(packets.frame(payload, self._sequence))
        except OSError as error:
            raise SessionLostError.of(self.target, error) from error
        self._sequence += 1

    def _send_piece(self, part: memoryview) -> None:
        try:
            self._stream.sendall(struct.pack("<I", len(part) | (self._sequence & 0xFF) << 24))
            self._stream.sendall(part)
        except OSError as error:
            raise SessionLostError.of(self.target, error) from error
        self._sequence += 1

    def _packet(self) -> bytearray:
        """The next packet's payload, whatever its size."""
        found = self._part()
        if len(found) == packets.LARGEST_PACKET:
            while True:
                more = self._part()
                found += more
                if len(more) < packets.LARGEST_PACKET:
                    break
        return found

    def _part(self) -> bytearray:
        head = self._exactly(4)
        self._sequence = head[3] + 1
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, size: int) -> bytearray:
        found = bytearray(size)
        view, at = memoryview(found), 0
        while at < size:
            try:
                got = self._stream.recv_into(view[at:])
            except OSError as error:
                raise SessionLostError.of(self.target, error) from error
            if not got:
                raise SessionLostError.of(self.target, EOFError("the server closed the connection"))
            at += got
        return found

    def _result(self, head: bytes) -> Result:
        if head[0] == 0xFF:
            raise self._refusal(head)
        if head[0] == 0x00:
            affected, at = packets.length(head, 1)
            _, at = packets.length(head, at)
            (warnings,) = struct.unpack_from("<H", head, at + 2)
            return Result((), affected, warnings, head[at + 4 :].decode("utf-8", "replace"))
        columns, rows = self._columns(head), []
        while (row := self._row(columns)) is not None:
            rows.append(row)
        return Result(tuple(rows), len(rows), self._warnings)

    def _columns(self, head: bytes) -> int:
        count, _ = packets.length(head, 0)
        for _ in range(count + 1):  # the columns, and the EOF behind them
            self._packet()
        return count

    def _row(self, columns: int) -> Row | None:
        packet = self._packet()
        if packet[0] == 0xFF:
            raise self._refusal(bytes(packet))
        if packet[0] == 0xFE and len(packet) < 9:
            (self._warnings,) = struct.unpack_from("<H", packet, 1)
            return None
        row: list[bytes | None] = []
        at = 0
        for _ in range(columns):
            if packet[at] == 0xFB:
                row.append(None)
                at += 1
                continue
            size, at = _prefix(packet, at)
            row.append(bytes(memoryview(packet)[at : at + size]))
            at += size
        return tuple(row)

    _warnings = 0

    def _refusal(self, packet: bytes) -> ServerError:
        failure = packets.failure(packet)
        error = ServerError(Code.MEMBER_REFUSED, f"{self.target}: {failure.message} ({failure.errno})")
        error.errno = failure.errno
        return error


def _prefix(packet: bytearray, at: int) -> tuple[int, int]:
    """A length at ``at``, without a copy of the packet."""
    return packets.length(bytes(packet[at : at + 9]), 0)[0], at + {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(packet[at], 1)
