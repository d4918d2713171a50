"""Switchover: the planned change of primary, up to the point of no return.

    Preparing   a fit candidate that keeps up; the other replica follows it already, so that the first
                acknowledgement under the new term needs no reconnect (rule 16)
    Switching   routers hold; the old primary stops writes and finishes what runs; the candidate has everything
    -> Issued   one compare-and-swap issues the next term: from here on ``promotion.py`` rolls forward
    Cancelling  everything known to have failed before that swap: recorded first, then undone (rule 8)

All acts here carry the term of the present reign, so a leader that was replaced meanwhile can do none of them once
the next term is promised anywhere.
"""

from flyball.errors import Code
from flyball.records import Failover
from flyball.records.failover import Outcome
from flyball.records.keyspace import DurabilityPolicy
from flyball.records.shard import Mode, Phase, Suspect, Transition
from flyball_topology.budgets import Kind, Spend, allows
from flyball_topology.candidates import (
    Unfit,
    best_for_switchover,
    is_errant,
    unfit_for_switchover,
    unfit_to_acknowledge,
)
from flyball_topology.changes import (
    Deciding,
    failover_change,
    refuse,
    status_with,
    take,
    transition_with,
    wait,
)
from flyball_topology.diagnose import gives_acks
from flyball_topology.line import on_line
from flyball_topology.steps import CatchUp, Fence, Follow, Freeze, Step, Thaw
from flyball_topology.view import MemberView, View

PREPARE_WITHIN = 10.0
"""Seconds that a candidate may take to be ready. Nothing is held meanwhile."""
SWITCH_WITHIN = 3.0
"""Seconds between the first held write and the new term; then the old primary serves on."""


def start(view: View, failover: Failover) -> Deciding:
    """Begin what ``failover`` asks for, or refuse it with the reason."""
    wanted = failover.spec.to
    if wanted is None:
        chosen = best_for_switchover(view)
        if isinstance(chosen, Unfit):
            return refuse(view, failover, chosen.code, chosen.reason)
    else:
        unfit = unfit_for_switchover(view, wanted) or unfit_to_acknowledge(view, wanted)
        if unfit is not None:
            return refuse(view, failover, unfit.code, unfit.reason)
        chosen = wanted
    if not allows(view.moves, view.now, failover.name):
        return wait(view, "the budget of planned changes is spent", f"others to end, then {failover.name}")
    transition = Transition(
        mode=Mode.PLANNED,
        phase=Phase.PREPARING,
        candidate=chosen,
        failover=failover.name,
        reason=failover.spec.reason or "asked for",
    )
    step = Step(
        f"prepare the switchover to {chosen}",
        status=status_with(view, transition=transition),
        failover=failover_change(
            view, failover.name, Outcome.RUNNING, from_primary=view.reign.primary, to_primary=chosen
        ),
        spends=Spend(Kind.MOVE, failover.name),
    )
    return take(view, step, f"{failover.name} asks for {chosen} as primary")


def prepare(view: View, transition: Transition) -> Deciding:
    """Preparing: the candidate keeps up, the others follow it."""
    primary, candidate = view.primary, view.members.get(transition.candidate)
    if primary is None or primary.seen is None or primary.seen.opened != view.reign.term or candidate is None:
        return drop(view, transition, "the primary was lost before the switch; a failover decides")
    unfit = unfit_for_switchover(view, candidate.name)
    if unfit is not None:
        return undo(view, transition, unfit.reason)
    if view.phase_age > PREPARE_WITHIN:
        return undo(view, transition, f"{candidate.name} was not ready within {PREPARE_WITHIN:g} s")
    if view.failure:
        return undo(view, transition, view.failure)
    for member in view.replicas:
        step = _bring_under(view, primary, candidate, member)
        if step is not None:
            return take(view, step, "the first acknowledgement after the switch then needs no reconnect")
    if not all(_is_moved(view, primary, candidate, member) for member in view.replicas):
        return wait(view, f"{candidate.name} must receive what the others have", "its next advance", again=0.02)
    step = Step(
        f"hold new writes; freeze {primary.name}",
        status=status_with(view, transition=transition_with(transition, phase=Phase.SWITCHING)),
        acts=(Freeze(primary.name, view.reign.term),),
        record_first=True,
    )
    return take(view, step, f"{candidate.name} keeps up; what is in flight ends and is acknowledged")


def switch(view: View, transition: Transition) -> Deciding:
    """Switching: stop writes, wait for the candidate, issue the next term."""
    primary, candidate = view.primary, view.members.get(transition.candidate)
    if primary is None or primary.seen is None or primary.seen.opened != view.reign.term:
        return drop(view, transition, "the primary was lost during the switch; a failover decides")
    if candidate is None or candidate.seen is None:
        return undo(view, transition, f"{transition.candidate} was lost during the switch")
    if view.failure:
        return undo(view, transition, view.failure)
    if view.phase_age > SWITCH_WITHIN:
        return undo(view, transition, f"the switch took longer than {SWITCH_WITHIN:g} s")
    if is_errant(view, candidate):
        return undo(view, transition, f"{candidate.name} holds errant transactions")
    term = view.reign.term
    if not primary.seen.super_read_only:
        step = Step(f"freeze {primary.name}", acts=(Freeze(primary.name, term),))
        return take(view, step, "writes stop; what is in flight ends and is acknowledged")
    holds = on_line(view, primary.seen.executed)
    if not candidate.seen.executed.contains(holds):
        step = Step(f"wait for {candidate.name}", acts=(CatchUp(candidate.name, term, str(holds), wait=1.0),))
        return take(view, step, f"{candidate.name} must hold everything that {primary.name} has")
    issued = view.shard.status.issued + 1
    next_transition = transition_with(
        transition,
        phase=Phase.ISSUED,
        term=issued,
        issue=view.issue,
        holds=str(holds),
        suspects=(Suspect(name=candidate.name, uuid=candidate.seen.uuid, term=issued),),
    )
    step = Step(
        f"issue term {issued} to {candidate.name}; fence {primary.name}",
        status=status_with(view, issued=issued, transition=next_transition),
        acts=(Fence(primary.name, issued), *_attaching(view, candidate, issued)),
        record_first=True,
        within=1.5,
    )
    return take(view, step, f"{candidate.name} holds everything; from here on the change rolls forward")


def cancel(view: View, transition: Transition) -> Deciding:
    """Cancelling: the swap is made, so nobody can issue the term any more; open the old primary again."""
    primary = view.primary
    seen = primary.seen if primary else None
    if primary is not None and seen is not None and seen.opened == view.reign.term and not seen.works:
        step = Step(f"open {primary.name} again", acts=(Thaw(primary.name, view.reign.term),))
        return take(view, step, f"the switchover is undone: {transition.reason}")
    return drop(view, transition, transition.reason)


def undo(view: View, transition: Transition, reason: str) -> Deciding:
    """Record that the switchover is off; only then is anything put back."""
    changed = transition_with(transition, phase=Phase.CANCELLING, reason=reason)
    step = Step("cancel the switchover", status=status_with(view, transition=changed))
    return take(view, step, reason)


def drop(view: View, transition: Transition, reason: str) -> Deciding:
    """Forget the switchover: there is nothing (more) to put back."""
    step = Step(
        "end the switchover",
        status=status_with(view, transition=None),
        failover=failover_change(
            view, transition.failover, Outcome.UNDONE, code=Code.CANDIDATE_UNFIT.number, message=reason
        ),
    )
    return take(view, step, reason)


def _moves_others(view: View) -> bool:
    """Rule 16: not where two or more acknowledgements are needed, nor across zones."""
    in_force = view.shard.status.durability or view.shard.spec.durability
    return in_force.policy is DurabilityPolicy.SEMI_SYNC and in_force.acks == 1


def _is_moved(view: View, primary: MemberView, candidate: MemberView, member: MemberView) -> bool:
    if member is candidate or member.seen is None or not _moves_others(view):
        return True
    return not member.follows(primary.spec)


def _attaching(view: View, candidate: MemberView, issued: int) -> tuple[Follow, ...]:
    """Those that follow the candidate already attach to its reign (rule 7), while the old primary is being fenced."""
    moved = (m for m in view.replicas if m is not candidate and m.seen is not None and m.follows(candidate.spec))
    return tuple(Follow(m.name, issued, candidate.name, gives_acks(view, m, candidate.name)) for m in moved)


def _bring_under(view: View, primary: MemberView, candidate: MemberView, member: MemberView) -> Step | None:
    """Stop the member's receiver; once the candidate has all that the member received, follow the candidate."""
    if _is_moved(view, primary, candidate, member) or member.seen is None or candidate.seen is None:
        return None
    term = view.reign.term
    if member.seen.channel is not None and member.seen.channel.receiver != "OFF":
        return Step(f"stop the receiver of {member.name}", acts=(Fence(member.name, term),))
    if not candidate.seen.received.contains(on_line(view, member.seen.received)):
        return None
    return Step(f"let {member.name} follow {candidate.name}", acts=(Follow(member.name, term, candidate.name),))
