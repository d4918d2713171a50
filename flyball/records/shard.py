"""The Shard record: its members as declared by the engine, its reign as kept by the topology service.

Two terms stand in a status, and they are not the same thing. ``issued`` is the newest term that has been given
out, by compare-and-swap; ``reign`` changes only once a member has committed its journal row under that term.
A term that was issued and never reigned is spent. Whoever could be acknowledging writes, because it reigns or
because a newer term was issued to it, is one of the ``suspects`` that the next failover must revoke.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from flyball.records.base import Condition, Label, Model, Record
from flyball.records.keyspace import DurabilitySpec, RepairSpec, UserSpec


class Intent(StrEnum):
    """What the engine wants of a member. ``Leave`` asks to be let go; the answer is ``released_for``."""

    SERVE = "Serve"
    LEAVE = "Leave"


class MemberSpec(Model):
    """One mysqld of the shard, with a stable name."""

    name: Label
    incarnation: int = 1
    host: str
    port: int = Field(ge=1, le=65535)
    tls_name: str = Field(default="", description="the name in the member's certificate")
    zone: str = ""
    intent: Intent = Intent.SERVE

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


class ShardSpec(Model):
    """What the engine declares of a shard; nobody else writes it.

    ``credentials`` names the secret with the accounts' passwords and the certificate authority.
    """

    keyspace: Label
    range: str
    incarnation: int = 1
    database: str
    members: tuple[MemberSpec, ...]
    durability: DurabilitySpec = DurabilitySpec()
    repair: RepairSpec = RepairSpec()
    users: tuple[UserSpec, ...] = ()
    credentials: str
    serving: bool = True
    paused: bool = False

    def member(self, name: str) -> MemberSpec | None:
        """The member of that name, or ``None``."""
        return next((member for member in self.members if member.name == name), None)


class Reign(Model):
    """The shard's numbered reign of one primary.

    ``base`` is the line of the shard when the reign began: the GTIDs, without housekeeping, that the primary
    held on opening. The shard's line is ``base`` plus whatever ``uuid`` has written since.
    """

    term: int = 0
    primary: str = ""
    uuid: str = ""
    base: str = ""
    past: tuple[str, ...] = Field(default=(), description="uuids of the members that reigned before")
    issue: str = Field(default="", description="the name of the issue of its term")


class Mode(StrEnum):
    """Why a term was issued."""

    BOOTSTRAP = "bootstrap"
    PLANNED = "planned"
    EMERGENCY = "emergency"


class Phase(StrEnum):
    """How far a change of primary has come. Up to ``Switching`` it can be undone, from ``Issued`` it goes on."""

    PREPARING = "Preparing"
    SWITCHING = "Switching"
    CANCELLING = "Cancelling"
    ISSUED = "Issued"
    PROMOTING = "Promoting"


class Suspect(Model):
    """A member that may be acknowledging writes under a term that has not been revoked yet."""

    name: str
    uuid: str
    term: int


class Transition(Model):
    """A change of primary in flight.

    ``term`` is 0 until it is issued. ``holds`` is the GTID set that the candidate must hold before it is
    promoted. ``failover`` names the Failover record that asked for it. Where only a member that cannot be promoted
    holds part of the line, the candidate fetches that part from ``fetch_from``; that member's errant transactions are
    ``declared`` first, as empty ones, and belong to the line from then on.
    """

    mode: Mode
    phase: Phase
    candidate: str = ""
    term: int = 0
    holds: str = ""
    failover: str = ""
    reason: str = ""
    suspects: tuple[Suspect, ...] = ()
    at_risk: str = Field(default="", description="GTIDs given up by --accept-loss")
    accept_loss: bool = False
    fetch_from: str = Field(default="", description="the member that holds what the candidate lacks")
    declared: str = Field(default="", description="GTIDs that the line holds as empty transactions from now on")
    unreadable: tuple[str, ...] = Field(default=(), description="members from which fetching failed in this change")
    issue: str = Field(default="", description="the name of the issue of its term")


class Diverged(Model):
    """A member that holds transactions of its own where the line holds empty ones: ``gtids``.

    Only being made anew ends that. With ``known`` false it did not answer when they were declared, and is looked at
    before anything is done with it.
    """

    name: str
    gtids: str
    known: bool = True


class Reseeding(Model):
    """A member that may lose what it holds, to a clone: counted as not reached all the while (rule 6).

    ``counts_from`` is 0 for as long as it may be cloned. Then it is a version of the record: once the member has
    noted that, no clone that was decided on before can reach it any more, and it counts.
    """

    name: str
    counts_from: int = 0


class Access(StrEnum):
    """What a shard's primary takes.

    ``Open``: the applications' writes. ``Filling``: the rows of a reshard alone, by its channels and its movers'
    account (``read_only`` stays ON). ``Frozen``: the same of a shard that did serve; movers write nothing there.
    """

    OPEN = "Open"
    FILLING = "Filling"
    FROZEN = "Frozen"


class ShardAccess(Model):
    """What a workflow has decided about the shard's access; it stands above the engine's wish (rule 18)."""

    mode: Access
    by: Label = Field(description="the workflow that decided it")


class LagClass(StrEnum):
    """Replication lag in classes, so that a status changes only when the state does."""

    OK = "ok"
    OVER_1S = "over 1 s"
    OVER_10S = "over 10 s"
    OVER_1M = "over 1 min"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a member is at the moment, as observed."""

    PRIMARY = "Primary"
    REPLICA = "Replica"
    CLOSED = "Closed"
    CLONING = "Cloning"
    ISOLATED = "Isolated"
    UNREACHABLE = "Unreachable"
    EMPTY = "Empty"


class Release(Model):
    """The word that a member may be stopped: of which incarnation, and for which wish.

    ``generation`` is the record's when its spec asked the member to leave. A wish that was taken back and made again is
    another one; what was let go for the first may count again by then.
    """

    incarnation: int
    generation: int


class MemberStatus(Model):
    """A member as the topology service sees it."""

    name: str
    incarnation: int = 1
    role: Role
    uuid: str = ""
    lag: LagClass = LagClass.UNKNOWN
    errant: str = Field(default="", description="GTIDs that the shard's line does not hold")
    released_for: Release | None = Field(default=None, description="the incarnation that may be stopped now")


class DecisionStatus(Model):
    """The latest decision, without time stamps or counters: it changes when the state does."""

    wanted: str = ""
    seen: tuple[str, ...] = ()
    step: str = ""
    refused: tuple[str, ...] = ()
    why: str = ""
    awaited: tuple[str, ...] = ()


class ShardOverview(Model):
    """The members in short, for people who look at many shards at once; nobody decides by it."""

    members: str = Field(default="", description="how many serve or replicate, of those declared: 2/3")
    lag: str = Field(default="", description="the worst lag of a replica")
    errant: str = Field(default="", description="members that hold transactions which the shard's line does not")


class ShardStatus(Model):
    """The measurement, written by the topology service alone.

    ``issued`` is the highest term given out. ``version`` rises, within a term too, with each change that an act
    decided before it must not come after: members that have noted it refuse what was decided on an older one.
    ``ackers`` are the members whose acknowledgement counts, and ``ackers_next`` the set that replaces it while a
    member leaves (then both count). ``held`` are members that may carry GTIDs given up by a person and must
    not be reseeded until released. ``diverged`` are members whose content is not the line's although their GTIDs are:
    never candidates nor donors, until they are made anew. ``reseeding`` are members that may be cloned, or could still
    be by an act that comes late. ``imports`` belong to the shard's line as what its own primaries wrote does: they are
    named before the first of their transactions comes here. ``adopted`` is the newest term that members knew when a
    person last adopted what they know: of reigns up to there the record need not know.
    """

    observed_generation: int = 0
    issued: int = 0
    version: int = 0
    reign: Reign = Reign()
    transition: Transition | None = None
    ackers: tuple[str, ...] = ()
    ackers_next: tuple[str, ...] | None = None
    members: tuple[MemberStatus, ...] = ()
    findings: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    diverged: tuple[Diverged, ...] = ()
    reseeding: tuple[Reseeding, ...] = ()
    adopted: int = 0
    access: ShardAccess | None = Field(default=None, description="decided by a reshard; the spec's wish where absent")
    imports: tuple[str, ...] = Field(default=(), description="uuids of other shards' members, whose writes come here")
    durability: DurabilitySpec | None = Field(default=None, description="what is in force; follows the spec's")
    durability_next: DurabilitySpec | None = Field(default=None, description="what is being put in force")
    decision: DecisionStatus = DecisionStatus()
    overview: ShardOverview = ShardOverview()
    conditions: tuple[Condition, ...] = ()

    def issue_of(self, term: int) -> str:
        """The name under which ``term`` was issued: a restored record issues a number again, by another name."""
        transition = self.transition
        return transition.issue if transition is not None and transition.term == term else self.reign.issue


class Shard(Record):
    """One key range, served by one primary and its replicas."""

    kind: ClassVar[str] = "Shard"
    shown: ClassVar[frozenset[str]] = frozenset({"overview"})

    spec: ShardSpec
    status: ShardStatus = ShardStatus()

    @property
    def access(self) -> Access:
        """What the shard's primary takes: a workflow's word, or else the engine's wish."""
        if self.status.access is not None:
            return self.status.access.mode
        return Access.OPEN if self.spec.serving else Access.FILLING

    @property
    def serves(self) -> bool:
        """Whether the applications' statements may go to the shard."""
        return self.access is Access.OPEN
