"""Leaving: what was made for the reshard is taken away, and the keyspace is free for another one.

Three ways lead here. *Cancel*: nothing was switched; the sources are as before, and the targets go. *Reversed*: the
sources serve again; the targets go. *Complete*: the way back is given up; the sources go. In each, what stays is as if
there had never been a workflow, and the claim is released last, when the reshard has ended.

Who goes is closed to applications for good; its processes and data are the engine's, which keeps or removes them.
"""

from flyball.errors import Code
from flyball.records import Operation, Shard
from flyball.records.failover import Outcome, StepState
from flyball.records.keyspace import KeyspaceStatus
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage, StepName
from flyball.records.shard import Access, ShardAccess
from flyball_topology.reshard import cutover
from flyball_topology.reshard.acts import Clean, Open
from flyball_topology.reshard.steps import AccessChange, Job, ReshardStep
from flyball_topology.reshard.telling import Deciding, answer, marked, take, wait
from flyball_topology.reshard.view import ReshardView

SOON = 0.2

_ENDS = {
    Stage.CANCELLING: (StepName.CANCEL, Outcome.CANCELLED, OperationType.CANCEL),
    Stage.REVERSED: (StepName.REVERSE, Outcome.UNDONE, OperationType.REVERSE),
    Stage.COMPLETING: (StepName.COMPLETE, Outcome.SUCCEEDED, OperationType.COMPLETE),
}
"""The step that people see, how the reshard ends, and the word that asked for it."""


def refuse(view: ReshardView, code: Code, text: str) -> Deciding:
    """Nothing was touched: say why not, and leave."""
    status = marked(
        view, StepName.CHECK, StepState.FAILED, text, outcome=Outcome.REFUSED, code=code.number, message=text
    )
    step = ReshardStep(f"refuse: {code.number}", status=status, keyspace=released(view))
    return take(view, step, text)


def cancel(view: ReshardView, operation: Operation) -> Deciding:
    """A person gives it up before anything was switched."""
    change = answer(operation, Outcome.RUNNING, "everything that was made is taken away")
    status = marked(view, StepName.CANCEL, StepState.RUNNING, stage=Stage.CANCELLING, code="", message="", eta=None)
    step = ReshardStep("cancel", status=status, operations=(change,))
    return take(view, step, f"{operation.name} says so; nothing was switched")


def serve_from_sources(view: ReshardView) -> Deciding:
    """The routing points to the sources again: open them, and take the rest away."""
    held = [one for one in view.sources if one.status.access is not None]
    status = marked(view, StepName.REVERSE, StepState.RUNNING, stage=Stage.REVERSED, code="", message="")
    step = ReshardStep(
        "open the sources",
        status=status,
        accesses=tuple(AccessChange(one, ShardAccess(mode=Access.OPEN, by=view.name)) for one in held),
        acts=tuple(Open(one.name, one.status.reign.term) for one in held if one.status.transition is None),
    )
    return take(view, step, "the routing points to the sources again")


def leave(view: ReshardView) -> Deciding:
    """Take away what was made, then end."""
    stays, goes = (view.targets, view.sources) if view.stage is Stage.COMPLETING else (view.sources, view.targets)
    if Job.STOP not in view.jobs:
        return take(view, ReshardStep("end the workers", job=Job.STOP), "nothing copies or compares any more")
    if (opening := _open(view, stays)) is not None:
        return opening
    if (closing := _close(view, goes)) is not None:
        return closing
    if (cleaning := _clean(view, stays, goes)) is not None:
        return cleaning
    return _end(view, stays)


def _open(view: ReshardView, stays: tuple[Shard, ...]) -> Deciding | None:
    """Those who stay serve by the engine's wish, as if there had never been a workflow."""
    shut = [one for one in stays if not one.serves]
    if shut:
        step = ReshardStep(
            f"open {cutover.names(shut)}",
            accesses=tuple(AccessChange(one, ShardAccess(mode=Access.OPEN, by=view.name)) for one in shut),
        )
        return take(view, step, "the routing points there")
    return cutover.thaw(view, stays)


def _close(view: ReshardView, goes: tuple[Shard, ...]) -> Deciding | None:
    """Those who go take no application's writes, whatever the engine wishes."""
    open_still = [one for one in goes if one.status.access is None or one.status.access.mode is Access.OPEN]
    if not open_still:
        return None
    frozen = ShardAccess(mode=Access.FROZEN, by=view.name)
    step = ReshardStep(
        f"close {cutover.names(open_still)}", accesses=tuple(AccessChange(one, frozen) for one in open_still)
    )
    return take(view, step, "the routing does not point there")


def _clean(view: ReshardView, stays: tuple[Shard, ...], goes: tuple[Shard, ...]) -> Deciding | None:
    """Nothing of the reshard is left where somebody stays. Who goes is cleaned as far as it answers: its data goes."""
    dirty = [one for one in (*stays, *goes) if one.name in view.seen and not view.seen[one.name].clean]
    if Job.CLEAN not in view.jobs and any(one in stays for one in dirty):  # while there is an account to do it with
        return take(view, ReshardStep("take away notes", job=Job.CLEAN), "nothing is left behind")
    if dirty:
        acts = tuple(Clean(one.name, one.status.reign.term) for one in dirty if one.status.transition is None)
        if acts:
            return take(view, ReshardStep("take away what was made", acts=acts), "nothing is left behind")
        return wait(view, "a primary changes", *(f"{one.name} to reign" for one in dirty), again=SOON)
    away = [one.name for one in stays if one.name not in view.seen]
    if away:
        return wait(view, "nothing is left behind", *(f"{name} to answer" for name in away), again=SOON)
    return None


def _end(view: ReshardView, stays: tuple[Shard, ...]) -> Deciding:
    name, outcome, word = _ENDS[view.stage]
    if awaited := [one for one in stays if not one.spec.serving]:
        texts = (f"the engine to declare {one.name} as serving" for one in awaited)
        return wait(view, "the engine follows the routing", *texts, again=SOON)
    ours = [one for one in stays if one.status.access is not None]
    if ours:
        step = ReshardStep("forget the accesses", accesses=tuple(AccessChange(one, None) for one in ours))
        return take(view, step, "the engine's wish is the same")
    operation = view.said(word)
    done = (answer(operation, Outcome.SUCCEEDED, f"{view.name}: {outcome}"),) if operation is not None else ()
    status = marked(view, name, StepState.DONE, outcome=outcome, progress=(), eta=None)
    step = ReshardStep(f"end: {outcome}", status=status, keyspace=released(view), operations=done)
    return take(view, step, "nothing is left to do")


def released(view: ReshardView) -> KeyspaceStatus | None:
    """The keyspace's status without this workflow's claim; ``None`` where there is none."""
    return view.keyspace.status.model_copy(update={"reshard": None}) if view.is_claimed else None
