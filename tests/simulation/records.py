"""The record store as one process reaches it: over the network, and sometimes not at all.

The store itself is one :class:`~flyball.store.memory.MemoryRecords`. A write whose answer does not come in time is
*unknown*: it may have landed, or may land yet.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.errors import Code, FlyballError, StoreError
from flyball.records import Record
from flyball.session import SessionLostError
from flyball.store.memory import MemoryRecords
from flyball.store.port import ALL, Event, Lease, R, Selector
from tests.simulation.clock import Process, VirtualLoop
from tests.simulation.network import NOBODY

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

STORE = "store"
PATIENCE = 1.5
"""Seconds that a process waits for the store."""


class Store:
    """The store's own host."""

    name = STORE
    is_up = True

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.process = Process(STORE, loop)
        self.delay = 0.0005

    @property
    def is_stalled(self) -> bool:
        return self.process.asleep

    def serve(
        self, work: Callable[[], Coroutine[Any, Any, T]], reply: Callable[[T | None, Exception | None], None]
    ) -> None:
        async def run() -> None:
            try:
                result: T | None = await work()
                error = None
            except FlyballError as failure:
                result, error = None, failure
            reply(result, error)

        self._loop.call_later(self.delay, lambda: self.process.start(run()), context=NOBODY)


class NetworkRecords:
    """The :class:`~flyball.store.port.Records` of one process."""

    def __init__(self, world: "World", process: Process, clock_offset: float) -> None:
        self._world = world
        self._process = process
        self._records: MemoryRecords = world.records.beside()
        self._clock_offset = clock_offset

    async def get(self, kind: type[R], name: str) -> R | None:
        return await self._ask(lambda: self._records.get(kind, name))

    async def list(self, kind: type[R], where: Selector = ALL) -> tuple[R, ...]:
        return await self._ask(lambda: self._records.list(kind, where))

    async def create(self, record: R) -> R:
        return await self._write("create", record, lambda: self._records.create(record))

    async def replace_spec(self, record: R) -> R:
        return await self._write("replace", record, lambda: self._records.replace_spec(record))

    async def replace_status(self, record: R) -> R:
        return await self._write("replace", record, lambda: self._records.replace_status(record))

    async def replace_metadata(self, record: R) -> R:
        return await self._write("replace", record, lambda: self._records.replace_metadata(record))

    async def delete(self, kind: type[Record], name: str, expected: str | None = None) -> None:
        await self._ask(lambda: self._records.delete(kind, name, expected))

    async def watch(self, kind: type[R], where: Selector = ALL) -> AsyncGenerator[Event[R], None]:
        async for event in self._records.watch(kind, where):
            await self._reached()
            yield event

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """Waits as long as it must; a cut on the way ends the wait."""
        await self._reached()
        waiting = asyncio.ensure_future(self._records.acquire(name, holder, ttl))
        try:
            while not waiting.done():
                changed = asyncio.ensure_future(self._world.network.changed.wait())
                await asyncio.wait({waiting, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if not self._is_reached() and not waiting.done():
                    raise _away("it went away while the lease was waited for")
        finally:
            waiting.cancel()
        return self._mine(await waiting)

    async def renew(self, lease: Lease) -> Lease:
        theirs = replace(lease, good_until=lease.good_until - self._clock_offset)
        return self._mine(await self._ask(lambda: self._records.renew(theirs)))

    async def release(self, lease: Lease) -> None:
        await self._ask(lambda: self._records.release(lease))

    def _mine(self, lease: Lease) -> Lease:
        return replace(lease, good_until=lease.good_until + self._clock_offset)

    async def _write(self, verb: str, record: R, work: Callable[[], Awaitable[R]]) -> R:
        self._world.told.writing(self._process, verb, record)

        async def write() -> R:
            before = await self._records.get(type(record), record.name)
            after = await work()
            self._world.told.written(self._process, before, after)
            return after

        return await self._ask(write)

    async def _ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                if self._process.dead:  # what is left of it unwinds
                    await asyncio.get_running_loop().create_future()
                return await self._world.network.ask(self._process.name, self._world.store, "records", work)
        except (TimeoutError, SessionLostError) as error:
            raise _away(f"no answer: {error}") from error

    def _is_reached(self) -> bool:
        return self._world.network.both(self._process.name, STORE) and not self._world.store.is_stalled

    async def _reached(self) -> None:
        while not self._is_reached():
            await self._world.network.changed.wait()


def _away(why: str) -> StoreError:
    return StoreError(Code.STORE_AWAY, f"the store cannot be reached: {why}")
