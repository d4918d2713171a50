"""Switched: the targets serve; the sources follow them, until a person or ``keepFor`` ends it.

open       each target's record says Open, then the target takes the applications' writes
channels   those from the sources are closed: what a source prunes from now on, a target may hold for good
way back   the sources count what the targets held at the swap as executed, and follow them by channels (rule 21)
then       complete: the way back is given up; reverse: rows are compared, and the same cutover goes the other way
"""

from datetime import datetime

from flyball.duration import parse_duration
from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records.failover import Outcome, StepState
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage, StepName
from flyball.records.shard import Access, ShardAccess
from flyball_topology.reshard import cutover, filling
from flyball_topology.reshard.acts import CloseChannel, DeclareForeign, Open
from flyball_topology.reshard.steps import AccessChange, ReshardStep
from flyball_topology.reshard.telling import Deciding, answer, is_done, marked, take, text_of, wait
from flyball_topology.reshard.view import ReshardView, Sides

LOOK = 2.0
"""Seconds between two looks while the way back is kept."""


def serve_from_targets(view: ReshardView) -> Deciding:
    """The routing points to the targets: from here on every step only rolls forward."""
    opened = ShardAccess(mode=Access.OPEN, by=view.name)
    closed = [one for one in view.targets if one.status.access != opened]
    status = marked(
        view,
        StepName.SWITCH_WRITES,
        StepState.RUNNING,
        stage=Stage.SWITCHED,
        switched=text_of(view.today),
        approved=False,
        verified=None,
        code="",
        message="",
    )
    step = ReshardStep(
        "open the targets",
        status=status,
        accesses=tuple(AccessChange(one, opened) for one in closed),
        acts=tuple(Open(one.name, one.status.reign.term) for one in closed if one.status.transition is None),
    )
    return take(view, step, "the routing points to the targets")


def keep(view: ReshardView) -> Deciding:
    """The targets are open; the sources follow them."""
    if (opening := _open(view)) is not None:
        return opening
    sides = view.backward()
    complete, reverse = view.said(OperationType.COMPLETE), view.said(OperationType.REVERSE)
    if complete is not None or (reverse is None and _is_over(view)):
        operations = (answer(complete, Outcome.RUNNING, "the way back is given up"),) if complete is not None else ()
        status = marked(view, StepName.KEEP_WAY_BACK, StepState.DONE, stage=Stage.COMPLETING)
        status = marked(view, StepName.COMPLETE, StepState.RUNNING, status=status)
        step = ReshardStep("complete", status=status, operations=operations)
        return take(view, step, "a person says so" if complete is not None else "the way back was kept long enough")
    if view.is_paused and reverse is None:
        return wait(view, view.pause or "paused by a person", "the pause to be lifted")
    if (missing := _way_back(view, sides)) is not None:
        return missing
    if not is_done(view, StepName.KEEP_WAY_BACK):
        step_now = view.reshard.status.step(StepName.KEEP_WAY_BACK)
        if step_now is None or step_now.evidence != _KEPT:
            status = marked(view, StepName.KEEP_WAY_BACK, StepState.RUNNING, _KEPT, code="", message="")
            return take(view, ReshardStep("note the way back", status=status), _KEPT)
    if reverse is not None:
        return _reverse(view, sides)
    keep_for = view.reshard.spec.keep_for
    if cautions := view.reshard.status.cautions:
        return wait(view, f"there is no way back: {'; '.join(cautions)}", f"a person: complete {view.name}", again=LOOK)
    until = f", or {keep_for} to pass" if keep_for is not None else ""
    return wait(view, _KEPT, f"a person: complete or reverse {view.name}{until}", again=LOOK)


_KEPT = "the sources follow the targets"


def _open(view: ReshardView) -> Deciding | None:
    """Every target takes writes, by its record and by its flags."""
    opened = ShardAccess(mode=Access.OPEN, by=view.name)
    closed = [
        one for one in view.targets if one.status.access is not None and one.status.access.mode is not Access.OPEN
    ]
    if closed:
        step = ReshardStep("open the targets", accesses=tuple(AccessChange(one, opened) for one in closed))
        return take(view, step, "the routing points to the targets")
    shut = [one for one in view.targets if one.name in view.seen and not view.seen[one.name].writable]
    if shut:
        able = [one for one in shut if one.status.transition is None and not view.seen[one.name].still]
        acts = tuple(Open(one.name, one.status.reign.term) for one in able)
        if acts:
            return take(
                view, ReshardStep("open the targets", acts=acts), "a target serves by its record, and is closed"
            )
        texts = (f"{one.name} to take writes" for one in shut)
        return wait(view, "a primary changes, or holds still", *texts, again=0.2)
    if not is_done(view, StepName.SWITCH_WRITES):
        if away := [one.name for one in view.targets if one.name not in view.seen]:
            return wait(view, "a target does not answer", *(f"{name} to answer" for name in away), again=0.2)
        step_now = view.reshard.status.step(StepName.SWITCH_WRITES)
        began = step_now.started if step_now is not None else ""
        status = marked(view, StepName.SWITCH_WRITES, StepState.DONE, f"the targets serve; begun at {began}")
        status = marked(view, StepName.KEEP_WAY_BACK, StepState.RUNNING, status=status)
        return take(view, ReshardStep("note the cutover", status=status), "the targets take writes")
    return None


def _way_back(view: ReshardView, sides: Sides) -> Deciding | None:
    """The sources count what the targets held at the swap, and follow what the targets wrote since."""
    silent = [one.name for one in (*view.sources, *view.targets) if one.name not in view.seen]
    if silent:
        return wait(view, "what does not answer cannot be known", *(f"{name} to answer" for name in silent), again=1.0)
    forth = [pair for pair in view.forward().pairs if pair[0].name in view.seen[pair[1].name].channels]
    if forth:
        acts = tuple(CloseChannel(target.name, target.status.reign.term, source.name) for source, target in forth)
        step = ReshardStep("close the channels from the sources", acts=acts)
        return take(view, step, "what the sources prune from now on must not reach the targets")
    claim = view.keyspace.status.reshard
    held = GtidSet().union(*(GtidSet.parse(one.gtids) for one in claim.held)) if claim is not None else GtidSet()
    lacking = [one for one in view.sources if not view.seen[one.name].executed.contains(held)]
    if lacking:
        declaring = tuple(DeclareForeign(one.name, one.status.reign.term, str(held)) for one in lacking)
        step = ReshardStep("declare what the targets held", acts=declaring)
        return take(view, step, "of what the targets held at the swap, the sources lack nothing")
    return filling.stream(view, sides)


def _reverse(view: ReshardView, sides: Sides) -> Deciding:
    """A person wants the sources to serve again."""
    reverse = view.said(OperationType.REVERSE)
    if reverse is not None and reverse.status.outcome is Outcome.PENDING:
        change = answer(reverse, Outcome.RUNNING, "rows are compared, then the sources serve again")
        status = marked(view, StepName.REVERSE, StepState.RUNNING)
        return take(
            view, ReshardStep("begin to reverse", status=status, operations=(change,)), f"{reverse.name} says so"
        )
    if view.has_other_definitions:
        return filling.blocked(
            view, StepName.REVERSE, Code.SCHEMA_CHANGED, "a table has another definition than before the cutover"
        )
    return filling.verify(view, sides) or cutover.gate(view, sides)


def _is_over(view: ReshardView) -> bool:
    """Whether the way back was kept as long as it should be. By a wall clock: no write rests on it."""
    keep_for, switched = view.reshard.spec.keep_for, view.reshard.status.switched
    if keep_for is None or not switched or not is_done(view, StepName.SWITCH_WRITES):
        return False
    return (view.today - datetime.fromisoformat(switched)).total_seconds() >= parse_duration(keep_for)
