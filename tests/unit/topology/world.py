"""A small world: one shard's servers, the network between them, a client that keeps a ledger.

It stands behind the :class:`~flyball_topology.members.Members` port, so the real controller drives it. ``settle``
lets replication and acknowledgements go on until nothing moves; between two settles the world stands still. A client
writes to *every* server that lets it, which is worse than any real one, and remembers what it heard ``ok`` for.

After each act the world checks what must hold always; ``violated`` says in words what did not.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flyball.errors import Code
from flyball.gtid import NOTHING, GtidSet
from flyball.member.accounts import replica_account
from flyball.records import Shard
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec, RepairSpec, UserSpec
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.session import SessionLostError
from flyball_topology import notes, steps
from flyball_topology.view import Snapshot
from tests.simulation.server import Commit, DiedError, Payload, Server

TOPOLOGY = "topology"
"""The service's place in the network."""
SHARD = "commerce-x"


def uuid_of(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass
class World:
    """Servers by name, and what happened to them."""

    servers: dict[str, Server]
    durability: DurabilitySpec = field(default_factory=DurabilitySpec)
    zones: dict[str, str] = field(default_factory=dict)
    repair: RepairSpec = field(default_factory=RepairSpec)
    now: float = 1000.0
    cut: set[frozenset[str]] = field(default_factory=set)
    """Pairs of places that cannot talk."""
    held: set[str] = field(default_factory=set)
    """Members whose receiver gets nothing for now: behind, and not broken."""
    slow: set[str] = field(default_factory=set)
    """Members whose applier does nothing for now."""
    breaking: set[str] = field(default_factory=set)
    """Donors whose clones break off halfway."""
    acknowledged: GtidSet = NOTHING
    """The client's ledger."""
    foreign: GtidSet = NOTHING
    """Written by other means: errant."""
    promoted: list[tuple[int, str]] = field(default_factory=list)
    violated: list[str] = field(default_factory=list)
    """What must never happen, and did."""
    _beats: list[tuple[Commit, "asyncio.Future[None]"]] = field(default_factory=list)
    _fences: dict[str, int] = field(default_factory=dict)
    _journals: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        count: int = 3,
        *,
        acks: int = 1,
        policy: DurabilityPolicy = DurabilityPolicy.SEMI_SYNC,
        zones: tuple[str, ...] = (),
    ) -> "World":
        payloads: dict[tuple[str, str, int], Payload] = {}
        names = [f"m{number}" for number in range(1, count + 1)]
        servers = {n: Server(n, uuid_of(i), f"{n}.test", 3306, payloads) for i, n in enumerate(names, 1)}
        return cls(servers, DurabilitySpec(policy=policy, acks=acks), dict(zip(names, zones, strict=False)))

    def shard(self) -> Shard:
        """The record as the engine declares it."""
        members = tuple(
            MemberSpec(name=s.name, host=s.host, port=s.port, zone=self.zones.get(s.name, ""))
            for s in self.servers.values()
        )
        spec = ShardSpec(
            keyspace="commerce",
            range="-",
            database="commerce",
            members=members,
            durability=self.durability,
            repair=self.repair,
            users=(UserSpec(name="app"),),
            credentials="commerce-credentials",
        )
        return Shard.model_validate({"metadata": {"name": SHARD}, "spec": spec})

    def __getitem__(self, name: str) -> Server:
        return self.servers[name]

    # --- what happens by itself -------------------------------------------------------------------------

    def settle(self) -> None:
        """Receivers fetch, appliers apply, commits are acknowledged, until nothing moves."""
        for server in self.servers.values():
            if server.channel is not None:
                self._connect(server)
        for server in self.servers.values():
            server.followers = {replica_account(other.name) for other in self._connected_to(server)}
        moved = True
        while moved:
            moved = any([*map(self._replicate, self.servers.values()), *map(self._acknowledge, self.servers.values())])
        for commit, heard in self._beats:
            if commit.done and not heard.done():
                heard.set_result(None)
        self._beats = [(commit, heard) for commit, heard in self._beats if not heard.done()]

    def _connect(self, server: Server) -> None:
        channel = server.channel
        if channel is None or not server.running or server.stalled or not channel.wanted:
            return
        source = next(s for s in self.servers.values() if (s.host, s.port) == (channel.host, channel.port))
        if source.running and source.stalled:
            return  # believed in, until somebody gives it up
        error = self._refusal(server, source)
        if error:
            channel.state, channel.errno = "CONNECTING", error
            return
        known = server.executed.union(channel.received)
        if channel.state != "ON":
            if not known.contains(source.purged) or not source.logged.contains(known.only_uuids([source.uuid])):
                channel.stop()
                channel.errno = 13114
                return
            channel.state, channel.errno = "ON", 0
            channel.source_uuid, channel.semi, channel.acked = source.uuid, server.semi_replica, 0
        channel.heartbeats += 1

    def _connected_to(self, server: Server) -> list[Server]:
        return [
            other
            for other in self.servers.values()
            if other.running
            and other.channel is not None
            and other.channel.state == "ON"
            and (other.channel.host, other.channel.port) == (server.host, server.port)
        ]

    def _refusal(self, server: Server, source: Server) -> int:
        """The error that a receiver gets from its source, 0 when it is let in."""
        if not source.running or not self._reaches(server.name, source.name):
            return 2003
        if source.offline:
            return 3032
        locked = source.accounts.get(replica_account(server.name))
        if locked is None:
            return 1045
        return 3118 if locked else 0

    def give_up(self, name: str) -> None:
        """The receiver has heard nothing for ``replica_net_timeout``."""
        channel = self.servers[name].channel
        if channel is not None and channel.state == "ON":
            channel.state = "CONNECTING"

    def _replicate(self, server: Server) -> bool:
        channel = server.channel
        if channel is None or not server.running or server.stalled:
            return False
        moved = False
        source = self._at(channel.host, channel.port)
        if channel.state == "ON" and source is not None and server.name not in self.held:
            news = source.logged.subtract(server.executed).subtract(channel.received)
            if not news.is_empty:
                moved = True
                channel.received = channel.received.union(news)
                channel.acked = source.position
                server.hollow = server.hollow.union(news.intersect(source.hollow))
        if channel.applier and server.name not in self.slow and not server.executed.contains(channel.received):
            moved = True
            server.apply(channel.received)
        return moved

    def _acknowledge(self, server: Server) -> bool:
        if not server.running or server.stalled:
            return False
        ready = [c for c in server.commits if not server.semi_source or self._acks(server, c) >= server.semi_acks]
        for commit in ready:
            server.commits.remove(commit)
            server.finish(commit)
            self._heard(commit)
        return bool(ready)

    def _acks(self, server: Server, commit: Commit) -> int:
        channels = (other.channel for other in self._connected_to(server) if not other.stalled)
        return sum(bool(channel and channel.semi and channel.acked >= commit.position) for channel in channels)

    def _heard(self, commit: Commit) -> None:
        if commit.client:
            self.acknowledged = self.acknowledged.union(commit.gtid)

    # --- the client, and whoever else touches servers ---------------------------------------------------

    def client_writes(self) -> None:
        """One write to each server that takes it."""
        for server in self.servers.values():
            if server.takes_writes and sum(commit.client for commit in server.commits) < 3:
                commit = server.write(Payload("row"), client=True)
                if commit.done:
                    self._heard(commit)
        self.settle()

    def errant_write(self, name: str) -> GtidSet:
        """Somebody writes to a replica by other means."""
        server = self.servers[name]
        commit = server.write(Payload("row"))
        self.foreign = self.foreign.union(commit.gtid)
        return commit.gtid

    def kill(self, name: str) -> None:
        self.servers[name].kill()
        for server in self.servers.values():
            channel = server.channel
            if channel is not None and channel.state == "ON" and channel.host == self.servers[name].host:
                channel.state = "CONNECTING"

    def start(self, name: str) -> None:
        self.servers[name].start()

    def finish_clones(self) -> None:
        """Clones in flight complete, and the engine starts the members again."""
        for server in self.servers.values():
            if server.running and server.clone_state == "In Progress":
                donor = self.servers[server.donor] if server.donor else None
                if donor is None or not donor.running or donor.name in self.breaking:
                    server.lose_everything()
                    self._fences.pop(server.name, None)
                else:
                    server.become(donor)
                    self._fences.pop(server.name, None)

    def _at(self, host: str, port: int) -> Server | None:
        found = (s for s in self.servers.values() if (s.host, s.port) == (host, port))
        return next((server for server in found if server.running and not server.stalled), None)

    def _reaches(self, one: str, other: str) -> bool:
        return frozenset({one, other}) not in self.cut

    # --- what must hold always --------------------------------------------------------------------------

    def check(self) -> None:
        for server in self.servers.values():
            term = server.promise or 0
            if term < self._fences.get(server.name, 0):
                self.violated.append(f"{server.name} went back from term {self._fences[server.name]} to {term}")
            self._fences[server.name] = term
            self.violated += server.reused
            for journalled in server.journal:
                author = self._journals.setdefault(journalled, "")
                if not author:
                    self.violated.append(f"term {journalled} stands in a journal, and nobody was promoted under it")
        writable = [s for s in self.servers.values() if s.takes_writes and self._could_be_acknowledged(s)]
        if len(writable) > 1:
            self.violated.append(f"writes could be acknowledged at {', '.join(s.name for s in writable)} at once")

    def _could_be_acknowledged(self, server: Server) -> bool:
        admitted = [other for other in self._connected_to(server) if other.channel and other.channel.semi]
        return not server.semi_source or len(admitted) >= server.semi_acks

    def lost(self, primary: str) -> GtidSet:
        """What the client heard ok for and ``primary`` has not."""
        return self.acknowledged.subtract(self.servers[primary].executed)

    # --- the Members port -------------------------------------------------------------------------------

    @contextmanager
    def _talking_to(self, name: str) -> Iterator[Server]:
        server = self.servers[name]
        if server.stalled or not self._reaches(TOPOLOGY, name):
            raise TimeoutError
        if not server.running:
            error = SessionLostError(Code.MEMBER_UNREACHABLE, f"nothing listens at {name}")
            error.refused = True
            raise error
        self.settle()
        yield server
        self.settle()
        self.check()

    async def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Snapshot:
        with self._talking_to(member.name) as server:
            pass
        return server.probe()

    async def act(self, shard: Shard, act: steps.Act) -> Snapshot | None:
        with self._talking_to(act.member) as server:
            try:
                waited = self._do(shard, server, act)
            except DiedError as error:
                self.kill(act.member)
                raise SessionLostError(Code.OUTCOME_UNKNOWN, f"{act.member} ended") from error
        if any(not commit.done for commit in waited):
            raise TimeoutError  # the session waits on, for an acknowledgement
        deep = isinstance(act, steps.Establish | steps.Provision | steps.Admit)
        return None if isinstance(act, steps.Clone) else server.probe(deep=deep)

    async def beat(self, shard: Shard, member: MemberSpec, beat: int) -> None:
        try:
            with self._talking_to(member.name) as server:
                commit = server.write_beat(shard.status.reign.term, beat)
        except TimeoutError:
            await asyncio.get_running_loop().create_future()
        if not commit.done:
            heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._beats.append((commit, heard))
            await heard

    def forget(self, shard: str) -> None: ...

    def _do(self, shard: Shard, server: Server, act: steps.Act) -> list[Commit]:
        waited: list[Commit] = []
        stamp = shard.status.version, shard.status.issue_of(act.term)
        note = notes.written_by(shard, act)
        match act:
            case steps.Fence():
                server.fence(act.term, *stamp)
            case steps.Freeze():
                server.freeze(act.term)
            case steps.Thaw():
                server.thaw(act.term)
            case steps.Hold():
                server.hold(act.term, *stamp)
            case steps.Serve():
                server.serve(act.term, *stamp)
            case steps.Isolate():
                server.isolate(act.term)
            case steps.Follow():
                source = self.servers[act.source]
                server.follow(act.term, source.host, source.port, act.acks, *stamp, note)
            case steps.Lend():
                server.lend(act.term, replica_account(act.reader))
            case steps.Settle():
                server.settle(act.term)
            case steps.CatchUp():
                server.catch_up(act.term, *stamp, note)
            case steps.Promote():
                waited += self._promote(server, act, *stamp, note)
            case steps.ForgetSource():
                server.forget_source(act.term)
            case steps.Declare():
                waited += server.declare(act.term, GtidSet.parse(",".join(act.gtids)))
            case steps.Admit():
                server.admit(act.term, act.ackers, *stamp, note)
            case steps.EnsureSemiSync():
                server.ensure_semi_sync(act.term, act.acks, *stamp)
            case steps.Establish():
                server.establish(act.term)
                waited += server.provision(act.term, act.members, tuple(n for n, _ in act.users), act.database)
            case steps.Provision():
                waited += server.provision(act.term, act.members, tuple(n for n, _ in act.users), act.database)
            case steps.Clone():
                server.arm_clone(act.term, act.donor, *stamp)
                server.begin_clone()
        return waited

    def _promote(self, server: Server, act: steps.Promote, *stamp: Any) -> list[Commit]:
        errant = server.executed.intersect(self.foreign).subtract(server.hollow)
        if not errant.is_empty:
            self.violated.append(f"{server.name} holds errant transactions {errant} and is promoted")
        already = server.opened == act.term
        server.promote(act.term, GtidSet.parse(act.holds), act.acks, act.ackers, *stamp, serves=act.serves)
        author = self._journals.setdefault(act.term, server.name)
        if author != server.name:
            self.violated.append(f"term {act.term} was {author}'s, and {server.name} is promoted under it")
        if not already:
            self.promoted.append((act.term, server.name))
        self.settle()
        commit = server.write_journal(act.term)
        return [commit] if commit else []
