"""Applications of a keyspace, and the ledger of what they heard ``ok`` for, by key.

A *follower* keeps the rules of the real client (``flyball/client``): it looks at the routing and at the shard's record
before each write, and waits while the shard does not take it. A *stale* one goes on where it wrote last until that is
refused, whatever the records say since. Each key is written by one of them alone, and each value once, so the ledger
knows which value a key must have.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from flyball.client.situation import situation_of
from flyball.errors import FlyballError, MemberError
from flyball.expand import shard_for
from flyball.records import Keyspace, Shard
from flyball.session import SessionLostError
from tests.simulation.client import CLIENTS, FIRST_REST, LONGEST_REST
from tests.simulation.clock import Process
from tests.simulation.machine import Machine
from tests.simulation.records import STORE
from tests.simulation.reshard.server import KEYS, keyspace_id
from tests.simulation.server import Payload, refused

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld

PATIENCE = 2.0


@dataclass
class Ledger:
    """What was written where, and what was acknowledged."""

    values: int = 0
    landed: dict[int, int] = field(default_factory=dict)
    """By value, the how manieth write of all it was to reach a server."""
    owed: dict[int, int] = field(default_factory=dict)
    """By key, the acknowledged value that reached its server last."""
    heard: dict[int, float] = field(default_factory=dict)
    """By key, when its writer heard ``ok`` last."""

    def copied(self) -> "Ledger":
        return Ledger(self.values, dict(self.landed), dict(self.owed))

    def land(self, value: int) -> None:
        self.landed.setdefault(value, len(self.landed))

    def acknowledge(self, key: int, value: int) -> None:
        known = self.owed.get(key)
        if known is None or self.landed[known] < self.landed[value]:
            self.owed[key] = value

    def is_lost(self, key: int, held: int | None) -> bool:
        """Whether what a key holds lacks an acknowledged write. A later one, whose answer was lost, may be there."""
        wanted = self.owed.get(key)
        return wanted is not None and (held is None or self.landed[held] < self.landed[wanted])


async def write_row(world: "ReshardWorld", machine: Machine, key: int, value: int) -> None:
    """One statement in autocommit, at the server; :raises MemberError: when it was refused."""
    server = machine.server
    if server.offline:
        raise refused("3032 the server is in offline mode")
    await machine.disk()
    while machine.freezing:
        await machine.until(lambda: not machine.freezing, 1.0)
    if not server.takes_writes:
        raise refused("1290 the server is running with --read-only")
    world.ledger.land(value)
    world.told.takes(machine, key)
    await machine.committed(server.write(Payload("put", (key, value)), client=True))


class Writer:
    """An application; ``pace`` is its rest between two writes, in seconds."""

    def __init__(self, world: "ReshardWorld", name: str, keys: range, pace: float, *, stale: bool) -> None:
        self._world = world
        self._name = name
        self._keys = keys
        self._pace = pace
        self._stale = stale
        self._random = Random(f"{world.seed} {name}")
        self._keyspace: Keyspace | None = None
        self._shards: dict[str, Shard] = {}
        self._last: dict[int, Machine] = {}
        self.process = Process(CLIENTS, world.loop)

    def start(self) -> None:
        self.process.start(self._live())

    async def _live(self) -> None:
        rest = FIRST_REST
        while True:
            key = self._random.choice(self._keys)
            target = self._last.get(key) if self._stale else None
            target = target or self._target(key)
            if target is None:
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
                continue
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._write(target, key)
            except (TimeoutError, SessionLostError):
                self._last.pop(key, None)
            except MemberError:
                self._last.pop(key, None)
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
                continue
            else:
                self._last[key] = target
                self._world.ledger.heard[key] = self._world.loop.time()
            rest = FIRST_REST
            await asyncio.sleep(self._pace)

    async def _write(self, machine: Machine, key: int) -> None:
        """A value of its own, sent once."""
        world = self._world
        world.ledger.values += 1
        value = world.ledger.values
        await world.network.ask(CLIENTS, machine, self._name, lambda: write_row(world, machine, key, value))

    def _target(self, key: int) -> Machine | None:
        world = self._world
        if world.network.both(CLIENTS, STORE) and not world.store.is_stalled:
            self._keyspace = world.keyspace()
            self._shards = dict(world.records._shelf.of(Shard))
        if self._keyspace is None or not self._keyspace.status.routing:
            return None
        try:
            shard = self._shards.get(shard_for(keyspace_id(key), self._keyspace.status.routing))
        except FlyballError:
            return None
        if shard is None:
            return None
        situation = situation_of(shard)
        address = situation.coming if situation.held and situation.is_issued else situation.primary
        if address is None or (situation.held and not situation.is_issued):
            return None
        return world.machines[address.member]


def writers(world: "ReshardWorld", pace: float) -> tuple[Writer, ...]:
    """Two that follow the records and one that does not; each has keys of its own."""
    kinds = (("follower 1", False), ("follower 2", False), ("stale", True))
    return tuple(
        Writer(world, name, range(number, KEYS, len(kinds)), pace, stale=stale)
        for number, (name, stale) in enumerate(kinds)
    )
