"""A member's machine: the mysqld, its disk and clock, whoever waits inside it, and its guard.

The mysqld's state is a :class:`~tests.simulation.server.Server`, which knows no time; here is what takes time. Every
change of the server is followed by :meth:`Machine.changed`, which lets replication, waiting sessions and the guard
(``6_guard.sql``) see it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from flyball.errors import FlyballError
from flyball.gtid import GtidSet
from flyball_topology.view import HOUSEKEEPING, Snapshot
from tests.simulation.clock import Process, VirtualLoop
from tests.simulation.network import lost
from tests.simulation.server import Commit, Payload, Server

T = TypeVar("T")
Reply = Callable[[Any, Exception | None], None]

FIRST_WATCH = 10.0
"""Seconds that a member trusts to be watched after a promise (``note`` in 3_fence.sql)."""
LONG = 1.0
"""Seconds after which a session counts as waiting for an acknowledgement."""


class Machine:
    """One member."""

    def __init__(self, server: Server, shard: str, loop: VirtualLoop) -> None:
        self.server = server
        self.shard = shard
        self.loop = loop
        self.process = Process(server.name, loop)
        self.lock = asyncio.Lock()
        """``flyball.fence``: two acts never overlap in one member."""
        self.disk_delay = 0.0
        self.disk_stands = False
        """Nothing can be written: a stalled disk, or a full one. Reads go on."""
        self.freezing = 0
        """Acts that wait for commits in flight to end: no new one begins (a global read lock)."""
        self.apply_delay = 0.0005
        self.clock_offset = 0.0
        self.acked: dict[str, GtidSet] = {}
        """What each replica has acknowledged to this process."""
        self.on_changed: Callable[[Machine], None] = lambda _: None
        self.on_done: Callable[[Machine, Commit], None] = lambda *_: None
        self.on_acknowledged: Callable[[Machine, Commit], None] = lambda *_: None
        self.on_lost: dict[str, Callable[[], None]] = {}
        """Whoever keeps a session for probes, by place: called when this process ends."""
        self._replies: dict[Reply, None] = {}
        self._waiters: list[tuple[Commit, bool, asyncio.Future[None]]] = []
        """Commits, whether an application waits for them, and who is to be told."""
        self._since: dict[int, float] = {}
        self._moved = asyncio.Event()
        self._row = server.row
        self.watched_until = 0.0
        self._guard: asyncio.Task[None] | None = None

    # --- as the network sees it -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def is_up(self) -> bool:
        return self.server.running

    @property
    def is_stalled(self) -> bool:
        return self.process.asleep

    @property
    def can_write(self) -> bool:
        """Whether anything that arrives can be kept."""
        return self.server.running and not self.process.asleep and not self.disk_stands

    def serve(self, work: Callable[[], Coroutine[Any, Any, T]], reply: Reply) -> None:
        self._replies[reply] = None

        async def run() -> None:
            try:
                result: T | None = await work()
                error = None
            except FlyballError as failure:
                result, error = None, failure
            if self._replies.pop(reply, 0) is None:
                reply(result, error)

        self.process.start(run())

    # --- life of the process ----------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL: connections break at once."""
        self.server.kill()
        self._end()

    def terminate(self) -> None:
        """SIGTERM: whoever waits still for an acknowledgement is answered ok (rule 1)."""
        server = self.server
        server.semi_source = False
        server._resolve()
        self.changed()
        self.kill()

    def stop_in_order(self) -> None:
        """As the engine does: cut the clients off first."""
        self.server.take_offline()
        self.changed()
        self.terminate()

    def start(self) -> None:
        """The engine starts it again."""
        self.server.start()
        self.process = Process(self.name, self.loop)
        self.changed()

    def stall(self) -> None:
        self.server.stalled = True
        self.process.sleep()
        self.changed()

    def go_on(self) -> None:
        if self.process.asleep:
            self.server.stalled = False
            self.process.wake()
            self.changed()

    def free_disk(self) -> None:
        self.disk_stands = False
        self.changed()

    def _end(self) -> None:
        self.process.kill()
        self.lock = asyncio.Lock()
        self.acked.clear()
        self._guard = None
        self._waiters.clear()
        replies, self._replies = list(self._replies), {}
        for reply in replies:
            reply(None, lost(self.name))
        told, self.on_lost = self.on_lost, {}
        for tell in told.values():
            tell()
        self.changed()

    # --- what follows from a change ---------------------------------------------------------------------

    def changed(self) -> None:
        """Something about the server has changed: everybody whom it may concern looks."""
        server = self.server
        if server.row is not self._row:
            self._row = server.row
            self.watched_until = self.clock() + FIRST_WATCH
        self.on_changed(self)
        if server.commits or self._since:
            now = self.loop.time()
            self._since = {id(commit): self._since.get(id(commit), now) for commit in server.commits}
        if self._waiters:
            self._answer()
        before, self._moved = self._moved, asyncio.Event()
        before.set()
        if server.opened and self._guard is None and not server.super_read_only and server.running:
            self._guard = self.process.start(self._watch_over())

    def _answer(self) -> None:
        left = []
        for commit, client, told in self._waiters:
            if commit.done:
                if commit.client:
                    self.on_done(self, commit)
                told.set_result(None)
            elif client and not commit.client:
                told.set_exception(lost(self.name))
            else:
                left.append((commit, client, told))
        self._waiters = left

    # --- for whoever runs inside ------------------------------------------------------------------------

    def clock(self) -> float:
        """This machine's own idea of the time, in seconds."""
        return self.loop.time() + self.clock_offset

    async def disk(self) -> None:
        """Until something is written."""
        if self.disk_delay:
            await asyncio.sleep(self.disk_delay)
        while self.disk_stands:
            await self._moved.wait()

    async def until(self, holds: Callable[[], bool], limit: float) -> bool:
        """Whether it came to hold within ``limit`` seconds."""
        end = self.loop.time() + limit
        while not holds():
            rest = end - self.loop.time()
            if rest <= 0:
                return False
            try:
                async with asyncio.timeout(rest):
                    await self._moved.wait()
            except TimeoutError:
                continue
        return True

    async def committed(self, commit: Commit | None) -> None:
        """Until the commit has its acknowledgements."""
        if commit is not None and commit.done and commit.client:
            self.on_done(self, commit)
        self.changed()
        if commit is None or commit.done:
            return
        future: asyncio.Future[None] = self.loop.create_future()
        self._waiters.append((commit, commit.client, future))
        await future

    def waiting(self) -> bool:
        """Whether a session has waited for an acknowledgement for a second or more; others wait behind the first."""
        now = self.loop.time()
        return any(now - self._since.get(id(commit), now) >= LONG for commit in self.server.commits if not commit.done)

    def probe(self, *, deep: bool = True) -> Snapshot:
        snapshot = self.server.probe(deep=deep)
        return replace(snapshot, waiting=int(self.waiting())) if snapshot.waiting else snapshot

    # --- the guard --------------------------------------------------------------------------------------

    async def _watch_over(self) -> None:
        """The two events of 6_guard.sql; they have nothing to do while the lease is good."""
        try:
            while self.server.opened and not self.server.super_read_only:
                await asyncio.sleep(max(1.0, self.watched_until - self.clock()))
                if self.clock() > self.watched_until and self.server.opened and not self.server.super_read_only:
                    self.pulse()
                    self.guard()
        finally:
            self._guard = None

    def pulse(self) -> None:
        pulse = Payload("pulse")
        if not self.disk_stands and not any(commit.payload == pulse for commit in self.server.commits):
            self.server.write(pulse, tag=HOUSEKEEPING)
            self.changed()

    def guard(self) -> None:
        if not self.server.offline and self.waiting():
            self.server.take_offline()
            self.changed()
