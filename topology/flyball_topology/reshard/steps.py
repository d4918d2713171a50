"""Steps of a reshard: what its decision can choose, as data.

What a step changes is written before it acts, in this order, each by compare-and-swap on what the decision was based
on: the reshard, the keyspace, the shards, the operations. A crash may cut it anywhere; the next look decides anew.
"""

from dataclasses import dataclass
from enum import Enum

from flyball.records import Shard
from flyball.records.keyspace import KeyspaceStatus
from flyball.records.reshard import ReshardStatus
from flyball.records.shard import ShardAccess
from flyball_topology.reshard.acts import Act
from flyball_topology.steps import OperationChange


class Job(Enum):
    """What the data plane is asked for."""

    CHECK = "read the tables' definitions"
    COPY = "copy"
    VERIFY = "compare"
    VERIFY_BACK = "compare the sources with the targets"
    STOP = "end the workers"
    CLEAN = "take away notes and indexes"
    OUTDATE = "make void what was decided before"
    DEFINITIONS = "read the tables' definitions once more"


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What a shard takes from now on; ``None``: what the engine wishes."""

    shard: Shard
    access: ShardAccess | None


@dataclass(frozen=True, slots=True)
class ReshardStep:
    """What one pass does.

    ``name`` is what people read. ``then`` is done once all of ``acts`` have succeeded, at the same time as the job:
    what the next look would find missing, at the price of a look inside the write pause. Nothing rests on it before it
    is seen.
    """

    name: str
    status: ReshardStatus | None = None
    keyspace: KeyspaceStatus | None = None
    accesses: tuple[AccessChange, ...] = ()
    operations: tuple[OperationChange, ...] = ()
    acts: tuple[Act, ...] = ()
    then: tuple[Act, ...] = ()
    job: Job | None = None

    def __str__(self) -> str:
        return self.name
