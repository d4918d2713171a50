"""Who declares and who decides: the engine that makes Reshards and Shards, and a person who says how it shall end.

What an engine wants is the product's own (``flyball/resharding.py``); here it only has processes to start.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from flyball import resharding
from flyball.errors import FlyballError
from flyball.records import Keyspace, Metadata, Operation, Reshard, Shard
from flyball.records.operation import OperationSpec, OperationType
from flyball.records.reshard import Stage
from tests.simulation.clock import Process

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld

KEYSPACE = "commerce"
EVERY = 0.3
"""Seconds between two looks of the engine."""
KEPT = "the sources follow the targets"
"""What is awaited where a reshard rests with its way back kept."""


class Engine:
    """The engine of the keyspace: Shards and Reshards as ``resharding`` wants them, and the processes of members."""

    def __init__(self, world: "ReshardWorld") -> None:
        self._world = world
        self.process = Process("engine", world.loop)

    def start(self) -> None:
        self.process.start(self._live())

    async def _live(self) -> None:
        while True:
            with suppress(FlyballError):  # somebody wrote meanwhile: the next look sees it
                await self._look()
            await asyncio.sleep(EVERY)

    async def _look(self) -> None:
        world, records = self._world, self._world.records
        keyspace, reshards = world.keyspace(), await records.list(Reshard)
        if keyspace is None:
            return
        shards = {one.name: one for one in await records.list(Shard)}
        wanted = resharding.wanted_reshard(keyspace, reshards, shards)
        if wanted is not None:
            await records.create(wanted)
            return
        meant = {one.name: one for one in resharding.shards_of(keyspace, reshards)}
        for name, one in meant.items():
            if name not in shards:
                world.bear(name)
                serving = resharding.is_serving(keyspace, name, present=True)
                await records.create(world.declared_as(name, str(one.range), serving=serving))
        for name, shard in shards.items():
            if name not in meant:
                await records.delete(Shard, name)
                world.bury(name)
                continue
            serving = resharding.is_serving(keyspace, name, present=shard.spec.serving)
            if serving != shard.spec.serving:
                spec = shard.spec.model_copy(update={"serving": serving})
                await records.replace_spec(shard.model_copy(update={"spec": spec}))


class Person:
    """Approves what waits for approval, and ends a reshard that keeps its way back as it shall end."""

    def __init__(self, world: "ReshardWorld", end: OperationType) -> None:
        self._world = world
        self._end = end
        self._said = 0
        self.process = Process("person", world.loop)

    def start(self) -> None:
        self.process.start(self._live())

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            reshard = self._world.reshard()
            if reshard is None or reshard.status.outcome.ended or self._has_said(reshard):
                continue
            awaited = " ".join(reshard.status.awaited)
            if reshard.status.stage is Stage.SWITCHED and KEPT in awaited:
                await self.say(self._end)
            elif "workflow approve" in awaited:
                await self.say(OperationType.APPROVE)

    def _has_said(self, reshard: Reshard) -> bool:
        operations = self._world.records._shelf.of(Operation).values()
        return any(one.spec.workflow == reshard.name and not one.status.outcome.ended for one in operations)

    async def say(self, what: OperationType) -> str:
        """A word about the reshard; returns the operation's name."""
        reshard = self._world.reshard()
        if reshard is None:
            return ""
        self._said += 1
        self._world.told.said(what)
        spec = OperationSpec(type=what, keyspace=KEYSPACE, workflow=reshard.name)
        metadata = Metadata(name=f"say-{self._said}-{what}")
        with suppress(FlyballError):
            await self._world.records.create(Operation(metadata=metadata, spec=spec))
        return metadata.name


async def declare(world: "ReshardWorld", shards: int) -> None:
    """Somebody edits the number of shards."""
    keyspace = await world.records.get(Keyspace, KEYSPACE)
    if keyspace is not None:
        spec = keyspace.spec.model_copy(update={"shards": shards})
        await world.records.replace_spec(keyspace.model_copy(update={"spec": spec}))
