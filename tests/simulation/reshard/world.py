"""A simulated keyspace whose rows move to other shards: members of both sides, the real service, an engine, people.

It is a :class:`~tests.simulation.world.World` of several shards, whose members hold rows. The shards that a reshard
makes are known from the beginning, since what they are called follows from the setting; their members are processes
from the moment on in which the engine declares them.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.expand import member_name, shard_name
from flyball.keyrange import split_equally
from flyball.records import Keyspace, Metadata, Reshard, Shard
from flyball.records.keyspace import (
    Approval,
    DurabilitySpec,
    KeyspaceSpec,
    RepairSpec,
    ReshardPolicy,
    TableSpec,
    UserSpec,
)
from flyball.records.operation import OperationType
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.store.memory import MemoryRecords
from flyball.store.port import Records
from flyball_topology.crossing.sql_crossing import SqlCrossing
from flyball_topology.reshard.running import Ports
from flyball_topology.service import Means
from tests.simulation.clock import VirtualLoop
from tests.simulation.machine import Machine
from tests.simulation.network import Network, lost
from tests.simulation.records import Store
from tests.simulation.replication import Replication
from tests.simulation.reshard.client import Ledger, writers
from tests.simulation.reshard.imports import Imports
from tests.simulation.reshard.invariants import ReshardInvariants
from tests.simulation.reshard.people import KEYSPACE, Engine, Person
from tests.simulation.reshard.plane import SimulatedPlane
from tests.simulation.reshard.server import ReshardServer, Shared
from tests.simulation.reshard.sessions import NetworkSessions
from tests.simulation.server import Payload, Server
from tests.simulation.topology import EPOCH, Replica
from tests.simulation.world import Image, Setting, World, _uuid

if TYPE_CHECKING:
    from tests.simulation.reshard.plane import Pipe

T = TypeVar("T")

CONNECTED_WITHIN = 7.0
"""Seconds that a login may take (``session/wire.py``)."""


@dataclass(frozen=True)
class ReshardSetting(Setting):
    """What kind of world it is, and what is asked of it."""

    members: int = 2
    before: int = 1
    after: int = 2
    approval: Approval = Approval.AUTOMATIC
    end: OperationType = OperationType.COMPLETE
    start: str = "serving"
    """From where: ``serving``, before anything is asked for; ``copied``; ``switched``, with the way back kept."""


@dataclass
class ReshardImage(Image):
    """A keyspace at rest in some stage, to begin others from."""

    shared: Shared = field(default_factory=Shared)
    ledger: Ledger = field(default_factory=Ledger)
    unborn: frozenset[str] = frozenset()
    swaps: int = 0


class ReshardReplica(Replica):
    """A process of the topology service that can reshard."""

    _planes: "list[SimulatedPlane]"

    def kill(self) -> None:
        super().kill()
        for plane in self._planes:
            plane.die()

    def start(self) -> None:
        self._planes = []
        super().start()

    def means(self) -> Means:
        means = super().means()
        return replace(means, ports=lambda: self._ports(means.records))

    def _ports(self, records: Records) -> Ports:
        world: Any = self._world
        process = self.process
        sessions = NetworkSessions(world, process)
        crossing = SqlCrossing(records, sessions._secrets, world.loop.time)
        crossing._sessions = sessions
        data = SimulatedPlane(world, process, crossing)
        self._planes.append(data)

        async def close() -> None:
            await data.close()
            crossing.close()

        return Ports(data, crossing, close, data.tell_ends_to)


class ReshardWorld(World):
    """Everything that there is."""

    setting: ReshardSetting
    told: ReshardInvariants

    def __init__(self, seed: str, setting: ReshardSetting, loop: VirtualLoop) -> None:
        self.seed, self.setting, self.loop = seed, setting, loop
        self.random = Random(f"{seed} world")
        self.network = Network(loop, Random(f"{seed} network"))
        self.store = Store(loop)
        uids = Random(f"{seed} uids")
        self.records = MemoryRecords(
            now=lambda: EPOCH.replace(second=int(loop.time()) % 60, minute=int(loop.time()) // 60),
            uid=lambda: f"{uids.getrandbits(128):032x}",
        )
        self.breaks_clones, self.whole_at = False, 0.0
        self.fingerprint = "v1"
        """Of the tables' definitions, on every member that has them."""
        self.machines, self.names, self.ranges = {}, {}, {}
        self.unborn: set[str] = set()
        """Members that have no process: not made yet, or gone for good."""
        self.told = ReshardInvariants(self)
        self.taken_back, self._asked = [], 0
        self.payloads: dict[tuple[str, str, int], Payload] = {}
        self.shared, self.ledger = Shared(), Ledger()
        self.sources = self._lay_out(setting.before)
        self.targets = self._lay_out(setting.after)
        for machine in self.machines.values():
            machine.on_changed = self._changed
            machine.on_done = self.told.acknowledge
            machine.on_acknowledged = self.told.attached
        self.replication = Replication(self.machines, self.network, loop)
        self.imports = Imports(self.machines, self.network, loop)
        draws = Random(f"{seed} clocks")
        self.replicas = {
            name: ReshardReplica(
                self, name, clock_offset=draws.uniform(0, 1e6), wall_offset=draws.choice((0.0, -3e3, 3e3))
            )
            for name in (f"t{number}" for number in range(1, setting.replicas + 1))
        }
        self.chunk_takes = draws.choice((0.05, 0.2, 0.6))
        """Seconds that a chunk takes at most."""
        self.writers = writers(self, draws.choice((0.1, 0.2, 0.4)))
        self.followers, self.squatters = {}, {}
        self.engine, self.person = Engine(self), Person(self, setting.end)

    def _lay_out(self, shards: int) -> tuple[str, ...]:
        """The shards of one side, none of them born yet."""
        found = []
        for part in split_equally(shards):
            shard = shard_name(KEYSPACE, part)
            members = tuple(member_name(shard, ordinal) for ordinal in range(1, self.setting.members + 1))
            self.names[shard], self.ranges[shard] = members, part
            for name in members:
                uuid = _uuid(len(self.machines) + 1)
                server = ReshardServer(
                    name, uuid, f"{name}.test", 3306, self.payloads, running=False, shard=shard, shared=self.shared
                )
                self.shared.homes[uuid[:8]] = shard
                self.machines[name] = Machine(server, shard, self.loop)
                self.unborn.add(name)
            found.append(shard)
        return tuple(found)

    # --- beginning and ending ---------------------------------------------------------------------------

    def begin(self, image: Image | None) -> None:
        """From an image, or from nothing."""
        if image is None:
            spec = KeyspaceSpec(
                shards=self.setting.before,
                replicas=self.setting.members,
                durability=DurabilitySpec(policy=self.setting.policy, acks=self.setting.acks),
                tables={"orders": TableSpec(shard_by="id")},
                reshard=ReshardPolicy(approval=self.setting.approval),
            )
            keyspace = Keyspace(metadata=Metadata(name=KEYSPACE), spec=spec)
            self.start_outside(lambda: self.records.create(keyspace))
        else:
            self._load(image)
        for one in (*self.replicas.values(), *self.writers, self.engine, self.person):
            one.start()

    def end(self) -> None:
        """Nobody does anything any more."""
        for replica in self.replicas.values():
            replica.kill()
        for process in (
            *(one.process for one in (*self.writers, self.engine, self.person)),
            *(machine.process for machine in self.machines.values()),
            self.store.process,
        ):
            process.kill()

    def image(self) -> ReshardImage:
        servers = {name: machine.server for name, machine in self.machines.items()}
        unborn = frozenset(self.unborn)
        return ReshardImage(servers, self.records, self.shared, self.ledger, unborn, self.told.swaps)

    def _load(self, image: Image) -> None:
        assert isinstance(image, ReshardImage)
        self.unborn, self.told.swaps = set(image.unborn), image.swaps
        self.ledger = image.ledger.copied()
        self.shared.order.update(image.shared.order)
        super()._load(image)

    def _copied(self, server: Server) -> Server:
        assert isinstance(server, ReshardServer)
        made = super()._copied(server)
        assert isinstance(made, ReshardServer)
        made.shared = self.shared
        made.rows, made.movers, made.guards = dict(server.rows), set(server.movers), set(server.guards)
        made.moves, made.notes = dict(server.moves), server.notes.copied() if server.notes else None
        made.imports = {name: replace(one, connected=False) for name, one in server.imports.items()}
        return made

    # --- what the engine does ---------------------------------------------------------------------------

    def declared_as(self, name: str, part: str, *, serving: bool) -> Shard:
        """A shard's record as the engine declares it."""
        members = tuple(MemberSpec(name=one, host=f"{one}.test", port=3306) for one in self.names[name])
        spec = ShardSpec(
            keyspace=KEYSPACE,
            range=part,
            database=KEYSPACE,
            members=members,
            durability=DurabilitySpec(policy=self.setting.policy, acks=self.setting.acks),
            repair=RepairSpec(errant=self.setting.errant),
            users=(UserSpec(name="app"),),
            credentials="commerce-credentials",
            serving=serving,
        )
        return Shard(metadata=Metadata(name=name), spec=spec)

    def bear(self, shard: str) -> None:
        """Start the members of a shard, empty."""
        for machine in self.members_of(shard):
            if machine.name in self.unborn and not machine.server.logged.is_empty:
                continue  # gone for good
            self.unborn.discard(machine.name)
            self._start(machine)

    def bury(self, shard: str) -> None:
        """End them for good."""
        for machine in self.members_of(shard):
            self.unborn.add(machine.name)
            if machine.server.running:
                machine.kill()

    def _start(self, machine: Machine) -> None:
        if machine.name not in self.unborn:
            super()._start(machine)

    # --- what others look at ----------------------------------------------------------------------------

    def keyspace(self) -> Keyspace | None:
        return self.records._shelf.of(Keyspace).get(KEYSPACE)

    def reshard(self) -> Reshard | None:
        """The newest one."""
        return max(self.records._shelf.of(Reshard).values(), key=lambda one: one.spec.generation, default=None)

    def at(self, host: str) -> Machine:
        """The member that listens there."""
        return self.machines[host.removesuffix(".test")]

    async def reach(self, place: str, machine: Machine, purpose: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """As :meth:`Network.ask`, by whoever gives up a login that nobody answers."""
        known = (place, machine.name, purpose) in self.network._known
        if not known and not self.network.both(place, machine.name):
            try:
                async with asyncio.timeout(CONNECTED_WITHIN):
                    while not self.network.both(place, machine.name):
                        await self.network.changed.wait()
            except TimeoutError:
                raise lost(machine.name) from None
        return await self.network.ask(place, machine, purpose, work)

    def write_line(self, pipe: "Pipe", message: dict[str, object]) -> None:
        pipe.write(self.text(message).encode())

    @staticmethod
    def text(message: dict[str, object]) -> str:
        return json.dumps(message)

    def _changed(self, machine: Machine) -> None:
        super()._changed(machine)
        self.imports.look(machine)
