"""One pass of a controller: ``observe -> decide -> act one step -> record``.

A pass never raises. Whatever goes wrong in it, a deadline that expires included, becomes the pass's result:
a decision that says what failed, recorded like any other, so that nobody has to read a log to learn why
nothing happens. Only cancellation passes through untouched: a cancelled pass records nothing.

When the next pass comes is not decided here but in :mod:`flyball.loop`.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from flyball.decision import Decision
from flyball.errors import FlyballError

logger = logging.getLogger(__name__)

K_contra = TypeVar("K_contra", contravariant=True)
V = TypeVar("V")
S = TypeVar("S")
T = TypeVar("T")


class Outcome(Enum):
    """What a step reports when it did not fail."""

    CHANGED = "changed"
    """Something is different now: look again at once."""
    WAITING = "waiting"
    """Nothing more to do before an edge, or before the decision's ``again``."""


class Stage(Enum):
    """The part of a pass that failed."""

    OBSERVE = "observe"
    DECIDE = "decide"
    ACT = "act"
    RECORD = "record"


class DeadlineError(TimeoutError):
    """A part of a pass did not end within its deadline."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        super().__init__(f"{stage.value} did not end within its deadline of {seconds:g} s")
        self.stage = stage


class CancelledInsideError(Exception):
    """A part of a pass waited for something that another task cancelled; the pass itself was not."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(f"{stage.value} waited for something that was cancelled")
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each part of a pass may take, in seconds. Deciding is pure, so it has none."""

    observe: float
    act: float
    record: float

    def __post_init__(self) -> None:
        if min(self.observe, self.act, self.record) <= 0:
            raise ValueError(f"a deadline must be longer than nothing: {self}")

    def of(self, stage: Stage) -> float:
        """The deadline of one part, in seconds."""
        limits = {Stage.OBSERVE: self.observe, Stage.ACT: self.act, Stage.RECORD: self.record}
        return limits[stage]


class Controller(Protocol[K_contra, V, S]):
    """What a loop runs: four functions of a key."""

    async def observe(self, key: K_contra, /) -> V:
        """An immutable view of all that the decision needs."""
        ...

    def decide(self, key: K_contra, view: V, /) -> Decision[S]:
        """The next step, or why none; pure."""
        ...

    async def act(self, key: K_contra, step: S, /) -> Outcome:
        """One step; idempotent, since it may be cancelled anywhere (a deadline, a stop) and comes again.

        It must let its cancellation through: one that swallows it keeps its slot of the loop.
        """
        ...

    async def record(
        self, key: K_contra, view: V | None, decision: Decision[S], outcome: Outcome | Exception | None, /
    ) -> None:
        """Writes what changed, and nothing when nothing did.

        :param view: None when observing failed.
        :param outcome: what the step reported; what failed, in whichever part; None when no step was due.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pass(Generic[V, S]):
    """What became of one pass."""

    view: V | None
    decision: Decision[S]
    outcome: Outcome | None = None
    failed: Stage | None = None
    error: Exception | None = None


async def take_step(
    controller: Controller[K_contra, V, S], key: K_contra, deadlines: Deadlines, previous: Decision[S] | None
) -> Pass[V, S]:
    """Observes, decides and acts; what fails is told in the decision.

    :param previous: the last pass's decision, for the set point when this pass does not get to one.
    """
    stage, view, decision = Stage.OBSERVE, None, None
    try:
        view = await _within(deadlines, stage, controller.observe(key))
        stage = Stage.DECIDE
        decision = controller.decide(key, view)
        if decision.step is None:
            return Pass(view, decision)
        stage = Stage.ACT
        outcome = await _within(deadlines, stage, controller.act(key, decision.step))
    except Exception as error:  # noqa: BLE001 - a controller may fail in any way, and the loop must go on
        wanted = decision or Decision(wanted=previous.wanted if previous else f"{key}: not known yet")
        return Pass(view, _told(wanted, stage, error), failed=stage, error=error)
    return Pass(view, decision, outcome)


async def record_pass(
    controller: Controller[K_contra, V, S], key: K_contra, deadlines: Deadlines, done: Pass[V, S]
) -> Pass[V, S]:
    """Records a pass; returns it, failed if recording failed. What failed first stays the pass's error."""
    try:
        outcome = done.error or done.outcome
        writing = controller.record(key, done.view, done.decision, outcome)
        await _within(deadlines, Stage.RECORD, writing)
    except Exception as error:  # noqa: BLE001 - as above
        if done.error is not None:
            logger.warning("%s: the failed pass could not be recorded either: %s", key, describe(error))
            return done
        told = _told(done.decision, Stage.RECORD, error)
        return replace(done, decision=told, failed=Stage.RECORD, error=error)
    return done


def describe(error: Exception) -> str:
    """An error in one line; an error that is not of flyball's making is named by its type as well."""
    text = " ".join(str(error).split())
    if isinstance(error, FlyballError | DeadlineError | CancelledInsideError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _told(decision: Decision[S], stage: Stage, error: Exception) -> Decision[S]:
    return replace(
        decision,
        seen=(*decision.seen, f"{stage.value} failed: {describe(error)}"),
        why=decision.why or f"nothing can be decided while {stage.value} fails",
        awaited=(*decision.awaited, "the next attempt, after a backoff"),
    )


async def _within(deadlines: Deadlines, stage: Stage, work: Coroutine[Any, Any, T]) -> T:
    limit = deadlines.of(stage)
    scope = asyncio.timeout(limit)
    try:
        async with scope:
            result = await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CancelledInsideError(stage) from error
    except Exception as error:
        if scope.expired():
            raise DeadlineError(stage, limit) from error
        raise
    if scope.expired():  # it swallowed its cancellation; late is late
        raise DeadlineError(stage, limit)
    return result
