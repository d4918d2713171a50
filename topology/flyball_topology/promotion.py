"""Promotion: what every change of primary does once its term is issued. It only ever rolls forward.

    Issued      fence the members under the new term, until nobody of an older reign can acknowledge a write;
                choose, among the reached, one that holds the whole line, or can fetch what it lacks
    Promoting   the candidate fetches what it lacks (``fetching.py``), applies what it received, the others follow it,
                it opens, its journal row commits; then, and only then, it reigns (rule 7)

A candidate that is lost leaves its term spent: it becomes one more suspect, and the next term is issued.
"""

from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball.records.failover import Outcome
from flyball.records.keyspace import DurabilityPolicy
from flyball.records.shard import Intent, Mode, Phase, Reign, Suspect, Transition
from flyball_topology import bootstrap, divergence, fetching
from flyball_topology.attached import admissible, attached
from flyball_topology.candidates import Choice, Unfit, choose_after_revocation
from flyball_topology.changes import (
    Deciding,
    failover_change,
    issue_again,
    raised,
    status_with,
    take,
    transition_with,
    wait,
)
from flyball_topology.diagnose import CONFIRMED
from flyball_topology.following import able, following, left_behind
from flyball_topology.line import line_of
from flyball_topology.revocation import describe_missing, durability, fenced, suspects, unrevoked
from flyball_topology.steps import Act, Admit, CatchUp, Fence, Promote, Step
from flyball_topology.view import MemberView, Snapshot, View


def revoke(view: View, transition: Transition) -> Deciding:
    """Issued: fence until every suspect is revoked, then choose."""
    term = transition.term
    planned = _planned_candidate(view, transition)
    if planned is not None:
        return planned
    if transition.candidate:  # it may have opened, or may yet: a term is one member's alone
        why = view.failure or f"{transition.candidate} cannot take over as planned"
        return issue_again(view, transition, why)
    if (asked := _accepted(view, transition)) is not None:
        return asked
    to_fence = [
        member.name
        for member in view.members.values()
        if member.seen and not fenced(member, term) and member.seen.clone_state != "In Progress"
    ]
    if to_fence and not view.failure:
        step = Step(f"fence {', '.join(to_fence)}", acts=_fences(to_fence, term), within=1.5)
        return take(view, step, f"nobody of an older reign may acknowledge a write under term {term}")
    open_suspects = unrevoked(view, term)
    if open_suspects and not transition.accept_loss:
        awaited = tuple(f"{describe_missing(missing)}, to revoke {suspect.name}" for suspect, missing in open_suspects)
        if to_fence:
            step = Step(f"fence {', '.join(to_fence)}", acts=_fences(to_fence, term), within=1.5)
            return take(view, step, f"once more: {view.failure}", awaited=awaited)
        return wait(view, "members that are not reached could still acknowledge writes", *awaited, again=0.2)
    choice = choose_after_revocation(
        view, term, accept_loss=transition.accept_loss, unreadable=frozenset(transition.unreadable)
    )
    if isinstance(choice, Unfit):
        return wait(view, choice.reason, "a member that holds the rest, or a person: failover --accept-loss", again=0.5)
    loses = bool(open_suspects) or not choice.given_up.is_empty
    return _appoint(view, transition, choice, accept_loss=loses)


def promote(view: View, transition: Transition) -> Deciding:
    """Promoting: catch up, follow, open, journal; then reign."""
    candidate = view.members.get(transition.candidate)
    if candidate is None or candidate.seen is None:
        if candidate is None or candidate.failures >= CONFIRMED:
            return issue_again(view, transition, f"{transition.candidate} was lost before it reigned")
        return wait(view, f"{candidate.name} does not answer", "its next probe", again=0.05)
    seen = candidate.seen
    if seen.journal_term >= transition.term and seen.opened == transition.term:
        return reign(view, transition, candidate)
    if seen.promise is not None and seen.promise > transition.term:
        return wait(view, f"{candidate.name} has promised a newer term", "the record to show it", again=0.1)
    if transition.mode is Mode.BOOTSTRAP:
        step = bootstrap.establish(view, transition)
        if step is not None:
            return take(view, step, "the first primary makes what all members share")
    if seen.journal_term >= transition.term:
        return issue_again(view, transition, f"{candidate.name} restarted before its reign was recorded")
    if (fetch := fetching.fetch(view, transition, candidate, seen)) is not None:
        return fetch
    return _open(view, transition, candidate, seen)


def reign(view: View, transition: Transition, candidate: MemberView) -> Deciding:
    """The journal row has committed with its real durability: the candidate reigns, and the change has ended."""
    seen = candidate.seen
    uuid = seen.uuid if seen else ""
    past = tuple(sorted({*view.reign.past, *(suspect.uuid for suspect in suspects(view))} - {"", uuid}))
    # A change of the ack set or a clone that goes on now, a durability that is given up: what was decided before must
    # not come late in this term, nor be noted as if it were the newest.
    before = view.shard.status
    goes_on = before.ackers_next is not None or before.durability_next is not None or before.reseeding
    recorded = raised if goes_on else status_with
    status = recorded(
        view,
        reign=Reign(
            term=transition.term,
            primary=candidate.name,
            uuid=uuid,
            base=transition.holds,
            past=past,
            issue=transition.issue,
        ),
        transition=None,
        durability_next=None,
    )
    step = Step(
        f"record the reign of {candidate.name}",
        status=status,
        failover=failover_change(
            view,
            transition.failover,
            Outcome.SUCCEEDED,
            term=transition.term,
            to_primary=candidate.name,
            at_risk=transition.at_risk,
        ),
    )
    return take(view, step, f"its journal shows term {transition.term}")


def _accepted(view: View, transition: Transition) -> Deciding | None:
    """A person has given up what the failover in flight waits for: it goes on under that word."""
    if transition.accept_loss:
        return None
    for request in view.failovers:
        if request.spec.accept_loss and request.status.outcome is Outcome.PENDING:
            changed = transition_with(transition, accept_loss=True, failover=request.name)
            step = Step(
                f"accept the loss that {request.name} accepts",
                status=status_with(view, transition=changed),
                failover=failover_change(
                    view, request.name, Outcome.RUNNING, term=transition.term, from_primary=view.reign.primary
                ),
            )
            return take(view, step, f"{request.name} says so")
    return None


def _fences(names: list[str], term: int) -> tuple[Act, ...]:
    return tuple(Fence(name, term) for name in names)


def _planned_candidate(view: View, transition: Transition) -> Deciding | None:
    """After a switchover's swap: fence the old primary, see that it wrote nothing more, open the candidate."""
    candidate, primary = view.members.get(transition.candidate), view.primary
    if transition.mode is not Mode.PLANNED or candidate is None or primary is None:
        return None
    if candidate.seen is not None and candidate.seen.opened == transition.term:
        return promote(view, transition)
    if view.failure or primary.seen is None or candidate.seen is None:
        return None
    if not fenced(primary, transition.term):
        step = Step(f"fence {primary.name}", acts=(Fence(primary.name, transition.term),))
        return take(view, step, "it may not be opened under its old term any more")
    if not GtidSet.parse(transition.holds).contains(line_of(view, primary.seen)):
        return None  # it was opened between the freeze and the swap, and wrote: the next term takes that in
    return promote(view, transition)


def _open(view: View, transition: Transition, candidate: MemberView, seen: Snapshot) -> Deciding:
    """Let the others follow, and open the candidate once it has applied everything and can be followed."""
    in_force = view.shard.status.durability or view.shard.spec.durability
    acts = [] if seen.offline else following(view, transition, candidate)
    names = [f"let {', '.join(act.member for act in acts)} follow {candidate.name}"] if acts else []
    if seen.opened == transition.term and (former := _still_open(view, transition, candidate)):
        step = Step(f"fence {', '.join(former)}", acts=_fences(former, transition.term), within=1.5)
        return take(view, step, f"open under an older term, while {candidate.name} waits for its first acknowledgement")
    if seen.opened == transition.term and seen.works and seen.waiting:
        awaited = f"{in_force.acks} acknowledgement(s) of its journal row"
        if (admitting := _admit(view, transition, candidate, seen)) is not None:
            return admitting
        if not acts:
            lacking = (f"{name}, which lacks what it has purged, cannot" for name in left_behind(view, candidate))
            why = f"{candidate.name} is open, and its first write is not acknowledged"
            return wait(view, why, awaited, *lacking, again=0.1)
        return take(view, Step(names[0], acts=tuple(acts)), "its first write waits", awaited=(awaited,))
    if seen.channel is not None and seen.channel.applier_errno:
        return issue_again(view, transition, f"{candidate.name} cannot apply what it received")
    holds = GtidSet.parse(transition.holds)
    missing: tuple[str, ...] = ()
    ready = seen.executed.contains(holds) and seen.executed.contains(seen.received)
    if ready and not (seen.offline and _needs_followers(view, candidate)):
        acks = 0 if in_force.policy is DurabilityPolicy.NONE else in_force.acks
        ackers = attached(view, candidate.name, transition.term, view.shard.status.ackers)
        if acts and seen.opened != transition.term and not view.failure and not _suffice(view, candidate, ackers):
            step = Step(names[0], acts=tuple(acts), within=1.5)
            return take(view, step, f"whoever acknowledges its first write attaches before {candidate.name} opens")
        mode = transition.mode.value
        acts.append(
            Promote(candidate.name, transition.term, transition.holds, acks, ackers, mode, serves=view.shard.serves)
        )
        names.append(f"promote {candidate.name}")
    else:
        acts.append(CatchUp(candidate.name, transition.term, transition.holds))
        names.append(f"wait for {candidate.name} to apply what it received")
        lacks = holds.union(seen.received).subtract(seen.executed)
        missing = (f"{candidate.name} to apply {lacks}",) if not lacks.is_empty else ()
    step = Step("; ".join(names), acts=tuple(acts))
    return take(view, step, f"{candidate.name} takes over under term {transition.term}", awaited=missing)


def _needs_followers(view: View, candidate: MemberView) -> bool:
    return not _suffice(view, candidate, ())


def _suffice(view: View, candidate: MemberView, ackers: tuple[str, ...]) -> bool:
    return durability(view).acknowledged(candidate.name, frozenset(ackers))


def _admit(view: View, transition: Transition, candidate: MemberView, seen: Snapshot) -> Deciding | None:
    """Where nobody of the ack set is there to acknowledge the first write, count one who is: in the record first, then
    by letting it attach, then by unlocking its account (rules 7 and 11). It had left while it was away, and is back
    before the others.
    """
    status = view.shard.status
    accounts = seen.accounts or {}
    admitted = admissible(view, candidate.name, transition.term, status.ackers)
    if any(accounts.get(replica_account(name)) for name in admitted):
        step = Step("apply the ack set on the candidate", acts=(Admit(candidate.name, transition.term, admitted),))
        return take(view, step, "its first write waits for members that are locked out")
    there = [member.name for member in able(view, transition, candidate) if member.spec.intent is Intent.SERVE]
    if status.ackers_next is not None or _suffice(view, candidate, tuple(there)):
        return None
    joining = next((name for name in there if name not in status.ackers), None)
    if joining is None:
        return None
    step = Step(f"count {joining} in the ack set", status=raised(view, ackers=(*status.ackers, joining)))
    return take(view, step, f"it is there, and the first write of {candidate.name} waits for those who are not")


def _still_open(view: View, transition: Transition, candidate: MemberView) -> list[str]:
    """Members that were out of reach when the others were fenced, and come back open under an older term.

    Nobody can acknowledge what they write. Closed, they can follow: the first acknowledgement may have to be theirs.
    """
    if view.failure:  # one that cannot be fenced now holds nobody up
        return []
    others = (member for member in view.members.values() if member is not candidate and member.seen is not None)
    return [member.name for member in others if member.seen and 0 < member.seen.opened < transition.term]


def _appoint(view: View, transition: Transition, choice: Choice, *, accept_loss: bool) -> Deciding:
    candidate = view.members[choice.candidate]
    uuid = candidate.seen.uuid if candidate.seen else ""
    suspect = Suspect(name=candidate.name, uuid=uuid, term=transition.term)
    changed = transition_with(
        transition,
        phase=Phase.PROMOTING,
        candidate=candidate.name,
        holds=str(choice.holds),
        suspects=(*(s for s in transition.suspects if s.name != candidate.name), suspect),
        at_risk=str(_at_risk(view, choice)) if accept_loss else "",
        fetch_from=choice.fetch_from,
        declared=str(choice.declared),
    )
    held = view.shard.status.held
    if accept_loss:
        lost = (
            name
            for name, member in view.members.items()
            if not fenced(member, transition.term)
            or (member.seen and not line_of(view, member.seen).intersect(choice.given_up).is_empty)
        )
        held = tuple(sorted({*held, *lost}))
    diverged = divergence.marked(view, transition.term, choice.declared)
    status = status_with(view, transition=changed, held=held, diverged=diverged)
    appointed = view.with_status(status)
    at_once = candidate.seen is not None and not candidate.seen.offline and not choice.fetch_from
    acts = following(appointed, changed, appointed.members[candidate.name]) if at_once else ()
    name = f"; let {', '.join(act.member for act in acts)} follow" if acts else ""
    step = Step(f"appoint {candidate.name}{name}", status=status, acts=tuple(acts), record_first=True, within=1.5)
    why = f"{candidate.name} holds everything that any reached member received"
    if choice.fetch_from:
        why = f"{choice.fetch_from} alone holds part of the line; {candidate.name} can fetch it from there"
    return take(view, step, why)


def _at_risk(view: View, choice: Choice) -> GtidSet:
    """What members that are not fenced were last seen to hold beyond the chosen line."""
    term = view.shard.status.issued
    known = [member.snapshot for member in view.members.values() if not fenced(member, term) and member.snapshot]
    return (
        GtidSet().union(*(line_of(view, snapshot) for snapshot in known)).subtract(choice.holds).union(choice.given_up)
    )
