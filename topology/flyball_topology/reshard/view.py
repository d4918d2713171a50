"""The view of a reshard: an immutable snapshot, the only input of a decision.

The records come first and the members after them, so what the members tell is never older than what the records say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Operation, Reshard, Shard
from flyball.records.keyspace import ShardRoute
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage
from flyball_topology.reshard.port import Move
from flyball_topology.reshard.seen import Checked, CopySeen, ShardSeen
from flyball_topology.reshard.steps import Job


@dataclass(frozen=True, slots=True)
class Sides:
    """Who hands over to whom: the sources to the targets, or on the way back the targets to the sources."""

    producers: tuple[Shard, ...]
    consumers: tuple[Shard, ...]
    pairs: tuple[tuple[Shard, Shard], ...]
    """Each producer with each consumer that shares keyspace ids with it."""
    routes: tuple[ShardRoute, ...]
    """The routing once the consumers serve."""
    back: bool = False


@dataclass(frozen=True, slots=True)
class ReshardView:
    """One reshard as observed.

    :param now: seconds of one monotonic clock.
    :param today: for what people read; nothing is decided by it but when ``keepFor`` ends.
    :param missing: shards of either side that have no record.
    :param copied: what the data plane shows; ``None`` where it was not asked, or does not tell.
    :param checked: what the check of this service's life has said.
    :param seen: the shards whose primary answered; ``unseen`` says of the others why not.
    :param operations: a person's words about this reshard that have not ended, oldest first.
    :param seeds: the reseeds that this reshard asked for, by member.
    :param pause: why nothing may be begun: the keyspace is paused, by its spec or a person.
    :param stage_age: seconds since this service first saw the present stage.
    :param failure: how the last act of the present stage failed, if it did.
    :param rest: seconds until the next cutover may be tried.
    :param jobs: what the data plane has done for the present stage, by this service.
    :param job_rest: seconds until the same long work may be begun once more, by job.
    :param opened_age: seconds since channels were opened last, by this service.
    :param pruned_age: seconds since rows out of range were pruned last, by this service.
    :param told_age: seconds since progress was noted last, by this service.
    """

    now: float
    today: datetime
    reshard: Reshard
    keyspace: Keyspace
    sources: tuple[Shard, ...] = ()
    targets: tuple[Shard, ...] = ()
    missing: tuple[str, ...] = ()
    copied: CopySeen | None = None
    checked: Checked | None = None
    seen: Mapping[str, ShardSeen] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    seeds: Mapping[str, Operation] = field(default_factory=dict)
    pause: str = ""
    stage_age: float = 0.0
    failure: str = ""
    rest: float = 0.0
    jobs: frozenset[Job] = frozenset()
    job_rest: Mapping[Job, float] = field(default_factory=dict)
    opened_age: float = inf
    pruned_age: float = inf
    told_age: float = inf

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self.reshard.name

    @property
    def stage(self) -> Stage:
        """How far it has come, by its record."""
        return self.reshard.status.stage

    @property
    def move(self) -> Move:
        """What the ports are told."""
        return move_of(self.reshard, self.keyspace, self.sources, self.targets)

    @property
    def is_claimed(self) -> bool:
        """Whether the keyspace is this workflow's."""
        claim = self.keyspace.status.reshard
        return claim is not None and claim.workflow == self.name

    @property
    def is_armed(self) -> bool:
        """Whether the routing may be swapped by this workflow."""
        claim = self.keyspace.status.reshard
        return claim is not None and claim.workflow == self.name and claim.armed

    @property
    def has_other_definitions(self) -> bool:
        """Whether a table is known to have another definition than when the reshard was checked."""
        found = self.copied.fingerprint if self.copied is not None else ""
        return bool(found) and found != self.reshard.status.fingerprint

    def forward(self) -> Sides:
        """From the sources to the targets."""
        spec = self.reshard.spec
        pairs = self.move.pairs()
        return Sides(self.sources, self.targets, pairs, self._routing(spec.sources, spec.targets))

    def backward(self) -> Sides:
        """From the targets to the sources."""
        spec = self.reshard.spec
        pairs = tuple((target, source) for source, target in self.move.pairs())
        return Sides(self.targets, self.sources, pairs, self._routing(spec.targets, spec.sources), back=True)

    @property
    def targets_serve(self) -> bool:
        """Whether the routing points to the targets."""
        routed = {route.shard for route in self.keyspace.status.routing}
        return all(route.shard in routed for route in self.reshard.spec.targets)

    @property
    def sources_serve(self) -> bool:
        """Whether the routing points to the sources."""
        routed = {route.shard for route in self.keyspace.status.routing}
        return all(route.shard in routed for route in self.reshard.spec.sources)

    def said(self, kind: OperationType) -> Operation | None:
        """The oldest word of that kind that has not ended."""
        return next((one for one in self.operations if one.spec.type is kind), None)

    @property
    def is_paused(self) -> bool:
        """Whether a person keeps the reshard from going on."""
        return bool(self.pause) or self.said(OperationType.PAUSE) is not None

    def terms(self) -> dict[str, int]:
        """The reign of each shard of both sides."""
        return {shard.name: shard.status.reign.term for shard in (*self.sources, *self.targets)}

    def _routing(self, former: tuple[ShardRoute, ...], new: tuple[ShardRoute, ...]) -> tuple[ShardRoute, ...]:
        gone = {route.shard for route in (*former, *new)}
        kept = tuple(route for route in self.keyspace.status.routing if route.shard not in gone)
        return tuple(sorted((*kept, *new), key=_by_range))


def move_of(reshard: Reshard, keyspace: Keyspace, sources: tuple[Shard, ...], targets: tuple[Shard, ...]) -> Move:
    """What the ports are told about a reshard."""
    return Move(
        workflow=reshard.name,
        spec=reshard.spec,
        keyspace=keyspace,
        sources=sources,
        targets=targets,
        tables=reshard.status.tables,
        fingerprint=reshard.status.fingerprint,
    )


def _by_range(route: ShardRoute) -> KeyRange:
    return KeyRange.parse(route.range)
