"""The client of one shard: sends a statement to whoever reigns, and again only where that is safe.

Before each statement it looks at the record. While new statements are held there, it waits, a millisecond at a
time, and connects to the candidate meanwhile, so that the first statement of the new reign needs no handshake
(on a busy machine of two cores that brought the first answer from 37 down to 12 ms after the reign was seen).
After a failure it tries again at once when the record has changed, and else after a rest that grows: a primary
may refuse for a moment without a change of the record.

Both waits together have one limit, ``give_up_after``, counted from the call.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import pymysql

from flyball.client.connection import Connection, Connector, Login, LostError, NotDoneError, Result, TlsConnector
from flyball.client.record_reader import Followed, RecordReader
from flyball.client.situation import Address, Situation
from flyball.errors import Code, MemberError, RefusedError

logger = logging.getLogger(__name__)


class ElsewhereError(Exception):
    """The statement was not sent, and its rows are another shard's by now."""


class OutcomeUnknownError(MemberError):
    """The connection broke after the statement was sent: it may have been executed, or not."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What one may turn. All are seconds."""

    give_up_after: float = 30.0
    """How long a call may wait in all before it fails with TIMED_OUT."""

    poll: float = 0.001
    """Between two looks at the record while a statement waits."""

    first_rest: float = 0.005
    """After a failure that the record does not explain; twice as long each time."""

    longest_rest: float = 0.1
    """The longest of these rests."""


@dataclass(slots=True)
class Counters:
    """What has happened since the client was made.

    ``errors`` were answered by a server and handed to the caller; ``unknown`` are statements whose outcome nobody
    knows; ``retries`` statements sent again; ``reconnects`` connections made after the first; ``held`` statements
    that had to wait because the record said so.
    """

    statements: int = 0
    errors: int = 0
    unknown: int = 0
    retries: int = 0
    reconnects: int = 0
    held: int = 0


@dataclass(slots=True)
class _Attempt:
    """One call's patience: its deadline, and when the next try may be."""

    deadline: float
    rest: float
    failed_in: Situation | None = None
    not_before: float = 0.0
    why: str = ""
    is_held: bool = False
    is_meant: Callable[[], bool] | None = None
    """Whether the statement still belongs to this shard; asked while it cannot be sent."""


class ShardClient:
    """Runs statements, one at a time, on the primary of one shard.

    :param records: the store's file, or a reader that is shared with other clients of this thread.
    :param shard: its key range or its record's name; None for the only shard of the keyspace.
    :param ca: the certificate authority (PEM) that the members' certificates must be from.
    :raises InputError: NO_SUCH_OBJECT when there is no such shard.
    """

    def __init__(
        self,
        records: Path | RecordReader,
        keyspace: str,
        shard: str | None,
        *,
        user: str,
        password: str,
        ca: str,
        tuning: Tuning | None = None,
        connect: Connector | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._owned = RecordReader(records) if isinstance(records, Path) else None
        self._reader = records if isinstance(records, RecordReader) else self._owned
        assert self._reader is not None
        reader, name = self._reader, self._reader.find_shard(keyspace, shard)
        self._situation = Followed(reader.version, lambda: reader.situation(name))
        self._connect = connect or TlsConnector(Login(user, password, ca))
        self._tuning = tuning or Tuning()
        self._clock = clock
        self._sleep = sleep
        self._connections: dict[Address, Connection] = {}
        self._in_use: Address | None = None
        self._spare_not_before = 0.0
        self.counters = Counters()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        if self._owned is not None:
            self._owned.close()

    @property
    def situation(self) -> Situation:
        """The shard as the record says now."""
        return self._situation.look()

    def connect(self) -> None:
        """Connect to the primary, so that the first statement need not; nothing where that cannot be now."""
        situation = self._situation.look()
        if situation.primary is None or situation.primary in self._connections:
            return
        with suppress(NotDoneError, MemberError):
            self._open(situation.primary, situation.database)

    def execute(
        self,
        sql: str,
        args: Sequence[object] = (),
        *,
        idempotent: bool = False,
        is_meant: Callable[[], bool] | None = None,
        deadline: float | None = None,
    ) -> Result:
        """Run one statement on the primary, in autocommit; return its rows, or how many it affected.

        :param args: values for the statement's ``%s``.
        :param idempotent: a second execution does no harm, so the statement may be sent again after its connection
            broke.
        :param is_meant: whether the statement belongs to this shard still; asked while it cannot be sent.
        :param deadline: on the client's clock, in the place of ``give_up_after``.
        :raises ElsewhereError: it does not belong here any more, and was not sent.
        :raises OutcomeUnknownError: the connection broke after the statement was sent.
        :raises RefusedError: TIMED_OUT when it could not be sent within ``give_up_after``.
        :raises MemberError: MEMBER_LOGIN.
        :raises pymysql.MySQLError: the server's answer, a duplicate key or a deadlock say.
        """
        until = self._clock() + self._tuning.give_up_after if deadline is None else deadline
        attempt = _Attempt(until, self._tuning.first_rest, is_meant=is_meant)
        self.counters.statements += 1
        while True:
            situation, address, connection = self._ready(attempt)
            try:
                return connection.execute(sql, args, partial(self._is_abandoned, address, attempt))
            except NotDoneError as refusal:
                self._failed(situation, attempt, str(refusal))
            except LostError as lost:
                self._drop(address)
                if not idempotent:
                    self.counters.unknown += 1
                    raise OutcomeUnknownError(
                        Code.OUTCOME_UNKNOWN,
                        f"{lost}; the statement was sent, and may have been executed or not",
                        "Read whether it was, or run it with idempotent=True where twice does no harm.",
                    ) from lost
                attempt.why = str(lost)
            except pymysql.Error:
                self.counters.errors += 1
                raise
            self.counters.retries += 1

    def _ready(self, attempt: _Attempt) -> tuple[Situation, Address, Connection]:
        """A connection to the primary that may be used now; waits for one.

        A candidate that its term was issued to counts once it is open: it holds everything by then, and the record of
        its reign is only another disk write away.
        """
        while True:
            situation = self._situation.look()
            waits = situation.held or attempt.failed_in is not None
            if waits and attempt.is_meant is not None and not attempt.is_meant():
                raise ElsewhereError
            if situation.held:
                self._wait_held(situation, attempt)
                coming = situation.coming
                in_time = self._clock() < attempt.deadline
                if coming is not None and situation.is_issued and in_time and self._is_open(coming):
                    return situation, coming, self._connections[coming]
            elif situation != attempt.failed_in or self._clock() >= attempt.not_before:
                try:
                    connection = self._connection(situation)
                    assert situation.primary is not None  # else it would be held
                    return situation, situation.primary, connection
                except NotDoneError as refusal:
                    self._failed(situation, attempt, str(refusal))
            if self._clock() >= attempt.deadline:
                raise self._timed_out(situation, attempt)
            self._sleep(self._tuning.poll)

    def _connection(self, situation: Situation) -> Connection:
        """The connection to the reigning primary; the ones to others are ended."""
        primary = situation.primary
        assert primary is not None  # else it would be held
        for other in [address for address in self._connections if address != primary]:
            self._drop(other)
        connection = self._connections.get(primary)
        if connection is not None and connection.is_lost():
            self._drop(primary)
            connection = None
        if connection is None:
            connection = self._open(primary, situation.database)
        if self._in_use not in {None, primary}:
            logger.info("shard %s: %s reigns now, under term %d", situation.shard, primary.member, situation.term)
        self._in_use = primary
        return connection

    def _wait_held(self, situation: Situation, attempt: _Attempt) -> None:
        attempt.why = situation.held
        if not attempt.is_held:
            attempt.is_held = True
            self.counters.held += 1
        coming, now = situation.coming, self._clock()
        if coming is None or now < self._spare_not_before or coming in self._connections:
            return
        try:
            self._open(coming, situation.database)
        except (NotDoneError, MemberError):
            # It may be closed still, or not have its accounts yet; the reign will tell.
            self._spare_not_before = self._clock() + self._tuning.longest_rest

    def _is_open(self, coming: Address) -> bool:
        connection = self._connections.get(coming)
        if connection is None:
            return False
        try:
            return connection.takes_writes()
        except (NotDoneError, LostError, pymysql.Error):
            self._drop(coming)
            return False

    def _open(self, address: Address, database: str) -> Connection:
        if self._in_use is not None:
            self.counters.reconnects += 1
        connection = self._connections[address] = self._connect(address, database)
        return connection

    def _drop(self, address: Address | None) -> None:
        connection = self._connections.pop(address, None) if address is not None else None
        if connection is not None:
            connection.close()

    def _failed(self, situation: Situation, attempt: _Attempt, why: str) -> None:
        attempt.failed_in, attempt.why = situation, why
        attempt.not_before = self._clock() + attempt.rest
        attempt.rest = min(attempt.rest * 2, self._tuning.longest_rest)

    def _is_abandoned(self, sent_to: Address, attempt: _Attempt) -> bool:
        """Whether no answer is to be expected any more: another member reigns, or the call's time is up."""
        now = self._situation.look()
        goes_on = sent_to == now.primary or (now.is_issued and sent_to == now.coming)
        return not goes_on or self._clock() >= attempt.deadline

    def _timed_out(self, situation: Situation, attempt: _Attempt) -> RefusedError:
        return RefusedError(
            Code.TIMED_OUT,
            f"shard {situation.shard}: nothing could be sent for {self._tuning.give_up_after:g} s; "
            f"last seen: {attempt.why or 'nothing'}",
            "`flyball explain` says what the shard waits for.",
        )
