"""The members as one topology replica reaches them: the port of ``flyball_topology/members.py`` over the network.

Like the SQL adapter it keeps a session for each purpose, so a probe never waits behind an act; and like its CLONE, the
one here goes on after the act has returned.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.session import SessionLostError
from flyball_topology import steps
from flyball_topology.sql_members import LEASE
from flyball_topology.view import Snapshot
from tests.simulation import cloning, procedures
from tests.simulation.clock import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class NetworkMembers:
    """What one process of the topology service asks of members."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process
        self._clones: dict[str, asyncio.Task[None]] = {}

    async def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Snapshot:
        machine = self._world.machines[member.name]

        async def look() -> Snapshot:
            self._world.replication.heartbeat(machine)
            return machine.probe()

        snapshot = await self._world.network.ask(self._process.name, machine, "probe", look)
        process = self._process

        def tell() -> None:
            if not process.dead:
                process.call(on_lost)

        machine.on_lost[process.name] = lambda: self._world.network.send(machine.name, process.name, tell)
        return snapshot

    async def act(self, shard: Shard, act: steps.Act) -> Snapshot | None:
        machine = self._world.machines[act.member]
        self._world.told.acting(self._process, machine, act)
        if isinstance(act, steps.Clone):
            await self._clone(shard, act)
            return None
        doing = self._world.network.ask(
            self._process.name, machine, "act", lambda: self._world.perform(machine, shard, act)
        )
        return await doing

    async def beat(self, shard: Shard, member: MemberSpec, beat: int) -> None:
        machine, term = self._world.machines[member.name], shard.status.reign.term
        network, place = self._world.network, self._process.name
        beating = asyncio.ensure_future(
            network.ask(place, machine, "beat", lambda: procedures.beat(machine, term, beat, LEASE))
        )
        try:
            while not (await asyncio.wait({beating}, timeout=LEASE / 3))[0]:
                await network.ask(place, machine, "watch", lambda: procedures.watch(machine, term, LEASE))
            await beating
        finally:
            beating.cancel()

    def forget(self, shard: str) -> None:
        pass

    def rest(self) -> None:
        for clone in self._clones.values():
            clone.cancel()

    def retain(self, shards: Collection[str]) -> None:
        pass

    def close(self) -> None:
        self.rest()

    async def _clone(self, shard: Shard, act: steps.Clone) -> None:
        machine = self._world.machines[act.member]
        network, place = self._world.network, self._process.name
        before = self._clones.get(act.member)
        if before is not None:
            if not before.done():
                return
            del self._clones[act.member]
            if not before.cancelled() and (error := before.exception()) is not None:
                raise error
        await network.ask(place, machine, "act", lambda: procedures.arm_clone(machine, shard, act))
        donor = self._world.machines[act.donor]

        async def clone() -> None:
            try:
                await network.ask(place, machine, "clone", lambda: cloning.clone(self._world, machine, donor))
            except SessionLostError:
                return

        self._clones[act.member] = asyncio.ensure_future(clone())
