"""Steps: what a decision can choose, as data.

An *act* changes one member and carries its term; the member refuses one that is too old. The adapters add the version
of the record that the step was decided on, which is refused likewise. A *write* changes records,
by compare-and-swap on what the decision was based on. No step holds a password: the adapters fill those in.
"""

from dataclasses import dataclass, field

from flyball.records.failover import FailoverSpec, FailoverStatus
from flyball.records.operation import OperationSpec, OperationStatus
from flyball.records.shard import ShardStatus
from flyball_topology.budgets import Spend


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one member under one term. The subclasses are the procedures of ``flyball/member/sql``."""

    member: str
    term: int


@dataclass(frozen=True, slots=True)
class Fence(Act):
    """Promise the term; take no writes, answer nobody, receive nothing."""


@dataclass(frozen=True, slots=True)
class Freeze(Act):
    """Stop writes the planned way: open transactions get ``grace`` seconds, then commits in flight ``wait`` seconds."""

    wait: int = 1
    grace: float = 0.5


@dataclass(frozen=True, slots=True)
class Thaw(Act):
    """Undo a freeze; applications stay out where a hold keeps them out."""


@dataclass(frozen=True, slots=True)
class Hold(Act):
    """Stop serving, and go on as a primary: open transactions get ``grace`` seconds, commits in flight ``wait``."""

    wait: int = 1
    grace: float = 0.5


@dataclass(frozen=True, slots=True)
class Serve(Act):
    """Let applications in, after a hold or for the first time."""


@dataclass(frozen=True, slots=True)
class Follow(Act):
    """Replicate from ``source``; give acknowledgements if ``acks``."""

    source: str
    acks: bool = True


@dataclass(frozen=True, slots=True)
class Lend(Act):
    """Apply what was received, and let ``reader`` replicate from here; take no writes."""

    reader: str


@dataclass(frozen=True, slots=True)
class Settle(Act):
    """Forget that the member reigned: all that it wrote is on the line."""


@dataclass(frozen=True, slots=True)
class CatchUp(Act):
    """Apply what was received; wait at most ``wait`` seconds for ``holds``."""

    holds: str
    wait: float = 0.5


@dataclass(frozen=True, slots=True)
class Promote(Act):
    """Take writes, holding ``holds``, with ``acks`` acknowledgements from ``ackers``; then write the journal row.

    Applications stay out of a shard that does not serve (rule 18).
    """

    holds: str
    acks: int
    ackers: tuple[str, ...]
    mode: str
    serves: bool = True


@dataclass(frozen=True, slots=True)
class ForgetSource(Act):
    """Drop the source that a new primary had: done after it reigns, since it takes tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Isolate(Act):
    """Keep the member out: no replication, no clients."""


@dataclass(frozen=True, slots=True)
class Declare(Act):
    """Commit empty transactions in the place of ``gtids``, single GTIDs."""

    gtids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Establish(Act):
    """Give an empty member the shard's schema, database, users and the replication ``accounts`` of members."""

    database: str
    users: tuple[tuple[str, bool], ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provision(Act):
    """The same on the reigning primary, for what is missing."""

    database: str
    users: tuple[tuple[str, bool], ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admit(Act):
    """Let exactly ``ackers`` replicate from the reigning primary."""

    ackers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnsureSemiSync(Act):
    """Semi-sync on the reigning primary as the durability asks; the count never falls."""

    acks: int


@dataclass(frozen=True, slots=True)
class Clone(Act):
    """Make the member anew from ``donor``. Takes as long as the data; goes on in the background."""

    donor: str


@dataclass(frozen=True, slots=True)
class FailoverChange:
    """A new status for a Failover record; ``spec`` when the record is to be created with it."""

    name: str
    status: FailoverStatus
    spec: FailoverSpec | None = None


@dataclass(frozen=True, slots=True)
class OperationChange:
    """A new status for an Operation record; ``spec`` when the record is to be created with it."""

    name: str
    status: OperationStatus
    spec: OperationSpec | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one pass does: acts on members at the same time, and at most one change of each record.

    The acts come first, and the records tell what came of them; with ``record_first`` the acts wait for the write, and
    a write that comes too late keeps them from happening.

    ``name`` is what people read. A step that begins a voluntary disruption says what it ``spends``.
    """

    name: str
    acts: tuple[Act, ...] = ()
    status: ShardStatus | None = None
    failover: FailoverChange | None = None
    operation: OperationChange | None = None
    record_first: bool = False
    spends: Spend | None = None
    remedies: str = ""
    """The finding that the step is a remedy for: tried again only after a rest that grows."""
    within: float = field(default=5.0, kw_only=True)
    """Seconds after which the acts count as failed."""

    def __str__(self) -> str:
        return self.name
