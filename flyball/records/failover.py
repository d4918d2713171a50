"""The Failover record: one change of primary, asked for by a person or by the topology service itself."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from flyball.records.base import Label, Model, Record


class Outcome(StrEnum):
    """How a workflow stands. ``Refused`` and ``Undone`` changed nothing in the end."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    REFUSED = "Refused"
    UNDONE = "Undone"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of the workflow."""
        return self not in {Outcome.PENDING, Outcome.RUNNING}


class StepState(StrEnum):
    """How a step stands."""

    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"


class Step(Model):
    """One step of a workflow, with what was seen and how long it took."""

    name: str
    state: StepState
    evidence: str = ""
    started: str = Field(default="", description="RFC 3339, UTC")
    milliseconds: float | None = None


class FailoverSpec(Model):
    """What was asked for. ``accept_loss`` is a person's word and is recorded."""

    keyspace: Label
    shard: Label
    mode: Literal["planned", "emergency"]
    to: str | None = Field(default=None, description="the member that shall reign; any fit one where absent")
    reason: str = ""
    accept_loss: bool = False


class FailoverStatus(Model):
    """What came of it: written by the topology service."""

    outcome: Outcome = Outcome.PENDING
    code: str = Field(default="", description="the stable code of a refusal")
    message: str = ""
    term: int = 0
    from_primary: str = ""
    to_primary: str = ""
    steps: tuple[Step, ...] = ()
    at_risk: str = Field(default="", description="GTIDs given up by --accept-loss")


class Failover(Record):
    """One change of primary of one shard."""

    kind: ClassVar[str] = "Failover"

    spec: FailoverSpec
    status: FailoverStatus = FailoverStatus()
