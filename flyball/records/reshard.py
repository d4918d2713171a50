"""The Reshard record: rows on their way from one set of shards to another, while the application writes.

The engine creates it when a keyspace's declared key ranges and its routing differ; nobody edits its spec. The
topology service writes the status. A person's words about it (pause, approve, cancel, reverse, complete) are
Operations that name it.

What is to be done next is always decided from what is observed. The status keeps only what cannot be observed: the
``stage``, which tells in which direction an interrupted workflow goes on, and the evidence that a step rested on.
Which side serves is told by one thing alone, the keyspace's routing.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from flyball.duration import Duration
from flyball.records.base import Label, Model, Record
from flyball.records.failover import Outcome, Step
from flyball.records.keyspace import Approval, ShardRoute


class StepName(StrEnum):
    """The steps that people see, in their order; ``Cancel`` and ``Reverse`` are the two ways back."""

    CHECK = "Check"
    PROVISION = "Provision"
    COPY = "Copy"
    STREAM = "Stream"
    VERIFY = "Verify"
    SWITCH_WRITES = "SwitchWrites"
    KEEP_WAY_BACK = "KeepWayBack"
    REVERSE = "Reverse"
    COMPLETE = "Complete"
    CANCEL = "Cancel"


class Stage(StrEnum):
    """How far a reshard has come, as far as that decides what an interrupted one does next.

    ``Moving``: the sources serve, and the targets are being filled. ``Switching``: writes are held for the cutover;
    until the routing is swapped it can be undone, which is ``Undoing``. ``Switched``: the targets serve, and the
    sources follow them. ``SwitchingBack``, ``UndoingBack`` and ``Reversed`` are the same the other way. ``Cancelling``
    and ``Reversed`` take away all that was made; ``Completing`` what kept the way back.
    """

    MOVING = "Moving"
    SWITCHING = "Switching"
    UNDOING = "Undoing"
    SWITCHED = "Switched"
    SWITCHING_BACK = "SwitchingBack"
    UNDOING_BACK = "UndoingBack"
    REVERSED = "Reversed"
    CANCELLING = "Cancelling"
    COMPLETING = "Completing"


class ReshardSpec(Model):
    """From which shards to which. Both sides tile the same key ranges; made by the engine, edited by nobody.

    ``generation`` is the keyspace's, whose edit asked for it.
    """

    keyspace: Label
    generation: int = 0
    sources: tuple[ShardRoute, ...]
    targets: tuple[ShardRoute, ...]
    approval: Approval = Approval.AUTOMATIC
    keep_for: Duration | None = Field(default=None, description="how long the way back is kept; for good where absent")
    reason: str = ""


class TableProgress(Model):
    """How far one table is, over all its sources and targets. Totals are estimates until the end."""

    table: str
    rows: int = 0
    rows_expected: int = 0
    size: int = Field(default=0, description="bytes moved")
    is_done: bool = False


class ShardTerm(Model):
    """Under which reign of a shard something was seen."""

    shard: Label
    term: int


class Verified(Model):
    """That rows were compared and found the same, and under which reigns: another reign makes it void (rule 19)."""

    terms: tuple[ShardTerm, ...] = ()
    rows: int = 0
    repaired: int = Field(default=0, description="chunks that differed and were copied again")
    at: str = Field(default="", description="RFC 3339, UTC")


class ReshardStatus(Model):
    """What came of it: written by the topology service."""

    outcome: Outcome = Outcome.PENDING
    stage: Stage = Stage.MOVING
    code: str = Field(default="", description="the stable code of a refusal, or of what stopped it last")
    message: str = ""
    awaited: tuple[str, ...] = Field(default=(), description="what it waits for, when it waits")
    steps: tuple[Step, ...] = ()
    progress: tuple[TableProgress, ...] = ()
    eta: float | None = Field(default=None, description="seconds until the present step ends, as it looks now")
    fingerprint: str = Field(default="", description="of the tables' definitions, when the check passed")
    tables: tuple[str, ...] = Field(default=(), description="the tables that are moved")
    cautions: tuple[str, ...] = Field(
        default=(), description="unique keys that several targets may give out alike: with any, there is no way back"
    )
    verified: Verified | None = None
    cutovers: int = Field(default=0, description="cutovers that were tried and undone")
    switched: str = Field(default="", description="when the targets began to serve; RFC 3339, UTC")
    approved: bool = Field(default=False, description="a person approved the next cutover")

    def step(self, name: StepName) -> Step | None:
        """The step of that name, as far as it has begun."""
        return next((step for step in self.steps if step.name == name), None)


class Reshard(Record):
    """Rows on their way from one set of key ranges to another."""

    kind: ClassVar[str] = "Reshard"

    spec: ReshardSpec
    status: ReshardStatus = ReshardStatus()
