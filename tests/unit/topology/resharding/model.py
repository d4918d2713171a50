"""The two sides of a reshard in a few lines: shards that hold rows, logs and channels, and a client that writes.

A shard here is its primary: what its members do among themselves is another world's business. It has a log of
transactions, one row each, a GTID set, flags, and channels that apply other shards' logs. The client follows the
records as a real one does: it writes where the routing says, if the shard serves by its record; and it believes an
acknowledgement. Every acknowledged write must be on the shard that the routing names, whenever writes are taken there.
"""

from dataclasses import dataclass, field

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Shard
from flyball.records.reshard import TableProgress
from flyball.records.shard import Access
from flyball_topology.reshard import acts
from flyball_topology.reshard.port import Move
from flyball_topology.reshard.seen import ChannelSeen, Checked, CopySeen, Refusal, ShardSeen, Work, WorkSeen

PRUNED = "prune"
STEP = 2**56
"""Keyspace ids between two keys."""


def keyspace_id(key: int) -> int:
    """Keys 0 to 255 spread over all keyspace ids."""
    return key * STEP


@dataclass(frozen=True)
class Write:
    """One transaction: a row's new value, ``None`` where it is deleted; nothing of either in housekeeping."""

    gtid: GtidSet
    key: int = -1
    value: int | None = None
    ours: bool = True


@dataclass
class Channel:
    """Where a channel stands: it applies what the producer's log holds and the consumer has not executed."""

    producer: str
    error: str = ""
    runs: bool = True
    held: bool = False


@dataclass
class Primary:
    """One shard's primary."""

    name: str
    number: int
    part: KeyRange
    term: int = 1
    members: tuple[str, ...] = ()
    rows: dict[int, int] = field(default_factory=dict)
    log: list[Write] = field(default_factory=list)
    executed: GtidSet = field(default_factory=GtidSet)
    purged: GtidSet = field(default_factory=GtidSet)
    super_read_only: bool = False
    read_only: bool = True
    movers: bool = False
    guarded: bool = False
    channels: dict[str, Channel] = field(default_factory=dict)
    journal: int = 0
    noted: int = 0
    counted: int | None = None
    seeded: set[str] = field(default_factory=set)
    up: bool = True
    uuids: int = 1

    @property
    def uuid(self) -> str:
        return f"{self.number:08x}-0000-0000-0000-{self.uuids:012x}"

    def append(self, key: int = -1, value: int | None = None, tag: str = "") -> Write:
        """Commit a transaction of its own."""
        gtid = GtidSet.span(self.uuid, self.executed.last(self.uuid, tag) + 1, tag=tag)
        write = Write(gtid, key, value, ours=tag != PRUNED)
        self.execute(write)
        return write

    def execute(self, write: Write) -> None:
        self.log.append(write)
        self.executed = self.executed.union(write.gtid)
        if write.key >= 0:
            self.counted = None
            if write.value is None:
                self.rows.pop(write.key, None)
            else:
                self.rows[write.key] = write.value

    def ghosts(self) -> list[int]:
        return [key for key in self.rows if keyspace_id(key) not in self.part]

    def in_range(self, part: KeyRange) -> dict[int, int]:
        return {key: value for key, value in self.rows.items() if keyspace_id(key) in part}

    @property
    def line(self) -> GtidSet:
        return self.executed.without_tag(PRUNED)


@dataclass
class Ground:
    """All shards, by name; and the data plane's notes on the targets."""

    primaries: dict[str, Primary] = field(default_factory=dict)
    copied: dict[str, dict[str, GtidSet]] = field(default_factory=dict)
    """By target, the snapshots that it was copied from; lost with its primary."""
    copying: int = 0
    verifying: int = 0
    verified: WorkSeen = field(default_factory=WorkSeen)
    worker: str = ""
    fingerprint: str = "v1"
    refusals: tuple[Refusal, ...] = ()
    now: float = 0.0
    acknowledged: dict[int, int] = field(default_factory=dict)
    value: int = 0
    refused_writes: int = 0

    def of(self, name: str) -> Primary:
        primary = self.primaries[name]
        if not primary.up:
            raise MemberError(Code.MEMBER_UNREACHABLE, f"{name} does not answer")
        return primary

    # --- time ---------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Channels apply, workers go on."""
        for consumer in self.primaries.values():
            for channel in consumer.channels.values():
                self._apply(consumer, channel)
        self.copying = max(0, self.copying - 1)
        self.verifying = max(0, self.verifying - 1)

    def _apply(self, consumer: Primary, channel: Channel) -> None:
        producer = self.primaries.get(channel.producer)
        if producer is None or not (producer.up and consumer.up and channel.runs and not channel.held):
            return
        if not consumer.executed.contains(producer.purged):
            channel.runs, channel.error = False, "1236: purged"
            return
        for write in producer.log:
            if not consumer.executed.contains(write.gtid):
                consumer.execute(write)

    # --- the client ---------------------------------------------------------------------------------------

    def client_writes(self, keyspace: Keyspace, shards: dict[str, Shard], key: int) -> None:
        """Write one row as a client that follows the records does."""
        for route in keyspace.status.routing:
            if keyspace_id(key) in KeyRange.parse(route.range):
                primary, shard = self.primaries[route.shard], shards[route.shard]
                if not shard.serves or not primary.up or primary.super_read_only or primary.read_only:
                    self.refused_writes += 1
                    return
                self.value += 1
                primary.append(key, self.value)
                self.acknowledged[key] = self.value

    def check(self, keyspace: Keyspace, shards: dict[str, Shard]) -> None:
        """No acknowledged write is missing where writes are taken; and they are taken in one place at a time."""
        writable = {name for name, one in self.primaries.items() if not (one.super_read_only or one.read_only)}
        routed = {route.shard: KeyRange.parse(route.range) for route in keyspace.status.routing}
        for name in writable - set(routed):
            shard = shards.get(name)
            assert shard is None or not shard.serves, f"{name} takes writes, and the routing does not name it"
        for name, part in routed.items():
            if name not in writable or not shards[name].serves:
                continue
            expected = {key: value for key, value in self.acknowledged.items() if keyspace_id(key) in part}
            held = self.primaries[name].in_range(part)
            assert held == expected, f"{name} lacks acknowledged writes, or holds others"

    def fail_over(self, name: str, access: Access) -> int:
        """Another member takes over: it holds what was executed, not what no binary log has; returns the new term."""
        primary = self.primaries[name]
        primary.term += 1
        primary.uuids += 1
        primary.channels = {}
        primary.journal = 0
        primary.read_only = access is not Access.OPEN
        primary.super_read_only = access is Access.FROZEN
        if len(primary.seeded) < 2 and name in self.copied:
            del self.copied[name]
            primary.rows, primary.executed, primary.log, primary.purged = {}, GtidSet(), [], GtidSet()
        return primary.term

    def trace(self, name: str) -> tuple[object, ...]:
        """What a reshard could leave behind on a shard."""
        one = self.primaries[name]
        flags = (one.super_read_only, one.read_only, one.movers, one.guarded, tuple(one.channels))
        return (*flags, tuple(sorted(one.rows.items())), tuple(one.ghosts()))


class ModelDataPlane:
    """The data plane over the ground. A worker dies with the service that began it."""

    def __init__(self, ground: Ground, life: str) -> None:
        self.ground, self.life = ground, life

    async def check(self, move: Move) -> Checked:
        ground = self.ground
        rows = sum(len(ground.of(one.name).rows) for one in move.sources)
        return Checked(ground.refusals, ("orders",), rows, rows * 100, ground.fingerprint)

    async def look(self, move: Move) -> CopySeen:
        ground = self.ground
        done = [target.name for target in move.targets if target.name in ground.copied]
        if len(done) == len(move.targets):
            work = Work.DONE
        elif ground.worker == self.life and ground.copying:
            work = Work.RUNNING
        else:
            work = Work.BROKEN if done else Work.ABSENT
        if ground.worker == self.life and ground.copying == 1:
            self._copy(move)
        if ground.worker == self.life and ground.verifying == 1:
            self._compare(move)
        verified = ground.verified
        if verified.work is Work.RUNNING and ground.worker != self.life:
            verified = WorkSeen(Work.BROKEN, "its worker is gone")
        progress = (TableProgress(table="orders", rows=10, rows_expected=20),)
        seeded = {target.name: frozenset(ground.primaries[target.name].seeded) for target in move.targets}
        return CopySeen(WorkSeen(work, progress=progress), verified, fingerprint=ground.fingerprint, seeded=seeded)

    async def definitions(self, move: Move) -> str:
        return self.ground.fingerprint

    async def copy(self, move: Move) -> None:
        if self.ground.worker == self.life and self.ground.copying:
            return
        self.ground.worker, self.ground.copying = self.life, 3

    async def verify(self, move: Move, *, reverse: bool) -> None:
        terms = {one.name: one.status.reign.term for one in move.shards}
        self.ground.worker, self.ground.verifying = self.life, 2
        self.ground.verified = WorkSeen(Work.RUNNING, terms=terms, reverse=reverse)

    async def stop(self, move: Move) -> None:
        self.ground.worker, self.ground.copying, self.ground.verifying = "", 0, 0

    async def clean(self, move: Move, shard: str) -> None:
        if not self.ground.of(shard).movers:
            raise MemberError(Code.MEMBER_LOGIN, f"{shard} refuses the login of the movers")
        self.ground.copied.pop(shard, None)

    def _copy(self, move: Move) -> None:
        """The rows as of one moment; what the snapshots hold counts as executed."""
        for target in move.targets:
            primary = self.ground.primaries[target.name]
            if target.name in self.ground.copied:
                continue
            snapshots = {}
            primary.rows = {}
            for source, other in move.pairs():
                if other.name == target.name:
                    producer = self.ground.primaries[source.name]
                    primary.rows |= producer.in_range(primary.part)
                    snapshots[source.name] = producer.executed
            held = GtidSet().union(*snapshots.values())
            primary.purged = primary.purged.union(held)
            primary.executed = primary.executed.union(held)
            primary.seeded = {primary.members[0]}
            self.ground.copied[target.name] = snapshots

    def _compare(self, move: Move) -> None:
        """Both sides at one GTID set: what differs there is copied again."""
        seen, repaired = self.ground.verified, 0
        for source, target in move.pairs():
            right, other = self.ground.primaries[source.name], self.ground.primaries[target.name]
            if seen.reverse:
                right, other = other, right
            for channel in other.channels.values():
                self.ground._apply(other, channel)
            both = KeyRange(max(right.part.start, other.part.start), min(right.part.end, other.part.end))
            if right.in_range(both) != other.in_range(both):
                repaired += 1
                kept = {key: value for key, value in other.rows.items() if keyspace_id(key) not in both}
                other.rows = kept | right.in_range(both)
        self.ground.verified = WorkSeen(Work.DONE, terms=seen.terms, reverse=seen.reverse, repaired=repaired)


class ModelCrossing:
    """The members of both sides over the ground."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def look(self, move: Move, shard: str, *, primary_alone: bool = False) -> ShardSeen:
        one = self.ground.of(shard)
        channels = {
            name: ChannelSeen(
                receiver_on=channel.runs,
                applier_on=channel.runs and not channel.held,
                lacks=self.ground.primaries[name].line.subtract(one.executed),
                lag=0.1,
                error=channel.error,
            )
            for name, channel in one.channels.items()
        }
        return ShardSeen(
            shard=shard,
            term=one.term,
            writable=not (one.super_read_only or one.read_only),
            frozen=one.super_read_only,
            executed=one.executed,
            line=one.line,
            movers=frozenset(one.members) if one.movers else frozenset(),
            guarded=one.guarded,
            channels=channels,
            ghosts=one.counted,
            journal=one.journal,
            clean=not (one.movers or one.guarded or one.channels),
        )

    async def act(self, move: Move, act: acts.Act) -> None:
        one = self.ground.of(act.shard)
        version = move.shard(act.shard).status.version
        if act.term != one.term:
            raise MemberError(Code.TERM_TOO_OLD, f"{act.shard} is promised to term {one.term}")
        if version < one.noted:
            raise MemberError(Code.VERSION_TOO_OLD, f"{act.shard} has noted version {one.noted}")
        one.noted = version
        match act:
            case acts.PrepareMovers():
                one.movers = True
            case acts.Guard():
                one.guarded = True
            case acts.OpenChannel():
                one.channels[act.producer] = Channel(act.producer)
            case acts.HoldChannel():
                one.channels[act.producer].held = True
            case acts.CloseChannel():
                one.channels.pop(act.producer, None)
            case acts.Prune():
                for key in one.ghosts():
                    one.append(key, None, PRUNED)
                one.counted = 0
            case acts.Freeze():
                one.super_read_only = one.read_only = True
            case acts.Thaw() | acts.Open():
                one.super_read_only = one.read_only = False
            case acts.CatchUp():
                self.ground._apply(one, one.channels[act.producer])
            case acts.Journal():
                one.append(tag="flyball")
                one.journal = one.term
            case acts.DeclareForeign():
                lacks = GtidSet.parse(act.gtids).subtract(one.executed)
                one.executed, one.purged = one.executed.union(lacks), one.purged.union(lacks)
            case acts.Clean():
                one.movers = one.guarded = False
                one.channels = {}
                for key in one.ghosts():
                    one.append(key, None, PRUNED)
            case _:
                raise AssertionError(act)
