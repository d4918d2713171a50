"""The view: an immutable snapshot of what was observed, the only input of a decision beside the record.

What is unknown is unknown, never "no": a member that does not answer keeps its last snapshot, and its ``reach``
says that it is history. Moments are seconds of one monotonic clock; no clock of another machine is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from flyball.gtid import GtidSet
from flyball.records import Failover, Operation, Shard
from flyball.records.shard import MemberSpec, Reign, ShardStatus
from flyball.stability import Budget
from flyball_topology.findings import Finding
from flyball_topology.notes import Note

HOUSEKEEPING = "flyball"
"""The GTID tag of heartbeats, pulses and journal rows (rule 13)."""

HEARD_WITHIN = 3.0
"""Seconds within which a replica must have heard its source for the source to count as heard (rule 14)."""


class Reach(Enum):
    """Whether a member answers."""

    OK = "answers"
    REFUSED = "nothing listens at its address"
    SILENT = "does not answer"
    LOGIN = "refuses the login"
    UNKNOWN = "not asked yet"


@dataclass(frozen=True)
class Channel:
    """A replica's connection to its source, as the replica tells it. Without slots, as ``Snapshot`` is."""

    host: str
    port: int
    source_uuid: str
    receiver: str
    """ON, OFF or CONNECTING."""
    receiver_errno: int
    receiver_error: str
    received: GtidSet
    heartbeats: int
    applier_on: bool
    applier_errno: int
    applier_error: str

    @property
    def address(self) -> str:
        """``host:port`` of the source."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Snapshot:
    """What one probe returned.

    It has no slots: each second one is made of each member of the one before (:func:`grown`), and thirty values are
    copied ten times as quickly with the dictionary that holds them.
    """

    uuid: str
    version: str
    super_read_only: bool
    read_only: bool
    offline: bool
    executed: GtidSet
    purged: GtidSet
    semi_sync_source: bool
    semi_sync_acks: int
    semi_sync_replica: bool
    promise: int | None
    """The term this server has promised to; ``None`` when its fence row came with a clone, or is not there."""
    opened: int
    """The term under which it takes writes, 0 when it does not."""
    journal_term: int
    beat: int
    channel: Channel | None = None
    clone_state: str = ""
    clone_error: str = ""
    accounts: Mapping[str, bool] | None = None
    """Of a writable member: its accounts, and whether each is locked."""
    databases: frozenset[str] | None = None
    followers: frozenset[str] = frozenset()
    """Of a writable member: the replication accounts that are connected."""
    reigned: int = 0
    """The term under which it last took writes, until it is settled; restarts do not change it."""
    issue: str = ""
    """The name of the issue that was promised; empty where no act has told it."""
    noted: int = 0
    """The version of the record that this server has noted: it does nothing that was decided on an older one."""
    note: Note | None = None
    """The reign that this server has attached to, or begun; ``None``: none since it was made."""
    takes_notes: bool = True
    """False of a server that was started by a flyball which knew of no notes."""
    waiting: int = 0
    """Sessions that have waited for an acknowledgement for a second or more."""
    disk_full: bool = False
    """Something there waits for disk space: MySQL tries again each minute."""

    @property
    def received(self) -> GtidSet:
        """Everything that reached the server, applied or not."""
        return self.executed.union(self.channel.received) if self.channel else self.executed

    @property
    def takes_writes(self) -> bool:
        """Whether an application could write here."""
        return self.works and not self.read_only

    @property
    def works(self) -> bool:
        """Whether a primary's own work is done here: housekeeping, imports. Applications may be kept out (rule 18)."""
        return not (self.super_read_only or self.offline)

    def is_open(self, *, serves: bool) -> bool:
        """Whether a primary is open just as it should be: it works, and applications can write if the shard serves."""
        return self.works and self.read_only is not serves

    @property
    def is_empty(self) -> bool:
        """Nothing was ever executed or promised here."""
        return self.executed.is_empty and not self.promise and self.channel is None


def grown(before: Snapshot, executed: GtidSet, beat: int, received: GtidSet | None, heartbeats: int) -> Snapshot:
    """The same as before but for what grows: what is executed and the heartbeat's number, and of a channel what is
    received and the source's heartbeats.
    """
    now = object.__new__(Snapshot)
    vars(now).update(vars(before), executed=executed, beat=beat)
    if before.channel is not None:
        channel = object.__new__(Channel)
        vars(channel).update(vars(before.channel), received=received, heartbeats=heartbeats)
        vars(now)["channel"] = channel
    return now


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member: what it is declared to be, whether it answers, what it last said."""

    spec: MemberSpec
    reach: Reach = Reach.UNKNOWN
    failures: int = 0
    """Probes in a row that failed."""
    since: float = 0.0
    """When ``reach`` last changed between answering and not."""
    snapshot: Snapshot | None = None
    earlier: Snapshot | None = None
    """The snapshot before, to tell a lasting difference from a race between two probes."""
    heard_at: float | None = None
    """When this member was last seen to hear its source."""
    connecting_since: float | None = None
    """Since when its receiver tries to connect; ``None``: it does not, or is connected."""
    lag: float | None = None
    """Seconds behind the primary, by the heartbeat; ``None``: unknown."""
    error: str = ""

    @property
    def name(self) -> str:
        """The member's stable name."""
        return self.spec.name

    @property
    def seen(self) -> Snapshot | None:
        """The snapshot if the member answers now, else ``None``."""
        return self.snapshot if self.reach is Reach.OK else None

    def follows(self, source: MemberSpec) -> bool:
        """Whether the member is set to replicate from ``source``."""
        channel = self.snapshot.channel if self.snapshot else None
        return channel is not None and (channel.host, channel.port) == (source.host, source.port)

    def hears(self, now: float) -> bool:
        """Whether the member hears its source: an advance or a source heartbeat within 3 s (rule 14)."""
        channel = self.seen.channel if self.seen else None
        return (
            channel is not None
            and channel.receiver == "ON"
            and self.heard_at is not None
            and now - self.heard_at < HEARD_WITHIN
        )


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many shards there are, and how many primaries do not answer, by this observer's word alone."""

    shards: int = 1
    lost: int = 0
    ahead: int = 0
    """How many failovers of other shards must end before one of this shard may begin."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A remedy that was tried and has not helped yet: how often, when last, and how its acts failed, if they did."""

    times: int
    at: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """One shard as observed at ``now``."""

    now: float
    shard: Shard
    members: Mapping[str, MemberView]
    failovers: tuple[Failover, ...] = ()
    """Those that have not ended, oldest first."""
    operations: tuple[Operation, ...] = ()
    """A person's words that touch this shard."""
    phase_age: float = 0.0
    """Seconds since this service first saw the transition in its present phase."""
    failure: str = ""
    """How the last act of the present phase failed, if it did."""
    emergencies: tuple[float, ...] = ()
    """When past emergency failovers of the shard ended."""
    tried: Mapping[str, Tried] = field(default_factory=dict)
    """By finding: what was tried against it."""
    moves: tuple[Budget, ...] = ()
    clones: tuple[Budget, ...] = ()
    """What may be spent, of the shard, its keyspace and the fleet."""
    fleet: Fleet = field(default_factory=Fleet)
    beat_hung: float = 0.0
    """Seconds that the oldest unanswered heartbeat has been waiting."""
    issue: str = ""
    """A name for a term that is issued on this view: no other issue has it."""
    findings: tuple[Finding, ...] | None = field(default=None, init=False, compare=False, repr=False)
    """What ``diagnose`` found, once somebody has asked; a view made from this one is diagnosed by itself."""
    beside: dict[str, tuple[MemberView, object]] = field(default_factory=dict, init=False, compare=False, repr=False)
    """The same for what ``line.beside_the_line`` found of each member."""
    reign: Reign = field(init=False, compare=False, repr=False)
    """The recorded reign."""
    primary: MemberView | None = field(init=False, compare=False, repr=False)
    """The member that reigns by the record."""
    replicas: tuple[MemberView, ...] = field(init=False, compare=False, repr=False)
    """All members but the recorded primary, in the order of the spec."""

    def __post_init__(self) -> None:
        reign = self.shard.status.reign
        object.__setattr__(self, "reign", reign)  # a pass asks for these three a hundred times
        object.__setattr__(self, "primary", self.members.get(reign.primary))
        replicas = tuple(member for name, member in self.members.items() if name != reign.primary)
        object.__setattr__(self, "replicas", replicas)

    def with_status(self, status: ShardStatus) -> "View":
        """The same, were ``status`` the record's."""
        return replace(self, shard=self.shard.model_copy(update={"status": status}))
