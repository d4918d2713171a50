"""Decide: one pure function from the view of a reshard to the one next step, or to the reason why there is none.

The invariant: at every moment the keyspace's routing names one side, and only that side takes the applications'
writes. Until the routing is swapped the sources hold every acknowledged write, and whatever fails leads back to
them; from the swap on the targets do, and every step only rolls forward. So the first question of each pass is where
the routing points, not how far somebody has noted that it came.

    Moving          filling.py      check, provision, copy, stream, verify; then the gate of the cutover
    Switching       cutover.py      hold, freeze, catch up, swap; the other way as SwitchingBack
    Undoing         cutover.py      a cutover that failed before the swap; likewise UndoingBack
    Switched        keeping.py      open the targets, keep the way back
    Cancelling      leaving.py      nothing is left behind
    Reversed        leaving.py      the same, after the sources serve again
    Completing      leaving.py      the way back is given up
"""

from flyball.errors import Code, FlyballError
from flyball.keyrange import KeyRange, regions
from flyball.records.failover import Outcome, StepState
from flyball.records.keyspace import ReshardClaim
from flyball.records.reshard import Stage, StepName
from flyball_topology.reshard import cutover, filling, keeping, leaving, words
from flyball_topology.reshard.steps import ReshardStep
from flyball_topology.reshard.telling import Deciding, marked, take, wait
from flyball_topology.reshard.view import ReshardView


def decide_reshard(view: ReshardView) -> Deciding:
    """The next step for one reshard."""
    status = view.reshard.status
    if status.outcome.ended:
        return words.after_the_end(view)
    if (answered := words.answer_what_cannot_be(view)) is not None:
        return answered
    if status.outcome is Outcome.PENDING:
        return _begin(view)
    if view.stage in _SWITCHING:
        return _switching(view)
    if (contradiction := _contradiction(view)) is not None:
        return contradiction
    match view.stage:
        case Stage.SWITCHED:
            return keeping.keep(view)
        case Stage.CANCELLING | Stage.REVERSED | Stage.COMPLETING:
            return leaving.leave(view)
    return _claimed(view) or filling.fill(view)


_SWITCHING = {Stage.SWITCHING, Stage.UNDOING, Stage.SWITCHING_BACK, Stage.UNDOING_BACK}


def _contradiction(view: ReshardView) -> Deciding | None:
    """The stage says that one side serves, and the routing names the other: one of the two records is older than the
    other, restored perhaps. Opening whom the routing does not name would have two places take writes.
    """
    switched = view.stage in {Stage.SWITCHED, Stage.COMPLETING}
    if view.targets_serve if switched else view.sources_serve:
        return None
    side = "targets" if switched else "sources"
    why = f"the reshard is {view.stage}, and the routing does not name its {side}: one of the records is an older one"
    return wait(view, why, "a person: restore the records as they were together", again=5.0)


def _switching(view: ReshardView) -> Deciding:
    """A cutover is in flight, or was cut: where the routing points decides whether it was before or after the swap."""
    if view.stage in {Stage.SWITCHING, Stage.UNDOING}:
        if view.targets_serve:
            return keeping.serve_from_targets(view)
        sides = view.forward()
    else:
        if view.sources_serve:
            return leaving.serve_from_sources(view)
        sides = view.backward()
    if view.stage in {Stage.SWITCHING, Stage.SWITCHING_BACK}:
        return cutover.switch(view, sides)
    return cutover.undo(view, sides)


def _begin(view: ReshardView) -> Deciding:
    """Nothing is done yet: refuse what cannot be, else claim the keyspace."""
    spec, routing = view.reshard.spec, view.keyspace.status.routing
    if view.is_paused:
        return wait(view, _paused(view), "the pause to be lifted")
    if not routing:
        return wait(view, "the keyspace does not serve yet", "its routing")
    if (fault := _fault(view)) is not None:
        code, text = fault
        return leaving.refuse(view, code, text)
    claim = view.keyspace.status.reshard
    if claim is not None and claim.workflow != view.name:
        text = f"{claim.workflow} goes on; a keyspace has one reshard at a time"
        return leaving.refuse(view, Code.WORKFLOW_IN_FLIGHT, text)
    claimed = view.keyspace.status.model_copy(update={"reshard": ReshardClaim(workflow=view.name)})
    step = ReshardStep(
        f"claim {spec.keyspace}",
        keyspace=None if claim is not None else claimed,
        status=marked(view, StepName.CHECK, StepState.RUNNING, outcome=Outcome.RUNNING) if claim is not None else None,
    )
    return take(view, step, "the routing is changed by one workflow at a time")


def _claimed(view: ReshardView) -> Deciding | None:
    """While the targets are filled nothing goes on without the claim: a restored record may have lost it."""
    claim = view.keyspace.status.reshard
    if claim is None:
        claimed = view.keyspace.status.model_copy(update={"reshard": ReshardClaim(workflow=view.name)})
        return take(view, ReshardStep(f"claim {view.keyspace.name}", keyspace=claimed), "the claim is lost")
    if claim.workflow != view.name:
        return wait(view, f"{claim.workflow} has claimed the keyspace", f"{claim.workflow} to end")
    return None


def _fault(view: ReshardView) -> tuple[Code, str] | None:
    """What is wrong with what was asked for."""
    spec = view.reshard.spec
    routed = {(route.range, route.shard) for route in view.keyspace.status.routing}
    strangers = [route.shard for route in spec.sources if (route.range, route.shard) not in routed]
    if strangers:
        return Code.NO_SUCH_OBJECT, f"{', '.join(strangers)}: no such shard serves keyspace {spec.keyspace}"
    try:
        before, after = (
            regions(KeyRange.parse(route.range) for route in side) for side in (spec.sources, spec.targets)
        )
    except FlyballError as error:
        return error.code, error.message
    if not before or before != after:
        held, wanted = (" ".join(map(str, side)) or "nothing" for side in (before, after))
        return Code.RANGES_DO_NOT_TILE, f"the sources hold {held}, and the targets would hold {wanted}"
    same = {route.shard for route in spec.sources} & {route.shard for route in spec.targets}
    if same:
        return Code.BAD_USAGE, f"{', '.join(sorted(same))}: on both sides"
    return None


def _paused(view: ReshardView) -> str:
    return view.pause or "paused by a person"
