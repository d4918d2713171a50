"""Telling: small builders of decisions, of step marks and of answers to people. Pure."""

from datetime import datetime

from flyball.decision import Decision
from flyball.errors import Code
from flyball.records import Operation
from flyball.records.failover import Outcome, Step, StepState
from flyball.records.reshard import ReshardStatus, Stage, StepName
from flyball_topology.reshard.steps import ReshardStep
from flyball_topology.reshard.view import ReshardView
from flyball_topology.steps import OperationChange

Deciding = Decision[ReshardStep]


def set_point(view: ReshardView) -> str:
    """The set point in one line."""
    spec = view.reshard.spec
    before, after = (" ".join(route.range for route in side) for side in (spec.sources, spec.targets))
    return f"{spec.keyspace}: {before} becomes {after}"


def take(view: ReshardView, step: ReshardStep, why: str) -> Deciding:
    """A decision for ``step``."""
    return Decision(wanted=set_point(view), step=step, why=why, seen=_seen(view))


def wait(view: ReshardView, why: str, *awaited: str, again: float | None = None) -> Deciding:
    """A decision for nothing, that says what is awaited."""
    return Decision(wanted=set_point(view), why=why, awaited=awaited, again=again, seen=_seen(view))


def marked(
    view: ReshardView,
    name: StepName,
    state: StepState,
    evidence: str = "",
    *,
    status: ReshardStatus | None = None,
    **changes: object,
) -> ReshardStatus:
    """The status with one step marked, and some fields replaced.

    A step keeps the moment when it began, and has its duration once it ends; one that begins again begins anew.
    """
    known = status or view.reshard.status
    before = known.step(name)
    started = before.started if before is not None and before.state is StepState.RUNNING else _text(view.today)
    took = None if state is StepState.RUNNING else _milliseconds(started, view.today)
    step = Step(name=name, state=state, evidence=evidence, started=started, milliseconds=took)
    steps = tuple(step if one.name == name else one for one in known.steps)
    if before is None:
        steps = (*steps, step)
    return known.model_copy(update={"steps": steps, **changes})


def begun(view: ReshardView, name: StepName, evidence: str = "") -> ReshardStatus | None:
    """The status with the step running, if it is not told like that already."""
    step = view.reshard.status.step(name)
    if step is not None and step.state is StepState.RUNNING and evidence in {"", step.evidence}:
        return None
    return marked(view, name, StepState.RUNNING, evidence)


def awaiting(status: ReshardStatus, awaited: tuple[str, ...]) -> ReshardStatus:
    """The status with what is awaited; beside the step that runs, too, while targets are filled."""
    running = next((one for one in reversed(status.steps) if one.state is StepState.RUNNING), None)
    changes: dict[str, object] = {"awaited": awaited}
    if running is not None and running.name in _FILLING and status.stage is Stage.MOVING:
        told = running.model_copy(update={"evidence": "; ".join(awaited)})
        changes["steps"] = tuple(told if one is running else one for one in status.steps)
    return status.model_copy(update=changes)


_FILLING = {StepName.CHECK, StepName.PROVISION, StepName.COPY, StepName.STREAM, StepName.VERIFY}


def holds_still(name: str) -> str:
    """What is awaited of a shard whose primary takes nothing, for reasons of its own: a commit of ours would wait there
    for a member that is being cloned, and the clone for the commit.
    """
    return f"{name} to take writes again: it holds still"


def is_done(view: ReshardView, name: StepName) -> bool:
    """Whether people were told that the step is done."""
    step = view.reshard.status.step(name)
    return step is not None and step.state is StepState.DONE


def answer(operation: Operation, outcome: Outcome, message: str, code: Code | None = None) -> OperationChange:
    """What a person is told about a word."""
    update = {"outcome": outcome, "message": message, "code": code.number if code else ""}
    return OperationChange(operation.name, operation.status.model_copy(update=update))


def text_of(moment: datetime) -> str:
    """A moment in the records' form."""
    return _text(moment)


def _seen(view: ReshardView) -> tuple[str, ...]:
    silent = tuple(f"{shard}: {why}" for shard, why in sorted(view.unseen.items()))
    return (*silent, *((view.failure,) if view.failure else ()))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _milliseconds(started: str, now: datetime) -> float:
    return round(max(0.0, (now - datetime.fromisoformat(started)).total_seconds() * 1000), 1)
