"""The shard controller: the loop's four functions, with the deciding left to ``decide``.

    observe   the record, the members, what people asked for, what was tried before      -> a view
    decide    pure, in ``decide.py``
    act       the step's acts on members at the same time, or its change of records
    record    the status that people read, when the shard is at rest

While a change of primary is in flight nothing is published that is not part of it: those writes would stand inside
the write pause.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from secrets import token_hex

from flyball.controller import Outcome
from flyball.decision import Decision
from flyball.errors import Code, FlyballError, InputError, MemberError
from flyball.records import Failover, Operation, Shard
from flyball.records.failover import Outcome as Ended
from flyball.records.failover import Step as DoneStep
from flyball.records.failover import StepState
from flyball.records.operation import OperationType
from flyball.records.shard import Mode, Phase, Transition
from flyball.store.port import ConflictError, Records, no_such
from flyball_topology.budgets import FAILOVERS, Budgets, Kind
from flyball_topology.cache import Cache
from flyball_topology.crashpoints import CrashPoints
from flyball_topology.decide import FENCE_TRY, decide
from flyball_topology.diagnose import diagnose
from flyball_topology.failover import Queued, begins, lost_by_own_word
from flyball_topology.fetching import FETCH_TRY
from flyball_topology.findings import Kind as Kinds
from flyball_topology.members import Members
from flyball_topology.metrics import Metrics
from flyball_topology.publish import Told, publish
from flyball_topology.quiet import may_rest
from flyball_topology.reseed import CLONE_TRY
from flyball_topology.steps import Step
from flyball_topology.view import Fleet, Tried, View
from flyball_topology.watching import PROBE_WITHIN, Watch
from flyball_topology.writing import Writing

logger = logging.getLogger(__name__)

FRESH = 0.02
FRESH_IN_PAUSE = 0.5
"""Seconds for which a snapshot counts as fresh. Inside a write pause it is what the acts return that matters, and a
connection that breaks makes the rest stale at once."""
BEAT_EACH = 0.9
"""Seconds between two heartbeats, at least."""
RELAPSE = 60.0
"""Seconds within which replication that fails again after a restart counts as not helped."""
QUIET_FOR = 2.0
"""Seconds of a phase in which nothing is published beside it; one that lasts longer has to say why."""
KEPT_EMERGENCIES = 8


@dataclass(slots=True)
class _Memory:
    """What the controller remembers of a shard between passes; losing it costs time, never safety."""

    watch: Watch
    shard: Shard | None = None
    phase: tuple[object, ...] = ()
    phase_since: float = 0.0
    failure: str = ""
    failures: int = 0
    conflicts: int = 0
    waits: bool = False
    tried: dict[str, Tried] = field(default_factory=dict)
    timeline: list[DoneStep] = field(default_factory=list)
    emergencies: list[float] = field(default_factory=list)
    beat_at: float = -1.0
    reigning: int = 0
    rests: bool = False
    """Whether the last pass took no step, wrote nothing and did not fail."""
    quiet: bool = False
    """Whether the last decision stands until a glance shows something new."""
    by_watch: bool = False
    """Whether the record of this pass is what the watch told last, and was not read."""
    published: Told | None = None
    """What the status stands for that was found right last time."""


class ShardController:
    """Keeps every shard's primary alive; one key a shard, its name."""

    def __init__(
        self,
        records: Records,
        members: Members,
        failovers: Cache[Failover],
        operations: Cache[Operation],
        declared: Cache[Shard],
        *,
        wake: Callable[[str], None],
        clock: Callable[[], float],
        metrics: Metrics,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
        crash_points: CrashPoints | None = None,
        name: str | None = None,
    ) -> None:
        """``name``: of this service's life, in the names of the terms that it issues; random unless given."""
        self._records = records
        self._members = members
        self._failovers = failovers
        self._operations = operations
        self._declared = declared
        self._wake = wake
        self._clock = clock
        self._metrics = metrics
        self._today = today
        self._crash_points = crash_points or CrashPoints()
        self._writing = Writing(records, failovers, operations, self._crash_points, metrics)
        self._memory: dict[str, _Memory] = {}
        self._lost: set[str] = set()
        self._name = token_hex(8) if name is None else name
        self._views = count(1)
        self._budgets = Budgets()
        self._turns = FAILOVERS
        self._reached_at = clock()

    # --- the loop's four functions ------------------------------------------------------------------------

    async def observe(self, key: str, /) -> View:
        """One view of the shard."""
        memory = self._of(key)
        memory.quiet = False
        shard = memory.shard = await self._read(key, memory)
        transition = shard.status.transition
        now = self._clock()
        self._enter_phase(memory, transition, now)
        hurried = transition is not None and transition.phase is not Phase.PREPARING and not memory.waits
        fresh = FRESH_IN_PAUSE if hurried else FRESH
        members = await memory.watch.look(shard, fresh)
        now = self._clock()
        if not members or any(member.seen is not None for member in members.values()):
            self._reached_at = now
        if memory.reigning != shard.status.reign.term:
            memory.reigning = shard.status.reign.term
            memory.watch.beats.reset()
        failovers = tuple(f for f in self._failovers.about(key) if not f.status.outcome.ended)
        operations = tuple(o for o in self._operations.about(key) if _touches(o, shard))
        self._give_back(shard, operations)
        self._keep_turn(shard, now)
        view = View(
            now=now,
            shard=shard,
            members=members,
            failovers=failovers,
            operations=operations,
            phase_age=now - memory.phase_since,
            failure=memory.failure,
            emergencies=tuple(memory.emergencies),
            tried=dict(memory.tried),
            moves=self._budgets.of(Kind.MOVE, key, shard.spec.keyspace),
            clones=self._budgets.of(Kind.CLONE, key, shard.spec.keyspace),
            fleet=Fleet(len(self._memory), len(self._lost), self._turns.ahead(key, now)),
            beat_hung=memory.watch.beats.hung(),
            issue=f"{self._name}-{next(self._views)}",
        )
        (self._lost.add if lost_by_own_word(view) else self._lost.discard)(key)
        self._beat(memory, view)
        self._forget_what_helped(memory, view)
        self._metrics.observed(view)
        return view

    def decide(self, key: str, view: View, /) -> Decision[Step]:
        """The next step; pure."""
        return decide(view)

    async def act(self, key: str, step: Step, /) -> Outcome:
        """Carry out the step. A member's refusal is the next view's business, not the loop's."""
        memory = self._of(key)
        if begins(step):
            self._turns = self._turns.take(key, self._clock())
        if memory.by_watch and await self._has_changed(key, memory):
            return Outcome.CHANGED
        started, moment = self._clock(), self._today()
        if step.remedies:  # a remedy that only asks, by a record, is paced like any other
            tried = memory.tried.get(step.remedies)
            memory.tried[step.remedies] = Tried((tried.times if tried else 0) + 1, started)
        if not step.record_first:
            await self._act_on_members(memory, step)
            if step.remedies and step.acts and memory.failure:
                memory.tried[step.remedies] = replace(memory.tried[step.remedies], failure=memory.failure)
        try:
            await self._writing.write(step, memory.shard, memory.timeline, lambda now: self._written(memory, now))
        except ConflictError as error:
            logger.info("%s: %s: the record has changed meanwhile; looking again: %s", key, step.name, error.message)
            memory.conflicts += 1
            if memory.conflicts > 3:
                raise
            return Outcome.CHANGED
        memory.conflicts = 0
        if step.record_first:
            await self._act_on_members(memory, step)
        if step.spends is not None and memory.shard is not None:
            self._budgets.take(step.spends, key, memory.shard.spec.keyspace, self._clock())
        took = (self._clock() - started) * 1000
        transition = memory.shard.status.transition if memory.shard else None
        if transition is not None and transition.failover:
            memory.timeline.append(
                DoneStep(
                    name=step.name,
                    state=StepState.FAILED if memory.failure and step.acts else StepState.DONE,
                    evidence=memory.failure if step.acts else "",
                    started=moment.isoformat(timespec="milliseconds"),
                    milliseconds=round(took, 1),
                )
            )
        logger.info("%s: %s", key, step.name, extra={"shard": key, "step": step.name, "milliseconds": round(took, 1)})
        if memory.failures > 1:  # the first failure is looked at once; from the second on the loop backs off
            raise MemberError(Code.MEMBER_REFUSED, memory.failure)
        return Outcome.CHANGED

    async def record(
        self, key: str, view: View | None, decision: Decision[Step], outcome: Outcome | Exception | None, /
    ) -> None:
        """Publish the status at rest, and when something failed."""
        self._metrics.decided(key, decision)
        if isinstance(decision, Queued):
            self._turns = self._turns.ask(key)
        elif key in self._turns.waiting:
            self._turns = self._turns.without(key)
        memory = self._of(key)
        memory.waits = memory.rests = decision.step is None  # for something that only a new look can show
        if view is None or memory.shard is None:
            return
        if isinstance(outcome, InputError) and outcome.code is Code.NO_SUCH_OBJECT:
            return
        if outcome is Outcome.CHANGED and memory.shard.status.transition is not None and view.phase_age < QUIET_FOR:
            return
        if memory.shard.metadata.revision != view.shard.metadata.revision:
            return  # this pass has written already; the next one publishes
        told = Told.of(view, decision)
        if told == memory.published:
            memory.quiet = may_rest(view, decision)
            return
        status = publish(view, decision)
        memory.published = told
        if status != memory.shard.status:
            memory.rests, memory.published = False, None
            before = memory.shard.metadata.revision
            with suppress(ConflictError):  # whoever was first wakes this shard again
                memory.shard = await self._records.replace_status(memory.shard.model_copy(update={"status": status}))
                if memory.shard.metadata.revision == before:
                    memory.published = told  # the store keeps no more of it (its definitions are older)

    def glance(self, key: str, done: Callable[[bool], None], /) -> bool:
        """Probe the members of a shard that was as it should be, and tell whether nothing is new (``quiet.py``)."""
        memory, known = self._memory.get(key), self._declared.get(key)
        if memory is None or not memory.quiet or memory.shard is None or known is None:
            return False
        if known.metadata.revision != memory.shard.metadata.revision:
            return False
        return memory.watch.glance(memory.shard, FRESH, partial(self._glanced, memory, done))

    def _glanced(self, memory: _Memory, done: Callable[[bool], None], nothing_new: bool) -> None:  # noqa: FBT001 - a measurement
        try:
            if nothing_new and memory.shard is not None:
                self._reached_at = now = self._clock()
                primary = memory.watch.primary(memory.shard)
                if primary is not None and now - memory.beat_at >= BEAT_EACH:
                    memory.beat_at = now
                    memory.watch.beats.send(memory.shard, primary)
        finally:
            done(nothing_new)

    def alone_for(self) -> float:
        """Seconds for which no member of any shard has answered; 0 where there is none to ask."""
        return self._clock() - self._reached_at if self._memory else 0.0

    # --- life of a shard ----------------------------------------------------------------------------------

    def forget(self, key: str) -> None:
        """The shard is gone."""
        self._watch_no_more(key)
        self._members.forget(key)

    def close(self) -> None:
        """Watch no shard any more; the sessions are their owner's."""
        for key in list(self._memory):
            self._watch_no_more(key)

    def _watch_no_more(self, key: str) -> None:
        memory = self._memory.pop(key, None)
        if memory is not None:
            memory.watch.stop()
        self._lost.discard(key)
        self._turns = self._turns.without(key)
        self._metrics.forget(key)

    def _of(self, key: str) -> _Memory:
        memory = self._memory.get(key)
        if memory is None:
            memory = _Memory(
                Watch(self._members, self._clock, lambda: self._wake(key), self._metrics.probe_seconds.observe)
            )
            memory.emergencies = self._past_emergencies(key)
            self._memory[key] = memory
        return memory

    def _past_emergencies(self, key: str) -> list[float]:
        """When the shard failed over before this service watched it, on this service's clock."""
        today, now = self._today(), self._clock()
        found = []
        for failover in self._failovers.about(key):
            if _was_emergency(failover):
                age = (today - datetime.fromisoformat(failover.metadata.created)).total_seconds()
                found.append(now - max(age, 0.0))
        return sorted(found)[-KEPT_EMERGENCIES:]

    # --- observing ----------------------------------------------------------------------------------------

    async def _has_changed(self, key: str, memory: _Memory) -> bool:
        """Whether the record is another one than the watch told of.

        A leader that slept through its replacement wakes up before its watch does. Terms do not stop all that it
        would do by an old record: an ack set changes within a term (rule 11).
        """
        memory.by_watch = memory.rests = False
        shard, known = await self._records.get(Shard, key), memory.shard
        return shard is None or known is None or shard.metadata.revision != known.metadata.revision

    async def _read(self, key: str, memory: _Memory) -> Shard:
        """The record. A shard at rest is not read again while the watch tells of nothing new; ``act`` reads it then.
        Else it is read from the store.
        """
        known, last = self._declared.get(key), memory.shard
        same = known is not None and last is not None and known.metadata.revision == last.metadata.revision
        if memory.rests and same and last is not None and last.status.transition is None:
            memory.by_watch = True
            return last
        memory.rests = memory.by_watch = False
        shard = await self._records.get(Shard, key)
        if shard is None:
            raise no_such(Shard, key)
        return shard

    def _enter_phase(self, memory: _Memory, transition: Transition | None, now: float) -> None:
        phase = (transition.phase, transition.term, transition.failover) if transition else ()
        if phase != memory.phase:
            memory.phase, memory.phase_since, memory.failure, memory.failures = phase, now, "", 0
            if transition is not None and transition.phase is Phase.PREPARING:
                memory.watch.doubt_all()  # the candidate is the one who it was chosen as, now that all know of it

    def _beat(self, memory: _Memory, view: View) -> None:
        primary = view.primary
        transition = view.shard.status.transition
        if transition is not None and transition.phase is not Phase.PREPARING:
            return
        seen = primary.seen if primary else None
        if primary is None or seen is None or not seen.works or seen.opened != view.reign.term:
            return
        if view.now - memory.beat_at >= BEAT_EACH:
            memory.beat_at = view.now
            memory.watch.beats.send(view.shard, primary)

    def _give_back(self, shard: Shard, operations: tuple[Operation, ...]) -> None:
        """What has ended spends nothing any more."""
        transition = shard.status.transition
        moving = {transition.failover} if transition else set()
        cloning = {operation.name for operation in operations if operation.status.phase is not None}
        self._budgets.give_back(Kind.MOVE, shard.name, shard.spec.keyspace, moving)
        self._budgets.give_back(Kind.CLONE, shard.name, shard.spec.keyspace, cloning)

    def _keep_turn(self, shard: Shard, now: float) -> None:
        """A failover in flight has a place, whoever began it; when it ends, the next ones are looked at."""
        key, transition = shard.name, shard.status.transition
        if transition is not None and transition.mode is Mode.EMERGENCY:
            self._turns = self._turns.take(key, now)
        elif key in self._turns.holders:
            self._turns = self._turns.without(key)
            for due in self._turns.due(now):
                self._wake(due)

    def _forget_what_helped(self, memory: _Memory, view: View) -> None:
        if memory.tried:
            present = {f"{finding.kind.name} {finding.member}" for finding in diagnose(view)}
            present |= {f"{FENCE_TRY} {o.spec.member}" for o in view.operations}
            present |= {f"{CLONE_TRY} {o.spec.member}" for o in view.operations if o.status.phase is not None}
            transition = view.shard.status.transition
            if transition is not None:
                present |= {f"{FETCH_TRY} {name}" for name in (transition.fetch_from, *transition.unreadable)}
            memory.tried = {
                key: tried
                for key, tried in memory.tried.items()
                if key in present or (_comes_and_goes(key) and view.now - tried.at < RELAPSE)
            }

    # --- acting -------------------------------------------------------------------------------------------

    async def _act_on_members(self, memory: _Memory, step: Step) -> None:
        shard = memory.shard
        if shard is None or not step.acts:
            return

        async def one(index: int) -> None:
            act = step.acts[index]
            async with asyncio.timeout(step.within), self._suspecting(shard, act.member):
                snapshot = await self._members.act(shard, act)
            self._crash_points.reach(f"{step.name} ({act.member})")
            if snapshot is not None:
                memory.watch.learn(act.member, snapshot)

        results = await asyncio.gather(*(one(index) for index in range(len(step.acts))), return_exceptions=True)
        memory.failure, before = "", memory.failures
        memory.failures = 0
        for act, result in zip(step.acts, results, strict=True):
            if isinstance(result, FlyballError | TimeoutError):
                memory.watch.doubt(act.member)
                text = str(result) or f"no answer within {step.within:g} s"
                memory.failure, memory.failures = f"{step.name}: {act.member}: {text}", before + 1
                logger.warning("%s: %s", shard.name, memory.failure, extra={"shard": shard.name, "member": act.member})
            elif isinstance(result, BaseException):
                raise result

    @asynccontextmanager
    async def _suspecting(self, shard: Shard, member: str) -> AsyncIterator[None]:
        """While an act waits for a primary nobody probes it. One that has waited for as long as a probe may counts as
        one: that many primaries are silent at once must show before the first of them is believed to be dead.
        """
        if member != shard.status.reign.primary:
            yield
            return
        silent = asyncio.get_running_loop().call_later(PROBE_WITHIN, self._lost.add, shard.name)
        try:
            yield
        finally:
            silent.cancel()  # the next look tells whether it answers

    def _written(self, memory: _Memory, shard: Shard) -> None:
        """The step's status is the record now."""
        before, memory.shard = memory.shard, shard
        self._enter_phase(memory, shard.status.transition, self._clock())
        transition = before.status.transition if before is not None else None
        if before is None or transition is None or shard.status.reign.term == before.status.reign.term:
            return
        self._metrics.reigns(shard, transition)
        if transition.mode == "emergency":
            memory.emergencies = [*memory.emergencies, self._clock()][-KEPT_EMERGENCIES:]


def _touches(operation: Operation, shard: Shard) -> bool:
    about = operation.spec
    return (
        not operation.status.outcome.ended
        and about.workflow is None
        and about.type is not OperationType.VERIFY
        and about.keyspace == shard.spec.keyspace
        and about.shard in {None, shard.name}
    )


def _comes_and_goes(key: str) -> bool:
    """A restart of broken replication looks healthy for a moment, each time."""
    return key.startswith(Kinds.REPLICATION_FAILED.name)


def _was_emergency(failover: Failover) -> bool:
    return failover.spec.mode == "emergency" and failover.status.outcome is Ended.SUCCEEDED
