"""A fleet: shards of three members each, all in this process, each member on a loopback address of its own.

The shards are declared in a record store like an engine's, with a secret and a certificate authority a keyspace, so
the topology service runs on them unchanged. What the fleet knows exactly and no client could, it keeps: when each
member was probed, and when a shard whose primary was taken away took its first write again.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from flyball.certificates import issue_authority, issue_member
from flyball.gtid import NOTHING
from flyball.member import accounts
from flyball.records import Shard
from flyball.records.shard import MemberSpec, Reign, ShardStatus
from flyball.secrets import FileSecrets
from flyball.store.sqlite import SqliteRecords
from flyball_topology import notes
from tests.simulation.fleet.member import Member
from tests.simulation.server import Payload, Server
from tests.unit.topology.world import World

TLS_NAME = "member.fleet.test"
GIVES_UP_AFTER = 4.0
"""Seconds after which a receiver leaves a source that says nothing (replica_net_timeout)."""
A_KEYSPACE = 50
"""Shards a keyspace."""


@dataclass
class Place:
    """One shard: its model, its members, and what befell it."""

    shard: Shard
    world: World
    members: dict[str, Member] = field(default_factory=dict)
    deaths: int = 0
    """How often its primary was taken away."""
    taken_at: float | None = None
    """When its primary was taken away, on this process's monotonic clock."""
    term: int = 0
    """The term whose primary took the last first write."""
    took: float | None = None
    """Seconds from there to the first write that a client could have made."""

    def primary(self) -> Server | None:
        """The server that takes writes, its reign proven by its journal row."""
        found = (s for s in self.world.servers.values() if s.takes_writes and s.opened in s.journal)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a fleet's records and secrets are."""

    root: Path

    @property
    def records(self) -> Path:
        """The record store's file."""
        return self.root / "records.db"

    @property
    def secrets(self) -> Path:
        """The directory of the secrets."""
        return self.root / "secrets"


class Fleet:
    """All shards. ``declare`` once, ``listen``, then break things."""

    def __init__(self, home: Home, shards: int, port: int, seed: int = 1) -> None:
        self._home = home
        self._port = port
        self._random = Random(seed)
        self._places = [self._place(number, shards) for number in range(shards)]
        self.gives_up_after: float | None = GIVES_UP_AFTER
        self._probed: dict[tuple[str, str], float] = {}
        self._gaps: list[float] = []

    def _place(self, number: int, shards: int) -> Place:
        keyspace, at = divmod(number, A_KEYSPACE)
        size = min(A_KEYSPACE, shards - keyspace * A_KEYSPACE)
        payloads: dict[tuple[str, str, int], Payload] = {}
        names = [f"k{keyspace}-{at}-{member}" for member in range(3)]
        servers = {
            name: Server(
                name,
                f"{number:08x}-0000-4000-8000-{member:012x}",
                f"127.{64 + number // 250}.{number % 250}.{member + 1}",
                self._port,
                payloads,
            )
            for member, name in enumerate(names)
        }
        spec = {
            "keyspace": f"k{keyspace}",
            "range": _range(at, size),
            "database": f"k{keyspace}",
            "members": tuple(
                MemberSpec(name=s.name, host=s.host, port=s.port, tls_name=TLS_NAME) for s in servers.values()
            ),
            "credentials": accounts.credentials_name(f"k{keyspace}"),
        }
        shard = Shard.model_validate({"metadata": {"name": f"k{keyspace}-{at}"}, "spec": spec})
        return Place(shard, World(servers))

    async def declare(self, *, reigning: bool, noted: bool = True) -> None:
        """Write the secrets and the records; of empty shards, or of shards that have reigned for a while.

        :param noted: whether the members have noted that reign, as those of an older flyball have not.
        """
        secrets = FileSecrets(self._home.secrets)
        now = datetime.now(UTC)
        contexts: dict[str, ssl.SSLContext] = {}
        async with await SqliteRecords.open(self._home.records) as records:
            for place in self._places:
                keyspace = place.shard.spec.keyspace
                if keyspace not in contexts:
                    authority = issue_authority(keyspace, now)
                    pair = issue_member(authority, TLS_NAME, (), now)
                    contexts[keyspace] = _server_side(self._home.root, pair.certificate, pair.key)
                    values = {"topology": "t", "clone": "c", "engine": "e", "replica-seed": "s"}
                    await secrets.create(place.shard.spec.credentials, values | {"ca": authority.certificate})
                record = await records.create(place.shard)
                if reigning:
                    await records.replace_status(record.model_copy(update={"status": _reign(place, noted=noted)}))
                self._serve(place, contexts[keyspace])

    def _serve(self, place: Place, tls: ssl.SSLContext) -> None:
        for name in place.world.servers:
            place.members[name] = Member(
                place.world,
                name,
                tls,
                "t",
                moved=lambda: self._moved(place),
                probed=lambda name=name: self._saw((place.shard.name, name)),
            )

    def make_older(self) -> None:
        """The members' program is from before there were notes."""
        for place in self._places:
            for server in place.world.servers.values():
                server.takes_notes = False

    async def listen(self) -> None:
        """Begin to listen, all members."""
        for place in self._places:
            for member in place.members.values():
                await member.listen()

    async def close(self) -> None:
        """End every member."""
        for place in self._places:
            for member in place.members.values():
                member.kill()
        await asyncio.sleep(0)  # for what was cut

    # --- what is kept ---------------------------------------------------------------------------------------

    def _moved(self, place: Place) -> None:
        for member in place.members.values():
            member.settled()
        primary = place.primary()
        if primary is not None and primary.opened > place.term:
            place.term = primary.opened
            if place.taken_at is not None and place.took is None:
                place.took = time.monotonic() - place.taken_at

    def _saw(self, member: tuple[str, str]) -> None:
        now = time.monotonic()
        before = self._probed.get(member)
        self._probed[member] = now
        if before is not None:
            self._gaps.append(now - before)

    def gaps(self) -> list[float]:
        """Seconds between two probes of one member, all since the last call."""
        now = time.monotonic()
        open_ones = [
            now - at for (shard, name), at in self._probed.items() if self._alive(shard, name) and now - at > 1.0
        ]
        gaps, self._gaps = [*self._gaps, *open_ones], []
        return gaps

    def _alive(self, shard: str, name: str) -> bool:
        server = self._named(shard).world[name]
        return server.running and not server.stalled

    def _named(self, shard: str) -> Place:
        return next(place for place in self._places if place.shard.name == shard)

    def watched(self) -> int:
        """How many members have been probed."""
        return len(self._probed)

    def member(self, shard: str, name: str) -> Member:
        """One member, by name."""
        return self._named(shard).members[name]

    def serving(self) -> int:
        """How many shards have a primary that takes writes."""
        return sum(place.primary() is not None for place in self._places)

    def whole(self) -> int:
        """How many have two replicas that follow it, too."""
        return sum(
            place.primary() is not None
            and sum(s.channel is not None and s.channel.state == "ON" for s in place.world.servers.values()) == 2
            for place in self._places
        )

    # --- breaking it ----------------------------------------------------------------------------------------

    def take(self, count: int, how: str) -> list[str]:
        """Kill or stop the primaries of ``count`` shards at one moment; return the shards' names.

        Of those that have lost the fewest so far: a shard rests from its third failover in a row on.
        """
        whole = [place for place in self._places if place.primary() is not None]
        self._random.shuffle(whole)
        chosen = sorted(whole, key=lambda place: place.deaths)[:count]
        for place in chosen:
            place.deaths += 1
            primary = place.primary()
            assert primary is not None
            member = place.members[primary.name]
            place.taken_at, place.took = time.monotonic(), None
            if how == "kill":
                member.kill()
                place.world.settle()
            else:
                member.stop()
                if self.gives_up_after is not None:
                    asyncio.get_running_loop().call_later(self.gives_up_after, self._give_up, place, primary)
        return [place.shard.name for place in chosen]

    def give_up(self) -> None:
        """Now: the receivers of every source that is stopped leave it."""
        for place in self._places:
            for server in place.world.servers.values():
                self._give_up(place, server)

    def _give_up(self, place: Place, source: Server) -> None:
        """The receivers of a source that is stopped still leave it."""
        if source.stalled:
            for server in place.world.servers.values():
                if server.channel is not None and server.channel.host == source.host and server.channel.state == "ON":
                    server.channel.state = "CONNECTING"

    def took(self) -> dict[str, float | None]:
        """By shard whose primary was taken: seconds to the first write, or None."""
        return {place.shard.name: place.took for place in self._places if place.taken_at is not None}

    async def restore(self) -> None:
        """Everybody goes on; what was measured is forgotten."""
        for place in self._places:
            place.taken_at = place.took = None
            for name, member in place.members.items():
                server = place.world[name]
                if not server.running or server.stalled:
                    await member.go_on()
            place.world.settle()


def _reign(place: Place, *, noted: bool) -> ShardStatus:
    """Bring the model to where a bootstrap ends, and return the status that goes with it."""
    world, durability = place.world, place.shard.spec.durability
    first, *others = world.servers.values()
    names = tuple(world.servers)
    first.establish(1)
    first.provision(1, names, (), place.shard.spec.database)
    reign = Reign(term=1, primary=first.name, uuid=first.uuid)
    status = ShardStatus(issued=1, reign=reign, ackers=names, durability=durability)
    note = notes.of_term(place.shard.model_copy(update={"status": status}), 1) if noted else None
    for other in others:
        other.follow(1, first.host, first.port, acks=True, note=note)
    world.settle()
    first.promote(1, NOTHING, durability.acks, names, note=note)
    world.settle()
    first.write_journal(1)
    world.settle()
    place.term = 1
    return status


def _range(at: int, size: int) -> str:
    """The ``at``-th of ``size`` nearly equal ranges, with bounds of two bytes."""
    bounds = [f"{65536 * number // size:04x}" for number in range(size + 1)]
    return f"{bounds[at] if at else ''}-{bounds[at + 1] if at + 1 < size else ''}"


def _server_side(root: Path, certificate: str, key: str) -> ssl.SSLContext:
    file = root / "member.pem"
    file.write_text(certificate + key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    file.unlink()
    return context
