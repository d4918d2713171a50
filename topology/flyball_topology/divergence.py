"""Divergence: who holds transactions of its own where the line holds empty ones.

Once errant transactions are declared, GTID sets no longer tell their author from the others: the record alone knows.
The mark is written by the swap that makes them part of the line, and goes when the member's data was replaced.

A member that was not fenced at that moment may hold them too, from whomever it replicated. So it is marked as not
known, and looked at before anything is done with it: what it holds of them by then it did not get from the new line.
"""

from flyball.gtid import GtidSet
from flyball.records.shard import Diverged
from flyball_topology.changes import Deciding, status_with, take
from flyball_topology.line import hollow
from flyball_topology.revocation import fenced
from flyball_topology.steps import Step
from flyball_topology.view import MemberView, View


def marked(view: View, term: int, declared: GtidSet) -> tuple[Diverged, ...]:
    """The marks once ``declared`` is part of the line, under ``term``."""
    fresh = declared.subtract(hollow(view))
    found = list(view.shard.status.diverged)
    for name, member in view.members.items():
        known = member.seen is not None and fenced(member, term)
        own = fresh.intersect(member.seen.received) if member.seen is not None and known else fresh
        if not own.is_empty:
            found.append(Diverged(name=name, gtids=str(own), known=known))
    return _merged(found)


def without(view: View, name: str) -> tuple[Diverged, ...]:
    """The marks of the others."""
    return tuple(mark for mark in view.shard.status.diverged if mark.name != name)


def recognise(view: View) -> Deciding | None:
    """Settle the marks of members that could not be looked at before, and answer now."""
    found = []
    for mark in view.shard.status.diverged:
        member = view.members.get(mark.name)
        if mark.known or member is None or not _can_be_told(view, member):
            found.append(mark)
            continue
        own = GtidSet.parse(mark.gtids).intersect(member.seen.received if member.seen else GtidSet())
        if not own.is_empty:
            found.append(Diverged(name=mark.name, gtids=str(own)))
    marks = _merged(found)
    if marks == view.shard.status.diverged:
        return None
    names = sorted({mark.name for mark in view.shard.status.diverged if mark not in marks})
    step = Step(f"record whether {', '.join(names)} diverged", status=status_with(view, diverged=marks))
    return take(view, step, "it did not answer when errant transactions were declared")


def _can_be_told(view: View, member: MemberView) -> bool:
    """Whether it answers with its data in place, and receives nothing from one that has diverged."""
    seen = member.seen
    if seen is None or seen.clone_state == "In Progress":
        return False
    names = {mark.name for mark in view.shard.status.diverged if mark.known}
    addresses = {other.spec.address for name, other in view.members.items() if name in names}
    return seen.channel is None or seen.channel.receiver == "OFF" or seen.channel.address not in addresses


def _merged(marks: list[Diverged]) -> tuple[Diverged, ...]:
    """One mark for each member and certainty."""
    found: dict[tuple[str, bool], GtidSet] = {}
    for mark in marks:
        key = (mark.name, mark.known)
        found[key] = found.get(key, GtidSet()).union(GtidSet.parse(mark.gtids))
    return tuple(Diverged(name=name, gtids=str(gtids), known=known) for (name, known), gtids in found.items())
