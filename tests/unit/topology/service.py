"""One life of the topology service in a small world: the real controller, its passes driven by hand.

Everything that the controller does to the world goes through :class:`Effects`, which counts it, and can end the
service's life, lose an answer, or put the service to sleep at any one of them. A new life remembers nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Self, TypeVar

from flyball.controller import Deadlines, Pass, record_pass, take_step
from flyball.controller import Outcome as Went
from flyball.decision import Decision
from flyball.errors import Code, MemberError, StoreError
from flyball.records import Failover, Operation, Record, Shard
from flyball.store.memory import MemoryRecords
from flyball_topology.cache import Cache
from flyball_topology.controller import ShardController
from flyball_topology.metrics import Metrics
from flyball_topology.steps import Act, Step
from flyball_topology.view import Snapshot, View
from tests.unit.topology.world import SHARD, World

T = TypeVar("T")
R = TypeVar("R", bound=Record)
DEADLINES = Deadlines(observe=60.0, act=60.0, record=60.0)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = 300
"""Passes within which everything must have come to rest."""


class Fate(Enum):
    """What befalls one effect."""

    KILLED_BEFORE = "the service is killed right before it"
    KILLED_AFTER = "the service is killed right after it"
    UNANSWERED = "it happens, and the answer is lost"
    FAILED = "it does not happen"
    ASLEEP = "the service sleeps before it, until it is woken"


class KilledError(BaseException):
    """The process ended here."""


@dataclass
class Effects:
    """Counts what the service does, from 1, and strikes at number ``at``."""

    at: int = 0
    fate: Fate | None = None
    done: list[str] = field(default_factory=list)
    dead: bool = False
    before: Callable[[], None] | None = None
    """What else happens right before it."""
    asleep: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, name: str, effect: Callable[[], Awaitable[T]], lost: Exception) -> T:
        if self.dead:
            raise KilledError
        self.done.append(name)
        fate = self.fate if len(self.done) == self.at else None
        if self.before is not None and len(self.done) == self.at:
            self.before()
        if fate is Fate.KILLED_BEFORE:
            self.dead = True
            raise KilledError
        if fate is Fate.FAILED:
            raise lost
        if fate is Fate.ASLEEP:
            self.asleep.set()
            await self.woken.wait()
        result = await effect()
        if fate is Fate.KILLED_AFTER:
            self.dead = True
            raise KilledError
        if fate is Fate.UNANSWERED:
            raise lost
        return result


class TrippedMembers:
    """The world's members, behind the effects."""

    def __init__(self, world: World, effects: Effects) -> None:
        self._world, self._effects = world, effects
        self.probe, self.beat, self.forget = world.probe, world.beat, world.forget

    async def act(self, shard: Shard, act: Act) -> Snapshot | None:
        lost = MemberError(Code.OUTCOME_UNKNOWN, "the connection broke after the statement was sent")
        return await self._effects.run(str(act), lambda: self._world.act(shard, act), lost)


class TrippedRecords:
    """The store, behind the effects."""

    def __init__(self, records: MemoryRecords, effects: Effects) -> None:
        self._records, self._effects = records, effects
        self.get, self.list, self.watch = records.get, records.list, records.watch

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        write = getattr(self._records, name)

        async def tripped(*args: Any) -> Any:
            lost = StoreError(Code.STORE_AWAY, "the store was away")
            return await self._effects.run(f"{name} {args[0]}"[:200], lambda: write(*args), lost)

        return tripped


class Service:
    """A process that leads. Use it with ``async with``."""

    def __init__(self, world: World, records: MemoryRecords, effects: Effects | None = None) -> None:
        self.world = world
        self.effects = effects or Effects()
        tripped: Any = TrippedRecords(records.beside(), self.effects)
        members: Any = TrippedMembers(world, self.effects)
        self._caches: tuple[Cache[Any], ...] = (
            failovers := Cache(tripped, Failover, lambda _: None),
            operations := Cache(tripped, Operation, lambda _: None),
            declared := Cache(tripped, Shard, lambda _: None),
        )
        self.controller = ShardController(
            tripped,
            members,
            failovers,
            operations,
            declared,
            wake=lambda _: None,
            clock=lambda: world.now,
            metrics=Metrics(),
            today=lambda: EPOCH + timedelta(seconds=world.now),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._decision: Decision[Step] | None = None

    async def __aenter__(self) -> Self:
        for cache in self._caches:
            self._tasks.append(asyncio.create_task(cache.run()))
            await cache.synced.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.controller.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def one_pass(self) -> Pass[View, Step]:
        """One pass; the client writes before it, and time goes on after it."""
        await told()
        self.world.client_writes()
        done = await take_step(self.controller, SHARD, DEADLINES, self._decision)
        done = await record_pass(self.controller, SHARD, DEADLINES, done)
        self._decision = done.decision
        if done.outcome is Went.CHANGED:
            self.world.now += 0.01
        else:
            self.world.now += done.decision.again or 1.0
        self.world.finish_clones()
        self.world.settle()
        self.world.check()
        return done

    async def until(self, done: Callable[[Pass[View, Step]], bool], within: int = WITHIN) -> Pass[View, Step]:
        """Passes until one of them is as wanted."""
        last = None
        for _ in range(within):
            last = await self.one_pass()
            if done(last):
                return last
        assert last is not None
        view = last.view
        seen = view.shard.status if view else "nothing"
        raise AssertionError(f"no rest within {within} passes: {last.decision}; {last.error!r}; {seen}")


async def told() -> None:
    """Let the watches hear what was written."""
    for _ in range(6):
        await asyncio.sleep(0)


def new_store(world: World) -> MemoryRecords:
    return MemoryRecords(now=lambda: EPOCH + timedelta(seconds=world.now))
