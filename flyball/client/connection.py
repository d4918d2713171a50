"""One blocking connection to one member, and what its failures mean for the statement that was to be run.

    NotDoneError   the statement was not sent, or the server said that it did nothing: it may be sent elsewhere
    LostError      the statement was sent and no answer came: what it did is unknown
    pymysql.Error  the server answered; the error is the caller's

PyMySQL does the protocol. Two things are added: the certificate must carry the member's own name, whatever address
it is reached at, and whoever waits for an answer looks meanwhile whether the member still reigns, because a member
that hangs never breaks a connection.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pymysql
from pymysql.constants import CR, ER

from flyball.client.situation import Address
from flyball.errors import Code, MemberError

CONNECT_LIMIT = 2.0
"""Seconds to connect and log in, and between two parts of one answer."""

ANSWER_LIMIT = 0.2
"""Seconds for a member to say whether it is open."""

_IS_OPEN = "SELECT @@GLOBAL.read_only, @@GLOBAL.offline_mode"

SLICE_MS = 20
"""Milliseconds between two looks at the record while an answer is awaited; an answer ends the wait at once."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account, its password, and the certificate authority (PEM) that members' certificates must be from."""

    user: str
    password: str = field(repr=False)
    ca: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement returned: its rows, or how many it affected and the last AUTO_INCREMENT value."""

    rows: tuple[tuple[Any, ...], ...] = ()
    affected: int = 0
    last_id: int = 0


class NotDoneError(Exception):
    """Nothing was done: the statement may be sent again."""


class LostError(Exception):
    """The connection is gone, and the statement may have been executed."""


class Connection(Protocol):
    """A logged-in connection in autocommit mode."""

    def is_lost(self) -> bool:
        """Whether the server has hung up; asked between statements."""
        ...

    def execute(self, sql: str, args: Sequence[object], abandoned: Callable[[], bool]) -> Result:
        """Run one statement.

        :param abandoned: asked now and then while no answer comes; True ends the wait with LostError.
        :raises NotDoneError: see the top of this module; likewise LostError and pymysql.Error.
        """
        ...

    def takes_writes(self) -> bool:
        """Whether the member is open: only a promotion under its term opens one."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Connector(Protocol):
    """What makes connections."""

    def __call__(self, address: Address, database: str) -> Connection:
        """Connect and log in.

        :raises NotDoneError: when the member does not let anybody in now.
        :raises MemberError: MEMBER_LOGIN when it refuses this account, or its certificate is not the member's.
        """
        ...


_READ_ONLY = {ER.OPTION_PREVENTS_STATEMENT, 1836}
"""super_read_only or read_only (1290), ER_READ_ONLY_MODE (1836): refused before anything was changed."""

_TURNED_AWAY = {3032, 4031}
"""Offline mode, and a session that was ended for its idleness: both before the statement was looked at."""

_CUT_OFF = {CR.CR_SERVER_LOST, ER.SERVER_SHUTDOWN, 3169}
"""The connection was ended while the statement ran: a broken wire, a shutdown, a kill."""

_LOGIN_ERRORS = {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, 3118, 3159, 1862}


class TlsConnector:
    """Connects as one account, over TLS, to members whose certificates are from its authority."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._tls = ssl.create_default_context(cadata=login.ca)

    def __call__(self, address: Address, database: str) -> Connection:
        """See :class:`Connector`."""
        try:
            plain = socket.create_connection((address.host, address.port), CONNECT_LIMIT)
        except OSError as error:
            raise NotDoneError(f"{address}: {error}") from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The host is only the name that the certificate is held against: the socket is connected already.
        wire = _Wire(
            host=address.tls_name,
            port=address.port,
            user=self._login.user,
            password=self._login.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl=self._tls,
            read_timeout=CONNECT_LIMIT,
            write_timeout=CONNECT_LIMIT,
            defer_connect=True,
        )
        try:
            wire.connect(plain)
        except pymysql.Error as error:
            plain.close()
            raise _refusal(address, error) from error
        return _PyMySQLConnection(address, wire)


def _refusal(address: Address, error: pymysql.Error) -> Exception:
    cause = getattr(error, "original_exception", None)
    if _number(error) in _LOGIN_ERRORS or isinstance(cause, ssl.SSLCertVerificationError):
        return MemberError(
            Code.MEMBER_LOGIN,
            f"{address}: {cause or error.args[-1]}",
            "See that the account is among the keyspace's users, and that password and authority are its own.",
        )
    return NotDoneError(f"{address}: {error.args[-1]}")


class _Wire(pymysql.Connection):
    """PyMySQL's connection, with an eye on its socket."""

    abandoned: Callable[[], bool] | None = None

    _sock: socket.socket | None
    _force_close: Callable[[], None]

    def is_readable(self, milliseconds: int) -> bool:
        """Whether bytes or the end of the stream are there, at once or within the time."""
        watched = self._sock
        if watched is None or watched.fileno() < 0:
            return True
        if isinstance(watched, ssl.SSLSocket) and watched.pending():
            return True
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def _read_query_result(self, unbuffered: bool = False) -> int:  # noqa: FBT001, FBT002 - PyMySQL's
        try:
            is_given_up = self._is_given_up()
        except BaseException:
            self._force_close()  # an answer that comes later must not be taken for that of the next statement
            raise
        if is_given_up:
            self._force_close()
            raise pymysql.OperationalError(CR.CR_SERVER_LOST, "no answer came, and waiting for it was given up")
        affected: int = super()._read_query_result(unbuffered)  # type: ignore[misc]  # the stubs leave it out
        return affected

    def _is_given_up(self) -> bool:
        """Wait for an answer; whether the caller wants none any more."""
        while self.abandoned is not None and not self.is_readable(SLICE_MS):
            if self.abandoned():
                return True
        return False


class _PyMySQLConnection:
    """The :class:`Connection` through PyMySQL."""

    def __init__(self, address: Address, wire: _Wire) -> None:
        self._address = address
        self._wire = wire

    def is_lost(self) -> bool:
        """See :class:`Connection`. A server never speaks first, but to say good-bye."""
        return not self._wire.open or self._wire.is_readable(0)

    def execute(self, sql: str, args: Sequence[object], abandoned: Callable[[], bool]) -> Result:
        """See :class:`Connection`."""
        self._wire.abandoned = abandoned
        with self._wire.cursor() as cursor:
            try:
                cursor.execute(sql, tuple(args) or None)
            except pymysql.Error as error:
                raise self._meaning(error) from error
            rows = tuple(cursor.fetchall()) if cursor.description else ()
            return Result(rows, max(0, cursor.rowcount), cursor.lastrowid or 0)

    def takes_writes(self) -> bool:
        """See :class:`Connection`. A member that does not answer at once is not open."""
        until = time.monotonic() + ANSWER_LIMIT
        (row,) = self.execute(_IS_OPEN, (), lambda: time.monotonic() >= until).rows
        return row == (0, 0)

    def close(self) -> None:
        """See :class:`Connection`."""
        if self._wire.open:
            self._wire.close()

    def _meaning(self, error: pymysql.Error) -> Exception:
        number, text = _number(error), f"{self._address}: {error.args[-1]}"
        if number in _TURNED_AWAY or (number in _READ_ONLY and "read" in str(error).lower()):
            return NotDoneError(text)
        if number == CR.CR_SERVER_GONE_ERROR:
            # Raised where writing failed: the server cannot have the whole of the statement.
            return NotDoneError(text)
        if number in _CUT_OFF or isinstance(error, pymysql.InterfaceError):
            return LostError(text)
        return error


def _number(error: pymysql.Error) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
