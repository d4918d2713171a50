"""The Operation record: a person's word about a keyspace, a shard or a member; deleting it lifts it."""

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from flyball.records.base import Label, Model, Record
from flyball.records.failover import Outcome, Step


class OperationType(StrEnum):
    """What a person can say.

    ``pause``: touch nothing of the keyspace or shard while this record exists. ``fence``: keep the member out
    of service while this record exists. ``reseed``: make the member anew from another one, once. ``release``:
    members held after an accepted loss may be reseeded. ``adopt``: take the term that the members know where
    the record is older than they are. ``verify``: compare the rows of every replica with its primary's, once, and name
    rows that stand on a shard to which they do not belong; nothing is changed. About a reshard, which ``workflow``
    names: ``pause``: begin no further step while this record exists. ``approve``: let the next cutover happen.
    ``cancel``: take away all that was made; the sources serve on. ``reverse``: let the sources serve again.
    ``complete``: give up the way back.
    """

    PAUSE = "pause"
    FENCE = "fence"
    RESEED = "reseed"
    RELEASE = "release"
    ADOPT = "adopt"
    VERIFY = "verify"
    APPROVE = "approve"
    CANCEL = "cancel"
    REVERSE = "reverse"
    COMPLETE = "complete"


ABOUT_WORKFLOWS = {OperationType.APPROVE, OperationType.CANCEL, OperationType.REVERSE, OperationType.COMPLETE}
"""What can be said only about a reshard."""


class OperationSpec(Model):
    """``shard`` absent: the whole keyspace. ``member`` is needed for fence, reseed and release.

    ``workflow`` names a Reshard; with it the operation is about that reshard alone, and touches no shard.
    """

    type: OperationType
    keyspace: Label
    shard: Label | None = None
    member: Label | None = None
    workflow: Label | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _names_its_object(self) -> Self:
        if self.type in {OperationType.FENCE, OperationType.RESEED, OperationType.RELEASE} and (
            self.shard is None or self.member is None
        ):
            raise ValueError(f"an operation of type {self.type} names a shard and a member")
        if self.type is OperationType.ADOPT and self.shard is None:
            raise ValueError("an operation of type adopt names a shard")
        if self.type in ABOUT_WORKFLOWS and self.workflow is None:
            raise ValueError(f"an operation of type {self.type} names a workflow")
        if self.workflow is not None and (
            self.type not in {*ABOUT_WORKFLOWS, OperationType.PAUSE} or self.shard is not None
        ):
            raise ValueError(f"an operation of type {self.type} about a shard names no workflow")
        return self


class ReseedPhase(StrEnum):
    """How far a reseed has come: out of the ack set, being cloned, replicating again."""

    LEAVING = "Leaving"
    CLONING = "Cloning"
    JOINING = "Joining"


class ShardVerified(Model):
    """What a comparison of one shard's members found; ``differences`` empty: they are the same."""

    shard: Label
    primary: Label
    replicas: tuple[Label, ...] = Field(default=(), description="the members that were compared with the primary")
    gtids: str = Field(default="", description="what all of them held when they were seen")
    tables: int = 0
    rows: int = 0
    skipped: tuple[str, ...] = Field(default=(), description="tables that cannot be compared, and why")
    differences: tuple[str, ...] = Field(default=(), description="what differed, and rows of other shards: the first")
    differing: int = Field(default=0, description="how many of those were found")


class OperationStatus(Model):
    """What came of it: written by the topology service."""

    outcome: Outcome = Outcome.PENDING
    phase: ReseedPhase | None = None
    code: str = ""
    message: str = ""
    evidence: str = Field(default="", description="for a reseed: the GTIDs that the member gave up")
    steps: tuple[Step, ...] = ()
    verified: tuple[ShardVerified, ...] = Field(default=(), description="for a verify: what was found, by shard")


class Operation(Record):
    """One word of a person."""

    kind: ClassVar[str] = "Operation"

    spec: OperationSpec
    status: OperationStatus = OperationStatus()
