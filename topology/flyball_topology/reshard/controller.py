"""The reshard controller: the loop's four functions, with the deciding left to ``decide``.

    observe   the records first, then the data plane and the members of both sides at the same time   -> a view
    decide    pure, in ``decide.py``
    act       what the step changes is written, each record by compare-and-swap, then it is done
    record    what is awaited, for people

What it remembers between passes costs time when it is lost, never safety: how long a stage lasts, how often a work
was begun, when a cutover may be tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from flyball.controller import Outcome, describe
from flyball.decision import Decision
from flyball.errors import Code, FlyballError, MemberError
from flyball.records import Keyspace, Metadata, Operation, Reshard, Shard
from flyball.records.keyspace import ShardRoute
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage
from flyball.store.port import ConflictError, Records, no_such
from flyball_topology.cache import Cache
from flyball_topology.crashpoints import CrashPoints
from flyball_topology.reshard.acts import Act, OpenChannel, Prune
from flyball_topology.reshard.decide import decide_reshard
from flyball_topology.reshard.port import Crossing, DataPlane, Move
from flyball_topology.reshard.seen import Checked, CopySeen, ShardSeen
from flyball_topology.reshard.steps import AccessChange, Job, ReshardStep
from flyball_topology.reshard.telling import awaiting
from flyball_topology.reshard.view import ReshardView, move_of
from flyball_topology.steps import OperationChange

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_WITHIN = 2.0
"""Seconds that a shard, or the data plane, has to tell how it is."""
ACT_WITHIN = 5.0
"""Seconds that an act has inside a cutover; outside, as long as the loop allows."""
FIRST_REST, LONGEST_REST = 2.0, 60.0
"""Seconds between two tries of what failed: doubling from the first to the longest."""
TRIES = 5
"""Tries of a write of a shard's access while others write its status."""
IN_A_PAUSE = {Stage.SWITCHING, Stage.UNDOING, Stage.SWITCHING_BACK, Stage.UNDOING_BACK}


class _Failure(Exception):  # noqa: N818 - told on, as text
    """An act failed."""


@dataclass(slots=True)
class _Memory:
    stage: Stage | None = None
    stage_since: float = 0.0
    failure: str = ""
    failures: int = 0
    checked: Checked | None = None
    copied: CopySeen | None = None
    """What the data plane told once all producers were frozen; void as soon as one is not."""
    jobs: set[Job] = field(default_factory=set)
    begun: dict[Job, tuple[int, float]] = field(default_factory=dict)
    """How often each work was begun without coming to its end, and when last."""
    undone_at: float | None = None
    opened_at: float = float("-inf")
    pruned_at: float = float("-inf")
    told_at: float = float("-inf")
    view: ReshardView | None = None
    last: str = ""
    """The step that the pass before took."""


class ReshardController:
    """Carries reshards through; one key a reshard, its name."""

    def __init__(
        self,
        records: Records,
        data: DataPlane,
        crossing: Crossing,
        operations: Cache[Operation],
        *,
        clock: Callable[[], float],
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
        crash_points: CrashPoints | None = None,
    ) -> None:
        self._records = records
        self._data = data
        self._crossing = crossing
        self._operations = operations
        self._clock = clock
        self._today = today
        self._crash_points = crash_points or CrashPoints()
        self._memory: dict[str, _Memory] = {}

    # --- the loop's four functions ------------------------------------------------------------------------

    async def observe(self, key: str, /) -> ReshardView:
        """One view of the reshard. The records are read from the store: nothing here rests on a late word."""
        reshard = await self._records.get(Reshard, key)
        if reshard is None:
            raise no_such(Reshard, key)
        keyspace = await self._records.get(Keyspace, reshard.spec.keyspace)
        if keyspace is None:
            raise no_such(Keyspace, reshard.spec.keyspace)
        memory = self._memory.setdefault(key, _Memory())
        now = self._clock()
        if memory.stage is not reshard.status.stage:
            self._enter(memory, reshard.status.stage, now)
        view = ReshardView(
            now=now,
            today=self._today(),
            reshard=reshard,
            keyspace=keyspace,
            operations=self._words(reshard),
            pause=self._pause(keyspace),
            stage_age=now - memory.stage_since,
            failure=memory.failure,
            rest=_left(memory.undone_at, reshard.status.cutovers, now),
            checked=memory.checked,
            jobs=frozenset(memory.jobs),
            job_rest={job: _left(at, times, now) for job, (times, at) in memory.begun.items()},
            opened_age=now - memory.opened_at,
            pruned_age=now - memory.pruned_at,
            told_age=now - memory.told_at,
        )
        if not reshard.status.outcome.ended:
            view = await self._look(view)
        memory.view = view
        return view

    def decide(self, key: str, view: ReshardView, /) -> Decision[ReshardStep]:
        """The next step; pure."""
        return decide_reshard(view)

    async def act(self, key: str, step: ReshardStep, /) -> Outcome:
        """Write what the step changes, then do it. What fails in a cutover is the next view's business."""
        memory = self._memory[key]
        view = memory.view
        assert view is not None  # acting follows observing
        try:
            view = await self._write(view, step)
        except ConflictError as error:
            logger.info("%s: %s: %s has changed meanwhile; looking again", key, step.name, error.current.name)
            return Outcome.CHANGED
        begun = self._clock()
        failure = await self._do(memory, view, step)
        self._crash_points.reach(step.name)
        took = round((self._clock() - begun) * 1000, 1)
        logger.info("%s: %s", key, step.name, extra={"workflow": key, "step": step.name, "milliseconds": took})
        memory.failures = memory.failures + 1 if failure else 0
        memory.failure = failure
        if failure and (view.stage not in IN_A_PAUSE or memory.failures > 1):
            raise MemberError(Code.MEMBER_REFUSED, failure)
        return Outcome.CHANGED

    async def record(
        self,
        key: str,
        view: ReshardView | None,
        decision: Decision[ReshardStep],
        outcome: Outcome | Exception | None,
        /,
    ) -> None:
        """Tell what is awaited, where that is another thing than what was told."""
        memory = self._memory.get(key)
        if view is None or memory is None or view.reshard.status.outcome.ended:
            return
        name = decision.step.name if decision.step is not None else ""
        again = outcome is Outcome.CHANGED and name == memory.last
        memory.last = name
        if outcome is Outcome.CHANGED and (not again or view.stage in IN_A_PAUSE):
            return
        failed = (describe(outcome),) if isinstance(outcome, Exception) else ()
        begun = (f"{name}, again and again",) if again else ()
        awaited = (*((decision.why,) if decision.why else ()), *decision.awaited, *begun, *failed)
        status = awaiting(view.reshard.status, awaited)
        if status == view.reshard.status:
            return
        with suppress(ConflictError):  # the next pass tells it
            await self._records.replace_status(view.reshard.model_copy(update={"status": status}))

    def forget(self, key: str) -> None:
        """The reshard is gone."""
        self._memory.pop(key, None)

    # --- observing ----------------------------------------------------------------------------------------

    async def _look(self, view: ReshardView) -> ReshardView:
        spec = view.reshard.spec
        sources, missing = await self._shards(spec.sources)
        targets, unborn = await self._shards(spec.targets)
        view = replace(view, sources=sources, targets=targets, missing=(*missing, *unborn))
        seeds = {member: one for target in targets if (found := self._seeds(target)) for member, one in found.items()}
        move = view.move
        asked = [shard for shard in move.shards if shard.status.reign.term]
        if _is_swapped(view):
            return replace(view, seeds=seeds)
        hasty = view.stage in IN_A_PAUSE
        looks = (_within(self._crossing.look(move, shard.name, primary_alone=hasty)) for shard in asked)
        told = await asyncio.gather(self._copied(view), *looks, return_exceptions=True)
        copied, *answers = told
        seen: dict[str, ShardSeen] = {}
        unseen: dict[str, str] = {}
        for shard, one in zip(asked, answers, strict=True):
            if isinstance(one, ShardSeen):
                if one.term == shard.status.reign.term:
                    seen[shard.name] = one
                else:
                    unseen[shard.name] = f"it was asked under term {one.term}"
            elif isinstance(one, FlyballError | TimeoutError):
                unseen[shard.name] = describe(one) or f"no answer within {LOOK_WITHIN:g} s"
            elif isinstance(one, BaseException):
                raise one
        if isinstance(copied, BaseException):
            if not isinstance(copied, FlyballError | TimeoutError):
                raise copied
            unseen["the data plane"] = describe(copied)
        known = copied if isinstance(copied, CopySeen) else None
        if hasty and not all(one.name in seen and seen[one.name].frozen for one in _producers(view)):
            known = self._memory[view.name].copied = None
        return replace(view, seeds=seeds, seen=seen, unseen=unseen, copied=known)

    async def _copied(self, view: ReshardView) -> CopySeen | None:
        """What the data plane tells, once there is something to ask about.

        Inside a write pause it is not asked: the definitions were read once every producer was frozen, and have not
        changed since.
        """
        if view.missing or not all(shard.status.reign.term for shard in view.targets):
            return None
        if view.stage in IN_A_PAUSE:
            return self._memory[view.name].copied
        return await _within(self._data.look(view.move))

    async def _shards(self, routes: Iterable[ShardRoute]) -> tuple[tuple[Shard, ...], tuple[str, ...]]:
        found, missing = [], []
        for route in routes:
            shard = await self._records.get(Shard, route.shard)
            if shard is None:
                missing.append(route.shard)
            else:
                found.append(shard)
        return tuple(found), tuple(missing)

    def _words(self, reshard: Reshard) -> tuple[Operation, ...]:
        return tuple(
            one for one in self._operations.all() if one.spec.workflow == reshard.name and not one.status.outcome.ended
        )

    def _seeds(self, target: Shard) -> dict[str, Operation]:
        """By member, the reseed that goes on, or else the last one that was asked for."""
        found: dict[str, Operation] = {}
        for one in self._operations.about(target.name):
            member = one.spec.member
            if one.spec.type is not OperationType.RESEED or member is None:
                continue
            if member not in found or found[member].status.outcome.ended:
                found[member] = one
        return found

    def _pause(self, keyspace: Keyspace) -> str:
        if keyspace.metadata.deletion_requested:
            return "the keyspace is being deleted"
        if keyspace.spec.paused:
            return "the keyspace is paused"
        pauses = [
            one.name
            for one in self._operations.all()
            if one.spec.type is OperationType.PAUSE
            and one.spec.keyspace == keyspace.name
            and one.spec.workflow is None
            and not one.status.outcome.ended
        ]
        return f"paused by {', '.join(pauses)}" if pauses else ""

    def _enter(self, memory: _Memory, stage: Stage, now: float) -> None:
        if memory.stage in {Stage.UNDOING, Stage.UNDOING_BACK}:
            memory.undone_at = now
        memory.stage, memory.stage_since = stage, now
        memory.failure, memory.failures, memory.copied = "", 0, None
        memory.jobs.clear()
        memory.begun.clear()

    # --- acting -------------------------------------------------------------------------------------------

    async def _write(self, view: ReshardView, step: ReshardStep) -> ReshardView:
        """Write the records, in the order that ``steps.py`` promises; the view with the records as they are then."""
        if step.status is not None:
            reshard = await self._records.replace_status(view.reshard.model_copy(update={"status": step.status}))
            view = replace(view, reshard=reshard)
            if step.status.progress != () and step.status.stage is Stage.MOVING:
                self._memory[reshard.name].told_at = self._clock()
            self._crash_points.reach(step.name)
        if step.keyspace is not None:
            keyspace = await self._records.replace_status(view.keyspace.model_copy(update={"status": step.keyspace}))
            view = replace(view, keyspace=keyspace)
            self._crash_points.reach(step.name)
        for change in step.accesses:
            shard = await self._write_access(change)
            view = replace(view, sources=_with(view.sources, shard), targets=_with(view.targets, shard))
            self._crash_points.reach(step.name)
        for operation in step.operations:
            await self._write_operation(operation)
            self._crash_points.reach(step.name)
        return view

    async def _write_access(self, change: AccessChange) -> Shard:
        """Write what a shard takes. Others write its status all the time: where its reign and its access are what the
        decision saw, the change is made on the record as it is now; looking again would be part of the write pause.
        """
        shard = change.shard
        for _ in range(TRIES):
            status = shard.status
            update = {"access": change.access, "version": status.version + 1}  # an act decided before comes too late
            try:
                return await self._records.replace_status(
                    shard.model_copy(update={"status": status.model_copy(update=update)})
                )
            except ConflictError as error:
                now = error.current
                if not isinstance(now, Shard) or _premises(now) != _premises(change.shard):
                    raise
                shard, conflict = now, error
        raise conflict

    async def _write_operation(self, change: OperationChange) -> None:
        known = self._operations.get(change.name)
        if change.spec is not None:
            record = Operation(metadata=Metadata(name=change.name), spec=change.spec)
            if known is not None and known.status.outcome.ended:
                with suppress(FlyballError):
                    await self._records.delete(Operation, change.name, known.metadata.revision)
            self._operations.put(await self._records.create(record))
        elif known is not None:
            updated = known.model_copy(update={"status": change.status})
            self._operations.put(await self._records.replace_status(updated))

    async def _do(self, memory: _Memory, view: ReshardView, step: ReshardStep) -> str:
        """Do the acts at the same time, then what follows and the job; how it failed, if it did."""
        move = move_of(view.reshard, view.keyspace, view.sources, view.targets)
        failures = await self._all(step, [self._acts(move, view, (act,)) for act in step.acts])
        if failures:
            return "; ".join(failures)
        works = [self._acts(move, view, acts) for acts in _by_shard(step.then)]
        if step.job is not None:
            works.append(self._work(memory, view, step.job))
        failures = await self._all(step, works)
        if any(isinstance(act, Prune) for act in (*step.acts, *step.then)):
            memory.pruned_at = self._clock()
        if any(isinstance(act, OpenChannel) for act in step.acts):
            memory.opened_at = self._clock()
        return "; ".join(failures)

    async def _acts(self, move: Move, view: ReshardView, acts: Iterable[Act]) -> None:
        """One after another."""
        for act in acts:
            work = self._crossing.act(move, act)
            try:
                await (_within(work, ACT_WITHIN) if view.stage in IN_A_PAUSE else work)
            except (FlyballError, TimeoutError) as error:
                raise _Failure(f"{act.shard}: {describe(error)}") from error

    async def _all(self, step: ReshardStep, works: list[Coroutine[Any, Any, None]]) -> list[str]:
        """At the same time; what failed."""
        failures = []
        for result in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(result, _Failure):
                failures.append(f"{step.name}: {result}")
            elif isinstance(result, FlyballError | TimeoutError):
                failures.append(f"{step.name}: {describe(result)}")
            elif isinstance(result, BaseException):
                raise result
        return failures

    async def _work(self, memory: _Memory, view: ReshardView, job: Job) -> None:
        move = view.move
        if job in {Job.COPY, Job.VERIFY, Job.VERIFY_BACK}:
            times, _ = memory.begun.get(job, (0, 0.0))
            memory.begun[job] = (times + 1, self._clock())
        match job:
            case Job.CHECK:
                memory.checked = await self._data.check(move)
            case Job.COPY:
                await self._data.copy(move)
            case Job.VERIFY | Job.VERIFY_BACK:
                await self._data.verify(move, reverse=job is Job.VERIFY_BACK)
            case Job.STOP:
                await self._data.stop(move)
            case Job.DEFINITIONS:
                memory.copied = CopySeen(fingerprint=await _within(self._data.definitions(move)))
            case Job.CLEAN:
                for shard in view.targets if view.stage is Stage.COMPLETING else view.sources:
                    if shard.name in view.seen and not view.seen[shard.name].clean:
                        await self._data.clean(move, shard.name)
        memory.jobs.add(job)


def _premises(shard: Shard) -> tuple[object, ...]:
    """What a change of a shard's access rests on. The version rises with each such change: an access that was taken
    back meanwhile is not the one that was seen.
    """
    status = shard.status
    return (shard.metadata.uid, status.access, status.version, status.reign.term, status.transition)


def _is_swapped(view: ReshardView) -> bool:
    """Whether a cutover has swapped the routing: what follows needs no look, and clients wait for it."""
    forth, back = view.stage is Stage.SWITCHING, view.stage is Stage.SWITCHING_BACK
    return (forth and view.targets_serve) or (back and view.sources_serve)


def _producers(view: ReshardView) -> tuple[Shard, ...]:
    return view.sources if view.stage in {Stage.SWITCHING, Stage.UNDOING} else view.targets


def _by_shard(acts: Iterable[Act]) -> list[list[Act]]:
    """By shard, in their order."""
    found: dict[str, list[Act]] = {}
    for act in acts:
        found.setdefault(act.shard, []).append(act)
    return list(found.values())


def _left(since: float | None, times: int, now: float) -> float:
    """Seconds of the rest that are left."""
    if since is None or times <= 0:
        return 0.0
    rest = min(FIRST_REST * 2.0 ** min(times - 1, 16), LONGEST_REST)
    return max(0.0, since + rest - now)


def _with(shards: tuple[Shard, ...], changed: Shard) -> tuple[Shard, ...]:
    return tuple(changed if shard.name == changed.name else shard for shard in shards)


async def _within(work: Awaitable[T], seconds: float = LOOK_WITHIN) -> T:
    async with asyncio.timeout(seconds):
        return await work
