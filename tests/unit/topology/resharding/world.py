"""A world in which a keyspace is resharded: the model's shards, the records, an engine in three lines, and a service.

Everything that the service does passes through :class:`Effects`, which can kill it at any effect; the next life knows
nothing but the records and the shards.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from flyball import resharding
from flyball.controller import Outcome, Pass, record_pass, take_step
from flyball.keyrange import KeyRange, split_equally
from flyball.records import Keyspace, Metadata, Operation, Reshard, Shard
from flyball.records.failover import Outcome as Ended
from flyball.records.keyspace import Approval, KeyspaceSpec, KeyspaceStatus, ReshardPolicy, ShardRoute
from flyball.records.operation import OperationSpec, OperationType
from flyball.records.shard import MemberSpec, Reign, ShardSpec, ShardStatus
from flyball.store.memory import MemoryRecords
from flyball.store.port import Selector
from flyball_topology.cache import Cache
from flyball_topology.reshard.controller import ReshardController
from flyball_topology.reshard.steps import ReshardStep
from flyball_topology.reshard.view import ReshardView
from tests.unit.topology.resharding.model import Ground, ModelCrossing, ModelDataPlane, Primary
from tests.unit.topology.service import DEADLINES, EPOCH, Effects, TrippedRecords, told

NAME = "commerce"


@dataclass
class World:
    """The records and the ground beneath them."""

    records: MemoryRecords
    ground: Ground = field(default_factory=Ground)
    key: int = 0

    async def keyspace(self) -> Keyspace:
        found = await self.records.get(Keyspace, NAME)
        assert found is not None
        return found

    async def reshard(self) -> Reshard:
        found = await self.records.list(Reshard)
        assert found
        return max(found, key=lambda one: one.spec.generation)

    async def shards(self) -> dict[str, Shard]:
        return {one.name: one for one in await self.records.list(Shard, Selector(keyspace=NAME))}

    async def declare(self, shards: int) -> None:
        """A person edits the number of shards."""
        known = await self.keyspace()
        await self.records.replace_spec(
            known.model_copy(update={"spec": known.spec.model_copy(update={"shards": shards})})
        )

    async def say(self, kind: OperationType) -> Operation:
        """A person's word about the reshard."""
        reshard = await self.reshard()
        spec = OperationSpec(type=kind, keyspace=NAME, workflow=reshard.name)
        return await self.records.create(Operation(metadata=Metadata(name=f"{kind}-{self.ground.value}"), spec=spec))

    async def engine(self) -> None:
        """What an engine does: Reshards and Shards come and go as ``resharding`` says; members are there at once."""
        shards, reshards = await self.shards(), await self.records.list(Reshard)
        keyspace = await self.keyspace()
        wanted = resharding.wanted_reshard(keyspace, reshards, shards)
        if wanted is not None:
            await self.records.create(wanted)
        meant = {one.name: one for one in resharding.shards_of(keyspace, reshards)}
        for name, one in meant.items():
            if name not in shards:
                await self.make(name, one.range, serving=resharding.is_serving(keyspace, name, present=True))
        for name, shard in shards.items():
            serving = resharding.is_serving(keyspace, name, present=shard.spec.serving)
            if name not in meant:
                await self.records.delete(Shard, name)
                del self.ground.primaries[name]
            elif serving != shard.spec.serving:
                spec = shard.spec.model_copy(update={"serving": serving})
                await self.records.replace_spec(shard.model_copy(update={"spec": spec}))
        for operation in await self.records.list(Operation):
            await self._clone(operation)

    async def _clone(self, operation: Operation) -> None:
        about = operation.spec
        if about.type is not OperationType.RESEED or operation.status.outcome.ended or about.shard is None:
            return
        primary = self.ground.primaries.get(about.shard)
        if primary is not None and about.member is not None and primary.seeded:
            primary.seeded.add(about.member)
        done = operation.status.model_copy(update={"outcome": Ended.SUCCEEDED})
        await self.records.replace_status(operation.model_copy(update={"status": done}))

    async def make(self, name: str, part: KeyRange, *, serving: bool) -> None:
        """A shard with its primary."""
        number = int(sum((index + 1) * ord(letter) for index, letter in enumerate(name)))
        members = tuple(f"{name}-{ordinal}" for ordinal in (1, 2))
        self.ground.primaries[name] = Primary(name, number, part, members=members, read_only=not serving)
        spec = ShardSpec(
            keyspace=NAME,
            range=str(part),
            database=NAME,
            members=tuple(MemberSpec(name=one, host="h", port=3306) for one in members),
            credentials="c",
            serving=serving,
        )
        shard = await self.records.create(Shard(metadata=Metadata(name=name), spec=spec))
        status = ShardStatus(issued=1, reign=Reign(term=1, primary=members[0]))
        await self.records.replace_status(shard.model_copy(update={"status": status}))

    async def write(self) -> None:
        """The client writes a few rows."""
        keyspace, shards = await self.keyspace(), await self.shards()
        for _ in range(3):
            self.key = (self.key * 5 + 3) % 256
            self.ground.client_writes(keyspace, shards, self.key)
        self.ground.check(keyspace, shards)

    async def fail_over(self, name: str) -> None:
        """The shard gets another primary, which opens as its record says (rule 18)."""
        shard = (await self.shards())[name]
        term = self.ground.fail_over(name, shard.access)
        reign = shard.status.reign.model_copy(update={"term": term})
        status = shard.status.model_copy(update={"reign": reign, "issued": term})
        await self.records.replace_status(shard.model_copy(update={"status": status}))


async def new_world(shards: int = 1, approval: Approval = Approval.AUTOMATIC) -> World:
    """A keyspace that serves, with rows in it."""
    ground = Ground()
    records = MemoryRecords(now=lambda: EPOCH + timedelta(seconds=ground.now))
    world = World(records, ground)
    spec = KeyspaceSpec(shards=shards, replicas=2, reshard=ReshardPolicy(approval=approval))
    keyspace = await records.create(Keyspace(metadata=Metadata(name=NAME), spec=spec))
    routes = []
    for part in split_equally(shards):
        name = f"{NAME}-{part.name_part}"
        await world.make(name, part, serving=True)
        routes.append(ShardRoute(range=str(part), shard=name))
    status = KeyspaceStatus(routing=tuple(routes))
    await records.replace_status(keyspace.model_copy(update={"status": status}))
    for _ in range(20):
        await world.write()
    return world


class Tripped:
    """A port behind the effects: looking is free, acting is an effect."""

    def __init__(self, port: Any, effects: Effects) -> None:
        self._port, self._effects = port, effects
        self.look = port.look

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)

        async def tripped(*args: Any, **named: Any) -> Any:
            lost = TimeoutError("no answer")
            said = f"{name} {args[1]}" if len(args) > 1 else name
            return await self._effects.run(said, lambda: call(*args, **named), lost)

        return tripped


@dataclass
class Service:
    """One life of the topology service, its passes driven by hand."""

    world: World
    effects: Effects = field(default_factory=Effects)
    life: str = "first"

    async def __aenter__(self) -> Self:
        tripped: Any = TrippedRecords(self.world.records.beside(), self.effects)
        self._operations: Cache[Operation] = Cache(tripped, Operation, lambda _: None)
        self._task = asyncio.create_task(self._operations.run())
        await self._operations.synced.wait()
        data: Any = Tripped(ModelDataPlane(self.world.ground, self.life), self.effects)
        crossing: Any = Tripped(ModelCrossing(self.world.ground), self.effects)
        self.controller = ReshardController(
            tripped,
            data,
            crossing,
            self._operations,
            clock=lambda: self.world.ground.now,
            today=lambda: EPOCH + timedelta(seconds=self.world.ground.now),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def one_pass(self) -> Pass[ReshardView, ReshardStep]:
        """One pass; before it the client writes and the engine looks, after it time goes on."""
        world = self.world
        await world.write()
        await world.engine()
        await told()
        key = (await world.reshard()).name
        done = await take_step(self.controller, key, DEADLINES, None)
        done = await record_pass(self.controller, key, DEADLINES, done)
        world.ground.now += 0.02 if done.outcome is Outcome.CHANGED else max(done.decision.again or 1.0, 0.05)
        world.ground.tick()
        await world.write()
        return done

    async def rest(self) -> None:
        """Passes until one finds nothing to do."""
        while (await self.one_pass()).decision.step is not None:
            pass

    async def until(self, stage: str, within: int = 400) -> Reshard:
        """Passes until the reshard is at that stage, or has ended like that, or said to wait for a person."""
        last = None
        for _ in range(within):
            reshard = await self.world.reshard() if await self.world.records.list(Reshard) else None
            if reshard is not None and stage in {str(reshard.status.outcome), _rest(reshard)}:
                return reshard
            if reshard is None:
                await self.world.engine()
                continue
            last = await self.one_pass()
        assert last is not None
        raise AssertionError(f"not {stage} within {within} passes: {last.decision}; {last.error!r}")


def _rest(reshard: Reshard) -> str:
    """The stage, where it rests there."""
    kept = any("the sources follow the targets" in one for one in reshard.status.awaited)
    if str(reshard.status.stage) == "Switched":
        return "Switched" if kept else ""
    return str(reshard.status.stage)
