"""Applications, and the ledger of what they heard ``ok`` for.

A *follower* keeps the rules of the real client (``flyball/client``): it looks at the record before each write, waits
while writes are held, goes to the candidate of an issued term, and never sends a write again whose outcome it does not
know. A *squatter* keeps no rules: it has a connection to every member, and writes wherever it is let in, which is what
an application with a stale address does at its worst.
"""

import asyncio
from typing import TYPE_CHECKING

from flyball.client.situation import situation_of
from flyball.errors import MemberError
from flyball.records import Shard
from flyball.session import SessionLostError
from tests.simulation.clock import Process
from tests.simulation.machine import Machine
from tests.simulation.records import STORE
from tests.simulation.server import Payload, refused

if TYPE_CHECKING:
    from tests.simulation.world import World

CLIENTS = "clients"
FIRST_REST, LONGEST_REST = 0.01, 0.1
ROW = Payload("row")


async def write(machine: Machine) -> None:
    """One statement in autocommit, at the server; :raises MemberError: when it was refused."""
    server = machine.server
    if server.offline:
        raise refused("3032 the server is in offline mode")
    await machine.disk()
    while machine.freezing:
        await machine.until(lambda: not machine.freezing, 1.0)
    if not server.takes_writes:
        raise refused("1290 the server is running with --read-only")
    await machine.committed(server.write(ROW, client=True))


class Follower:
    """An application that follows the records of one shard; ``pace`` is its rest between two writes, in seconds."""

    def __init__(self, world: "World", shard: str, pace: float) -> None:
        self._world = world
        self._shard = shard
        self._pace = pace
        self._record: Shard | None = None
        self.acknowledged_at = -1.0
        self.unknown = 0
        self.process = Process(CLIENTS, world.loop)

    def start(self) -> None:
        self.process.start(self._live())

    async def _live(self) -> None:
        rest = FIRST_REST
        while True:
            target = self._target()
            if target is None:
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
                continue
            try:
                async with asyncio.timeout(2.0):
                    await self._world.network.ask(CLIENTS, target, "follower", lambda machine=target: write(machine))
            except (TimeoutError, SessionLostError):
                self.unknown += 1
            except MemberError:
                await asyncio.sleep(rest)
                rest = min(rest * 2, LONGEST_REST)
                continue
            else:
                self.acknowledged_at = self._world.loop.time()
            rest = FIRST_REST
            await asyncio.sleep(self._pace)

    def _target(self) -> Machine | None:
        network, store = self._world.network, self._world.store
        if network.both(CLIENTS, STORE) and not store.is_stalled:
            self._record = self._world.shard(self._shard)
        if self._record is None:
            return None
        situation = situation_of(self._record)
        address = situation.coming if situation.held and situation.is_issued else situation.primary
        if address is None or (situation.held and not situation.is_issued):
            return None
        machine = self._world.machines[address.member]
        if situation.held and not machine.server.takes_writes:
            return None
        return machine


class Squatter:
    """An application that writes wherever it can, whatever the records say."""

    def __init__(self, world: "World", shard: str, pace: float) -> None:
        self._world = world
        self._shard = shard
        self._pace = pace
        self.process = Process(CLIENTS, world.loop)

    def start(self) -> None:
        self.process.start(self._live())

    async def _live(self) -> None:
        machines = [machine for machine in self._world.machines.values() if machine.shard == self._shard]
        network = self._world.network
        while True:
            await asyncio.sleep(self._pace)
            for machine in machines:
                open_for_all = machine.server.takes_writes and network.both(CLIENTS, machine.name)
                if open_for_all and len(machine.server.commits) < 3:
                    machine.serve(lambda machine=machine: write(machine), lambda result, error: None)
