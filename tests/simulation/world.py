"""A simulated world: shards of simulated members, the store, the real topology service, applications, a network.

:func:`World.begin` makes one from a :class:`Setting` and a seed, healthy or empty. Everything random comes from the
seed, everything that happens from the event loop of :mod:`tests.simulation.clock`, so a world replays to the letter.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from random import Random

from flyball.errors import FlyballError
from flyball.records import Operation, Shard
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec, ErrantPolicy, RepairSpec, UserSpec
from flyball.records.operation import OperationType
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.store.memory import MemoryRecords
from flyball_topology import steps
from flyball_topology.findings import Kind
from flyball_topology.view import Snapshot
from tests.simulation import procedures
from tests.simulation.client import Follower, Squatter
from tests.simulation.clock import VirtualLoop
from tests.simulation.invariants import Invariants
from tests.simulation.machine import Machine
from tests.simulation.network import NOBODY, Network
from tests.simulation.records import Store
from tests.simulation.replication import Replication
from tests.simulation.server import Payload, Server
from tests.simulation.topology import EPOCH, Replica

RESTARTS_IN = 0.3
"""Seconds in which an engine has a mysqld up again."""


@dataclass(frozen=True)
class Setting:
    """What kind of world it is."""

    members: int = 3
    acks: int = 1
    policy: DurabilityPolicy = DurabilityPolicy.SEMI_SYNC
    shards: int = 1
    replicas: int = 2
    """Processes of the topology service."""
    errant: ErrantPolicy = ErrantPolicy.RESEED
    empty: bool = False
    """Whether it begins with empty members."""


@dataclass
class Image:
    """A healthy world at rest, to begin others from."""

    servers: dict[str, Server]
    records: MemoryRecords


class World:
    """Everything that there is."""

    def __init__(self, seed: str, setting: Setting, loop: VirtualLoop) -> None:
        self.seed = seed
        self.setting = setting
        self.loop = loop
        self.random = Random(f"{seed} world")
        self.network = Network(loop, Random(f"{seed} network"))
        self.store = Store(loop)
        uids = Random(f"{seed} uids")
        self.records = MemoryRecords(
            now=lambda: EPOCH.replace(second=int(loop.time()) % 60, minute=int(loop.time()) // 60),
            uid=lambda: f"{uids.getrandbits(128):032x}",
        )
        self.breaks_clones = False
        self.whole_at = 0.0
        """When the last fault so far has ended."""
        self.machines: dict[str, Machine] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        """Members by shard."""
        self.told = Invariants(self)
        self.taken_back: list[Callable[[], None]] = []
        """What people have taken back, to be taken back again where a copy of the store still has it."""
        self._asked = 0
        payloads: dict[tuple[str, str, int], Payload] = {}
        for number in range(setting.shards):
            shard = f"commerce-{'xyz'[number]}"
            names = tuple(f"{'xyz'[number]}{index}" for index in range(1, setting.members + 1))
            self.names[shard] = names
            if setting.policy is DurabilityPolicy.NONE:
                self.told.unsafe.add(shard)
            for name in names:
                server = Server(name, _uuid(len(self.machines) + 1), f"{name}.test", 3306, payloads)
                self.machines[name] = Machine(server, shard, loop)
        self.payloads = payloads
        self.replication = Replication(self.machines, self.network, loop)
        for machine in self.machines.values():
            machine.on_changed = self._changed
            machine.on_done = self.told.acknowledge
            machine.on_acknowledged = self.told.attached
        offsets = Random(f"{seed} clocks")
        self.replicas = {
            name: Replica(
                self, name, clock_offset=offsets.uniform(0, 1e6), wall_offset=offsets.choice((0.0, -3e3, 3e3))
            )
            for name in (f"t{number}" for number in range(1, setting.replicas + 1))
        }
        pace = offsets.choice((0.2, 0.3, 0.5))
        self.followers = {shard: Follower(self, shard, pace) for shard in self.names}
        self.squatters = {shard: Squatter(self, shard, 0.7) for shard in self.names}

    # --- beginning and ending ---------------------------------------------------------------------------

    def begin(self, image: Image | None) -> None:
        """From an image, or from nothing."""
        if image is None:
            for shard in self.names:
                self._put(self.declared(shard))
        else:
            self._load(image)
        for replica in self.replicas.values():
            replica.start()
        for client in (*self.followers.values(), *self.squatters.values()):
            client.start()

    def end(self) -> None:
        """Nobody does anything any more."""
        for process in (
            *(replica.process for replica in self.replicas.values()),
            *(client.process for client in (*self.followers.values(), *self.squatters.values())),
            *(machine.process for machine in self.machines.values()),
            self.store.process,
        ):
            process.kill()

    def image(self) -> Image:
        """What there is now, to begin other worlds from."""
        return Image({name: machine.server for name, machine in self.machines.items()}, self.records)

    def _load(self, image: Image) -> None:
        for name, server in image.servers.items():
            machine = self.machines[name]
            machine.server = self._copied(server)
            machine._row = machine.server.row
            machine.watched_until = machine.clock() + 5.0
        shelf, theirs = self.records._shelf, image.records._shelf
        shelf.records = {kind: dict(records) for kind, records in theirs.records.items()}
        shelf.revision = theirs.revision
        for machine in self.machines.values():
            self.told.knows(machine)
            machine.changed()

    def _copied(self, server: Server) -> Server:
        if not self.payloads:
            self.payloads.update(server.payloads)
        channel = copy(server.channel)
        if channel is not None:
            channel.state = "CONNECTING"
        return replace(
            server,
            payloads=self.payloads,
            channel=channel,
            commits=[replace(commit, client=False) for commit in server.commits],
            journal=set(server.journal),
            accounts=dict(server.accounts),
            databases=set(server.databases),
            followers=set(),
        )

    def declared(self, shard: str) -> Shard:
        """The record as the engine declares it."""
        zones = "aabbc" if self.setting.policy is DurabilityPolicy.CROSS_ZONE else ""
        members = tuple(
            MemberSpec(name=name, host=f"{name}.test", port=3306, zone=zones[index : index + 1])
            for index, name in enumerate(self.names[shard])
        )
        spec = ShardSpec(
            keyspace="commerce",
            range="-",
            database="commerce",
            members=members,
            durability=DurabilitySpec(policy=self.setting.policy, acks=self.setting.acks),
            repair=RepairSpec(errant=self.setting.errant),
            users=(UserSpec(name="app"),),
            credentials="commerce-credentials",
        )
        return Shard.model_validate({"metadata": {"name": shard}, "spec": spec})

    def _put(self, record: Shard) -> None:
        self.start_outside(lambda: self.records.create(record))

    def start_outside(self, work: Callable[[], Awaitable[object]]) -> None:
        """Have something done that belongs to no process: a person's word, say. It may come too late."""

        async def do() -> None:
            with suppress(FlyballError):
                await work()

        self.store.process.start(do())

    def answer_for_a_person(self, shard: str) -> None:
        """Say what the service waits to hear from a person: let go who is held, adopt what the members know."""
        record = self.shard(shard)
        said = [one for one in self.records._shelf.of(Operation).values() if one.name.startswith("word-")]
        if record is None or any(one.spec.shard == shard and not one.status.outcome.ended for one in said):
            return
        if any(Kind.RECORD_OLDER_THAN_MEMBERS.value in text for text in record.status.findings):
            self._say(shard, OperationType.ADOPT)
        elif record.status.held:
            self._say(shard, OperationType.RELEASE, record.status.held[0])

    def _say(self, shard: str, what: OperationType, member: str | None = None) -> None:
        self._asked += 1
        spec = {"type": what, "keyspace": "commerce", "shard": shard, "member": member}
        metadata = {"name": f"word-{self._asked}-{shard}"}
        self.start_outside(lambda: self.records.create(Operation.model_validate({"metadata": metadata, "spec": spec})))

    # --- what others look at ----------------------------------------------------------------------------

    def shard(self, name: str) -> Shard | None:
        """The record as it is in the store."""
        return self.records._shelf.of(Shard).get(name)

    def members_of(self, shard: str) -> tuple[Machine, ...]:
        return tuple(self.machines[name] for name in self.names[shard])

    async def perform(self, machine: Machine, shard: Shard, act: steps.Act) -> Snapshot:
        """An act has arrived at its member."""
        self.told.arrived(machine, act)
        return await procedures.act(machine, shard, act)

    def restart(self, machine: Machine) -> None:
        """The mysqld has ended itself, and the engine starts it again."""
        machine.kill()
        self.loop.call_later(RESTARTS_IN, self._start, machine, context=NOBODY)

    def _start(self, machine: Machine) -> None:
        if not machine.server.running:
            machine.start()

    def _changed(self, machine: Machine) -> None:
        self.replication.look(machine)
        self.told.look(machine)


def _uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


async def sleep_until(loop: VirtualLoop, moment: float) -> None:
    """Until the clock shows ``moment``."""
    if moment > loop.time():
        await asyncio.sleep(moment - loop.time())
