"""A person's words about a reshard, and what is answered to those that cannot be followed. Pure.

What can be followed is left to the stage that follows it; a word that comes too late or too early is refused at once,
so that nobody waits for it.
"""

from flyball.errors import Code
from flyball.records import Operation
from flyball.records.failover import Outcome
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage
from flyball_topology.reshard.steps import ReshardStep
from flyball_topology.reshard.telling import Deciding, answer, take, wait
from flyball_topology.reshard.view import ReshardView

BEFORE_THE_SWAP = {Stage.MOVING, Stage.SWITCHING, Stage.UNDOING}
"""The stages in which the sources serve, and nothing is decided yet."""

_FULFILLED = {
    OperationType.CANCEL: Outcome.CANCELLED,
    OperationType.REVERSE: Outcome.UNDONE,
    OperationType.COMPLETE: Outcome.SUCCEEDED,
}
"""The end that each word asks for."""


def answer_what_cannot_be(view: ReshardView) -> Deciding | None:
    """Acknowledge a pause, note an approval, and refuse the first word that cannot be followed."""
    for operation in view.operations:
        if operation.spec.type is OperationType.PAUSE:
            if operation.status.outcome is Outcome.PENDING:
                change = answer(operation, Outcome.RUNNING, "no further step is begun while this operation exists")
                step = ReshardStep(f"acknowledge {operation.name}", operations=(change,))
                return take(view, step, "the pause is in effect")
        elif operation.spec.type is OperationType.APPROVE:
            return _approve(view, operation)
        elif (refusal := _refusal(view, operation)) is not None:
            code, text = refusal
            change = answer(operation, Outcome.REFUSED, text, code)
            return take(view, ReshardStep(f"refuse {operation.name}", operations=(change,)), text)
    return None


def after_the_end(view: ReshardView) -> Deciding:
    """Answer what was said about a reshard that has ended."""
    outcome = view.reshard.status.outcome
    if view.is_claimed:
        released = view.keyspace.status.model_copy(update={"reshard": None})
        return take(view, ReshardStep("release the claim", keyspace=released), "the keyspace is free")
    for operation in view.operations:
        fulfilled = _FULFILLED.get(operation.spec.type) is outcome
        if fulfilled:
            change = answer(operation, Outcome.SUCCEEDED, f"{view.name}: {outcome}")
        else:
            change = answer(operation, Outcome.REFUSED, f"{view.name} has ended: {outcome}", Code.TOO_LATE)
        return take(view, ReshardStep(f"close {operation.name}", operations=(change,)), f"the reshard is {outcome}")
    return wait(view, f"it has ended: {outcome}")


def _approve(view: ReshardView, operation: Operation) -> Deciding:
    if view.stage is not Stage.MOVING:
        change = answer(operation, Outcome.REFUSED, f"no cutover waits for it: {view.stage}", Code.TOO_LATE)
        return take(view, ReshardStep(f"refuse {operation.name}", operations=(change,)), "nothing is to be approved")
    change = answer(operation, Outcome.SUCCEEDED, "the next cutover may happen")
    status = view.reshard.status.model_copy(update={"approved": True})
    return take(
        view, ReshardStep("note the approval", status=status, operations=(change,)), f"{operation.name} says so"
    )


def _refusal(view: ReshardView, operation: Operation) -> tuple[Code, str] | None:
    stage = view.stage
    match operation.spec.type:
        case OperationType.CANCEL if stage not in {*BEFORE_THE_SWAP, Stage.CANCELLING}:
            text = f"the targets serve already ({stage}): reverse it, or complete it"
            return Code.TOO_LATE, text
        case OperationType.REVERSE if stage in {*BEFORE_THE_SWAP, Stage.CANCELLING}:
            return Code.NO_WAY_BACK, f"the sources still serve ({stage}): cancel it instead"
        case OperationType.REVERSE if stage is Stage.COMPLETING:
            return Code.NO_WAY_BACK, "the way back was given up: it is being completed"
        case OperationType.REVERSE if stage is Stage.SWITCHED and (why := _no_way_back(view)):
            return Code.NO_WAY_BACK, why
        case OperationType.COMPLETE if stage in {*BEFORE_THE_SWAP, Stage.CANCELLING}:
            return Code.BAD_USAGE, f"the targets do not serve yet ({stage})"
        case OperationType.COMPLETE if stage not in {Stage.SWITCHED, Stage.COMPLETING}:
            return Code.TOO_LATE, f"it is being reversed ({stage})"
        case OperationType.COMPLETE if view.said(OperationType.REVERSE) is not None:
            return Code.TOO_LATE, "it is being reversed"
    return None


def _no_way_back(view: ReshardView) -> str:
    """Why the sources cannot serve again without a loss; empty where they can."""
    if view.reshard.status.cautions:
        return "; ".join(view.reshard.status.cautions)
    purged = [
        f"{target.name} has purged what {source.name} needs next"
        for source, target in view.move.pairs()
        if source.name in view.seen
        and (channel := view.seen[source.name].channels.get(target.name)) is not None
        and channel.is_purged
    ]
    return "; ".join(purged)
