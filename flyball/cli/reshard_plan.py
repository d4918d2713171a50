"""What a reshard would do, told from the records alone: the dry run. Pure.

The tables themselves are read by the check, which is the reshard's first step and touches nothing.
"""

from dataclasses import dataclass

from rich.console import Group
from rich.text import Text

from flyball.cli.change_plan import PlannedStep
from flyball.cli.output import Document, table
from flyball.errors import Code, FlyballError, InputError, RefusedError
from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Reshard, Shard
from flyball.records.keyspace import Approval, ShardRoute
from flyball.resharding import live, wanted_reshard


@dataclass(frozen=True, slots=True)
class ReshardPlan:
    """What would be done; ``refusal`` says why it would not."""

    keyspace: str
    sources: tuple[ShardRoute, ...]
    targets: tuple[ShardRoute, ...]
    steps: tuple[PlannedStep, ...]
    refusal: FlyballError | None = None

    def document(self) -> Document:
        """The plan with stable keys."""
        return {
            "dryRun": True,
            "keyspace": self.keyspace,
            "sources": [route.wire() for route in self.sources],
            "targets": [route.wire() for route in self.targets],
            "steps": [{"name": step.name, "evidence": step.evidence} for step in self.steps],
            "refused": {"code": self.refusal.code.number, "message": self.refusal.message} if self.refusal else None,
        }

    def story(self) -> Group:
        """The plan for people."""
        before, after = (" ".join(one.range for one in side) or "(none)" for side in (self.sources, self.targets))
        head = Text(f"{self.keyspace}: {before} would become {after}. Nothing is changed now.")
        rows = [
            *((one.range, one.shard, "source") for one in self.sources),
            *((one.range, one.shard, "target") for one in self.targets),
        ]
        steps = [Text(f"{n}. {step.name}  ({step.evidence})") for n, step in enumerate(self.steps, 1)]
        return Group(head, table(("RANGE", "SHARD", "SIDE"), rows), *steps)


def plan_reshard(
    stored: Keyspace, wanted: Keyspace, shards: dict[str, Shard], reshards: tuple[Reshard, ...]
) -> ReshardPlan:
    """What would become of the edit, were it made now."""
    past = tuple(one for one in reshards if one.status.outcome.ended)
    routed = wanted.model_copy(update={"status": stored.status})
    refusal = _refusal(stored, routed, reshards)
    asked = wanted_reshard(routed, (), {*shards, *(route.shard for one in past for route in one.spec.targets)})
    sources = asked.spec.sources if asked is not None else ()
    targets = asked.spec.targets if asked is not None else ()
    return ReshardPlan(stored.name, sources, targets, _steps(routed, sources, targets, shards), refusal)


def _refusal(stored: Keyspace, wanted: Keyspace, reshards: tuple[Reshard, ...]) -> FlyballError | None:
    going_on = live(reshards)
    if stored.metadata.deletion_requested:
        return InputError(Code.NO_SUCH_OBJECT, f"keyspace {stored.name!r} is being deleted", "")
    if going_on is not None:
        return RefusedError(
            Code.WORKFLOW_IN_FLIGHT,
            f"keyspace {stored.name}: {going_on.name} goes on ({going_on.status.stage})",
            f"`flyball workflow show {going_on.name}`; complete, reverse or cancel it first.",
        )
    if not stored.status.routing:
        return RefusedError(
            Code.NOT_DONE, f"keyspace {stored.name} does not serve yet", f"Wait: `flyball status {stored.name}`."
        )
    if stored.spec.paused:
        return RefusedError(Code.SHARD_PAUSED, f"keyspace {stored.name} is paused", "Set spec.paused: false first.")
    served = {KeyRange.parse(route.range) for route in stored.status.routing}
    if served == set(wanted.spec.key_ranges()):
        ranges = " ".join(route.range for route in stored.status.routing)
        return InputError(Code.BAD_USAGE, f"keyspace {stored.name}: {ranges} serve already", "Ask for other ranges.")
    return None


def _steps(
    keyspace: Keyspace, sources: tuple[ShardRoute, ...], targets: tuple[ShardRoute, ...], shards: dict[str, Shard]
) -> tuple[PlannedStep, ...]:
    replicas, policy = keyspace.spec.replicas, keyspace.spec.reshard
    tables = ", ".join(sorted(keyspace.spec.tables)) or "no table is declared"
    primaries = ", ".join(
        f"{shards[one.shard].status.reign.primary} (term {shards[one.shard].status.reign.term})"
        for one in sources
        if one.shard in shards
    )
    approval = "after `flyball workflow approve`" if policy.approval is Approval.MANUAL else "by itself"
    kept = f"for {policy.keep_for}" if policy.keep_for else "until `flyball workflow complete` or `reverse`"
    return (
        PlannedStep("Check", f"{tables}: primary keys, sharding keys, types, foreign keys, disk; nothing is touched"),
        PlannedStep("Provision", f"{len(targets)} shards of {replicas} members, closed to applications"),
        PlannedStep("Copy", f"from {primaries or 'the sources'}; then the other members are cloned"),
        PlannedStep("Stream", "by a filtered channel from each source to each target that shares keys with it"),
        PlannedStep("Verify", "all rows of both sides are compared at one GTID set; what differs is copied again"),
        PlannedStep("SwitchWrites", f"{approval}; writes wait for a moment, and until the swap it can be undone"),
        PlannedStep("KeepWayBack", f"the former shards follow {kept}"),
        PlannedStep("Complete", f"the former shards go; their data: reclaimPolicy {keyspace.spec.reclaim_policy}"),
    )
