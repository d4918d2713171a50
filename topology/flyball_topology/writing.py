"""Writing: the records that a step changes, each by compare-and-swap, in an order that a crash may cut anywhere.

    1. a Failover that the step creates      so that the status can name it
    2. the shard's status                    where a change of primary begins, goes on, ends
    3. the status of a Failover              tells what came of it; a leader that dies before is closed for by the next
    4. the status of an Operation

A conflict means that somebody else was first: it is raised, and the next pass looks at what stands there now.
"""

from collections.abc import Callable

from flyball.records import Failover, Metadata, Operation, Shard
from flyball.records.failover import Outcome
from flyball.records.failover import Step as DoneStep
from flyball.store.port import ConflictError, Records
from flyball_topology.cache import Cache
from flyball_topology.crashpoints import CrashPoints
from flyball_topology.metrics import Metrics
from flyball_topology.steps import FailoverChange, OperationChange, Step


class Writing:
    """Writes the records of steps."""

    def __init__(
        self,
        records: Records,
        failovers: Cache[Failover],
        operations: Cache[Operation],
        crash_points: CrashPoints,
        metrics: Metrics,
    ) -> None:
        self._records = records
        self._failovers = failovers
        self._operations = operations
        self._crash_points = crash_points
        self._metrics = metrics

    async def write(
        self, step: Step, shard: Shard | None, timeline: list[DoneStep], written: Callable[[Shard], None]
    ) -> None:
        """Write what the step changes.

        :param shard: the record that the step was decided on; nothing is written of a shard that is unknown.
        :param timeline: the steps done so far and not yet in the Failover; emptied into it.
        :param written: told of the shard as soon as its new status stands.
        :raises ConflictError: when a record is not as it was any more.
        """
        if step.failover is not None and step.failover.spec is not None:
            await self._write_failover(step.failover, timeline)
            self._crash_points.reach(step.name)
        if step.status is not None:
            if shard is not None:
                written(await self._records.replace_status(shard.model_copy(update={"status": step.status})))
            self._crash_points.reach(step.name)
        if step.failover is not None and step.failover.spec is None:
            await self._write_failover(step.failover, timeline)
            self._crash_points.reach(step.name)
        if step.operation is not None:
            await self._write_operation(step.operation)
            self._crash_points.reach(step.name)

    async def _write_failover(self, change: FailoverChange, timeline: list[DoneStep]) -> None:
        if change.spec is not None:
            timeline.clear()
            record = Failover(metadata=Metadata(name=change.name), spec=change.spec)
            try:
                record = await self._records.create(record)
            except ConflictError as error:
                record = error.current  # type: ignore[assignment]
        else:
            known = self._failovers.get(change.name)
            if known is None:
                return
            record = known
            if change.status.outcome is Outcome.RUNNING:
                timeline.clear()
        steps = (*record.status.steps, *timeline)
        status = change.status.model_copy(update={"steps": steps})
        timeline.clear()
        try:
            self._failovers.put(await self._records.replace_status(record.model_copy(update={"status": status})))
        except ConflictError as error:
            self._failovers.put(error.current)  # type: ignore[arg-type]
            raise
        if status.outcome.ended:
            self._metrics.failover_ended(self._failovers.get(change.name) or record)

    async def _write_operation(self, change: OperationChange) -> None:
        if change.spec is not None:
            record = Operation(metadata=Metadata(name=change.name), spec=change.spec)
            try:
                self._operations.put(await self._records.create(record))
            except ConflictError as error:
                current = error.current
                if isinstance(current, Operation) and current.status.outcome.ended:
                    await self._records.delete(Operation, change.name, current.metadata.revision)
                    self._operations.put(await self._records.create(record))
            return
        known = self._operations.get(change.name)
        if known is None:
            return
        try:
            updated = await self._records.replace_status(known.model_copy(update={"status": change.status}))
        except ConflictError as error:
            self._operations.put(error.current)  # type: ignore[arg-type]
            raise
        self._operations.put(updated)
