"""Fetching: the candidate gets the part of the line that only a member holds which cannot be promoted (rule 12).

    declare   empty transactions on the candidate, in the place of the source's errant ones; meanwhile the source
              applies what it received and opens for reading, closed for writes as before
    follow    the candidate replicates from the source, until it has received the whole line
    stop      its receiver is stopped; then promotion goes on as with any candidate

Every step is seen in the members themselves, so any leader goes on wherever another one stopped. Nobody can
acknowledge meanwhile: all acts carry the new term, and the candidate gives the source no acknowledgements. A source
that is lost costs the term, and revocation under the next one says who must return; one that cannot be read is
waited for, with the reason, and tried again after a rest that grows.
"""

from dataclasses import replace

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records import Failover
from flyball.records.failover import Outcome
from flyball.records.shard import Transition
from flyball_topology.candidates import promotable
from flyball_topology.changes import Deciding, failover_change, issue_again, take, wait
from flyball_topology.declaring import WITHIN, declare
from flyball_topology.diagnose import CONFIRMED
from flyball_topology.line import hollow, line_of, stray
from flyball_topology.sources import sources_for
from flyball_topology.steps import Act, Fence, Follow, Lend, Step
from flyball_topology.view import MemberView, Snapshot, View

FETCH_TRY = "FETCH"
"""How tries after a failure are remembered, with the source's name behind it."""
FIRST_REST = 1.0
LONGEST_REST = 60.0
"""Seconds between two of them: doubling from the first to the longest."""


def fetch(view: View, transition: Transition, candidate: MemberView, seen: Snapshot) -> Deciding | None:
    """The next step; ``None`` where nothing has to be fetched (any more)."""
    declared = GtidSet.parse(transition.declared)
    if seen.opened == transition.term or (declared.is_empty and not transition.fetch_from):
        return None
    if not promotable(view, candidate):
        return issue_again(view, transition, f"{candidate.name} cannot be promoted any more")
    source = view.members.get(transition.fetch_from)
    missing = declared.subtract(seen.received)
    if seen.received.contains(GtidSet.parse(transition.holds)):
        return _stop(view, transition, candidate, source)
    if not transition.fetch_from:
        if missing.is_empty:
            return None
        act = declare(candidate.name, transition.term, missing)
        return take(view, Step(f"declare what {candidate.name} lacks", acts=(act,), within=WITHIN), _DECLARED)
    if (given_up := _accepted(view, transition)) is not None:
        return given_up
    if source is None or source.seen is None:
        if source is None or source.failures >= CONFIRMED:
            why = f"{transition.fetch_from} was lost before {candidate.name} had fetched what it lacks"
            return issue_again(view, transition, why)
        return wait(view, f"{source.name} does not answer", "its next probe", again=0.05)
    if not stray(view, source.seen).is_empty or source.seen.promise is None:
        return _anew(view, transition, f"{source.name} is not what it was when {candidate.name} was appointed")
    if source.seen.promise > transition.term:
        return wait(view, f"{source.name} has promised a newer term", "the record to show it", again=0.1)
    return _from(view, transition, candidate, source)


_DECLARED = "errant transactions that were declared belong to the line, as empty ones"


def _from(view: View, transition: Transition, candidate: MemberView, source: MemberView) -> Deciding:
    """Both answer: declare and open, then follow, then wait."""
    taker, lender, term = candidate.seen, source.seen, transition.term
    if taker is None or lender is None:
        raise ValueError("both members must answer")
    declared = GtidSet.parse(transition.declared)
    missing = declared.subtract(taker.received)
    lacks = GtidSet.parse(transition.holds).subtract(taker.received).subtract(declared)
    lend = Lend(source.name, term, candidate.name)
    if lender.channel is not None and lender.channel.applier_errno and not lender.executed.contains(lacks):
        why = f"{source.name} cannot apply what it received: {lender.channel.applier_errno}"
        return _failed(view, transition, candidate, why, lend)
    if not line_of(view, lender).contains(lacks):
        return issue_again(view, transition, f"{source.name} does not hold any more what {candidate.name} lacks")
    if lender.offline or not missing.is_empty or not lender.executed.contains(lacks):
        acts: tuple[Act, ...] = (lend,)
        if not missing.is_empty:
            acts = (lend, declare(candidate.name, term, missing))
        elif not lender.offline:
            return wait(view, f"{source.name} applies what it received", "it to be done", again=0.1)
        name = f"open {source.name} for {candidate.name}; declare its errant transactions"
        return take(view, Step(name, acts=acts, within=WITHIN), _DECLARED)
    channel = taker.channel
    attached = channel is not None and candidate.follows(source.spec)
    follow = Follow(candidate.name, term, source.name, acks=False)
    if not attached or channel is None or channel.receiver == "OFF":
        if attached and channel is not None and channel.receiver_errno:
            why = f"{candidate.name} cannot fetch from {source.name}: {_text(channel.receiver_errno, taker)}"
            return _failed(view, transition, candidate, why, lend, follow)
        step = Step(f"let {candidate.name} fetch from {source.name}", acts=(lend, follow))
        return take(view, step, f"{source.name} alone holds {lacks}")
    why = f"{candidate.name} fetches from {source.name} what it alone holds"
    if channel.receiver != "ON" and channel.receiver_errno:
        why = f"{candidate.name} does not reach {source.name} yet: {_text(channel.receiver_errno, taker)}"
    return wait(view, why, f"{lacks.count} transactions of {source.name}", again=0.1)


def _stop(view: View, transition: Transition, candidate: MemberView, source: MemberView | None) -> Deciding | None:
    """Everything is there: receive nothing more from a member that has transactions of its own."""
    seen = candidate.seen
    if source is None or seen is None or seen.channel is None:
        return None
    if not candidate.follows(source.spec) or seen.channel.receiver == "OFF":
        return None
    step = Step(f"stop the receiver of {candidate.name}", acts=(Fence(candidate.name, transition.term),))
    return take(view, step, f"{candidate.name} has received the whole line")


def _failed(view: View, transition: Transition, candidate: MemberView, why: str, *again: Act) -> Deciding:
    """Somebody else, if there is anybody; else wait, and say for whom."""
    name = transition.fetch_from
    if _another(view, transition, candidate):
        return issue_again(view, transition, why, unreadable=_unreadable(transition))
    if not _rests(view, name):
        return take(view, Step(f"try to fetch from {name} again", acts=again, remedies=f"{FETCH_TRY} {name}"), why)
    refused = (f"promotion: {Code.LINE_INCOMPLETE.number} {candidate.name} lacks part of the line",)
    awaited = (f"{name} to be readable", "another member that holds the rest", "or a person: failover --accept-loss")
    return wait(view, why, *awaited, refused=refused, again=0.5)


def _anew(view: View, transition: Transition, why: str) -> Deciding:
    """The source has changed, so the choice is made again; a source that keeps changing is given growing rests."""
    name = transition.fetch_from
    if _rests(view, name):
        return wait(view, why, f"the next look at {name}", "or a person: failover --accept-loss", again=0.5)
    again = issue_again(view, transition, why, unreadable=_unreadable(transition))
    return replace(again, step=replace(again.step, remedies=f"{FETCH_TRY} {name}")) if again.step else again


def _rests(view: View, name: str) -> bool:
    """Whether fetching from ``name`` failed so shortly ago that it is not tried again yet."""
    tried = view.tried.get(f"{FETCH_TRY} {name}")
    return tried is not None and view.now < tried.at + min(FIRST_REST * 2.0 ** min(tried.times - 1, 16), LONGEST_REST)


def _another(view: View, transition: Transition, candidate: MemberView) -> bool:
    """Whether somebody else holds the whole line, or another source holds what is missing."""
    holds, failed = GtidSet.parse(transition.holds), {transition.fetch_from, *transition.unreadable}
    others = [member for member in view.members.values() if member is not candidate and member.seen]
    if any(promotable(view, member) and _holds(view, member, holds) for member in others):
        return True
    rest = [member for member in others if member.name not in failed and not promotable(view, member)]
    return bool(sources_for(view, candidate, holds, rest))


def _holds(view: View, member: MemberView, holds: GtidSet) -> bool:
    seen = member.seen
    return seen is not None and seen.promise is not None and line_of(view, seen).union(hollow(view)).contains(holds)


def _accepted(view: View, transition: Transition) -> Deciding | None:
    """A person has given up what is being fetched: another term decides without it."""
    request = next((f for f in view.failovers if _gives_up(f)), None)
    if request is None:
        return None
    again = issue_again(
        view,
        transition,
        f"{request.name} gives up what {transition.fetch_from} holds",
        unreadable=_unreadable(transition),
        accept_loss=True,
        failover=request.name,
    )
    if again.step is None or again.step.status is None:
        return again
    issued = again.step.status.issued
    change = failover_change(view, request.name, Outcome.RUNNING, term=issued, from_primary=view.reign.primary)
    step = Step(again.step.name, status=again.step.status, failover=change)
    return take(view, step, f"{request.name} says so")


def _gives_up(failover: Failover) -> bool:
    return failover.spec.accept_loss and failover.status.outcome is Outcome.PENDING


def _unreadable(transition: Transition) -> tuple[str, ...]:
    return tuple(sorted({*transition.unreadable, transition.fetch_from} - {""}))


def _text(errno: int, seen: Snapshot) -> str:
    return f"{errno} {seen.channel.receiver_error[:200]}" if seen.channel else str(errno)
