"""The records side by side, as of one moment, and how to wait until they say something.

Reading commands take one :class:`Board`; those that watch or wait follow the store's changes, and never poll.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from flyball.addressing import Target, find_shards
from flyball.errors import Code, InputError
from flyball.records import Failover, Keyspace, Operation, Record, Reshard, Shard
from flyball.store import Records, Selector, Synced, Unreadable, changes

K = TypeVar("K", bound=Record)

KINDS: tuple[type[Record], ...] = (Keyspace, Shard, Failover, Operation, Reshard)
"""What is on a board."""


@dataclass(slots=True)
class Board:
    """All records by kind and name."""

    keyspaces: dict[str, Keyspace] = field(default_factory=dict)
    shards: dict[str, Shard] = field(default_factory=dict)
    failovers: dict[str, Failover] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    reshards: dict[str, Reshard] = field(default_factory=dict)

    def of(self, kind: type[K]) -> dict[str, K]:
        """The records of one kind."""
        parts = {
            Keyspace: self.keyspaces,
            Shard: self.shards,
            Failover: self.failovers,
            Operation: self.operations,
            Reshard: self.reshards,
        }
        return cast("dict[str, K]", parts[kind])

    def keyspaces_of(self, target: Target | None) -> list[str]:
        """The names of the keyspaces that are meant.

        :raises InputError: NO_SUCH_OBJECT.
        """
        names = sorted({*self.keyspaces, *(shard.spec.keyspace for shard in self.shards.values())})
        if target is None:
            return names
        if target.keyspace not in names:
            raise InputError(
                Code.NO_SUCH_OBJECT,
                f"keyspace {target.keyspace!r} does not exist",
                f"Name one of {', '.join(names)}." if names else "Declare one with `flyball local up -f FILE`.",
            )
        return [target.keyspace]

    def shards_of(self, target: Target) -> list[Shard]:
        """The shards that are meant, in the order of their key ranges.

        :raises InputError: NO_SUCH_OBJECT.
        """
        self.keyspaces_of(target)
        return find_shards(self.shards.values(), target)

    def operations_on(self, shard: Shard) -> list[Operation]:
        """A person's words that touch the shard, its keyspace's included."""
        return [
            operation
            for operation in self.operations.values()
            if operation.spec.workflow is None
            and operation.spec.keyspace == shard.spec.keyspace
            and operation.spec.shard in {None, shard.name}
        ]

    def failovers_of(self, shard: Shard) -> list[Failover]:
        """The shard's changes of primary, the latest first."""
        found = [failover for failover in self.failovers.values() if failover.spec.shard == shard.name]
        return sorted(found, key=lambda failover: (failover.metadata.created, failover.status.term), reverse=True)


async def read_board(records: Records) -> Board:
    """The records as of now."""
    board = Board()
    for kind in KINDS:
        await _fill(board, records, kind)
    return board


async def _fill(board: Board, records: Records, kind: type[K]) -> None:
    board.of(kind).update({record.name: record for record in await records.list(kind)})


class Follower:
    """A board that is kept up to date. Made by :func:`following`."""

    def __init__(self) -> None:
        self.board = Board()
        self._unsynced = len(KINDS)
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    async def next(self) -> Board:
        """The board, once it is complete and has changed since the last call."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._failure is not None:
                raise self._failure
            if self._unsynced == 0:
                return self.board

    async def keep(self, records: Records, kind: type[K]) -> None:
        """Keep the records of one kind."""
        known = self.board.of(kind)
        try:
            async with contextlib.aclosing(records.watch(kind, Selector())) as events:
                async for event in events:
                    if isinstance(event, Unreadable):
                        self._failure = event.error
                    elif isinstance(event, Synced):
                        self._unsynced -= 1
                    else:
                        changes.apply(known, event)
                    self._changed.set()
        except Exception as failure:  # noqa: BLE001 - whoever waits raises it
            self._failure = failure
            self._changed.set()


@contextlib.asynccontextmanager
async def following(records: Records) -> AsyncIterator[Follower]:
    """Follow the store's changes."""
    follower = Follower()
    tasks = [asyncio.create_task(follower.keep(records, kind)) for kind in KINDS]
    try:
        yield follower
    finally:
        await _end(tasks)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks until they have ended.

    Once is not enough: ``asyncio.wait_for`` of Python 3.11 drops a cancellation that comes together with its result,
    and a watch that lost it would wait for ever.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.05)
