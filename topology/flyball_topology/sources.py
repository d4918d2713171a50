"""Sources: from whom a candidate can fetch the part of the line that it lacks (rule 12).

The source is a member that cannot be promoted itself: it is errant, has diverged, or leaves. Whoever replicates from it
gets everything that it holds, its errant transactions too; so the candidate commits empty transactions in their place
first. What belongs to the line by itself is never declared: an empty transaction there would be a lost write.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flyball.gtid import GtidSet
from flyball.records.operation import OperationType, ReseedPhase
from flyball_topology.line import hollow, line_of, stray
from flyball_topology.view import MemberView, Snapshot, View


@dataclass(frozen=True, slots=True)
class Source:
    """A member to fetch from, and its errant transactions: to be declared before."""

    name: str
    declared: GtidSet


def sources_for(view: View, taker: MemberView, holds: GtidSet, others: Iterable[MemberView]) -> list[Source]:
    """Those of ``others`` that ``taker`` can get the rest of ``holds`` from."""
    return [
        Source(other.name, stray(view, other.seen))
        for other in others
        if other.seen is not None and not _obstacle(view, taker, other, other.seen, holds)
    ]


def cannot_lend(view: View, source: MemberView, takers: Iterable[MemberView], holds: GtidSet) -> str:
    """Why nobody of ``takers`` can fetch what it lacks from ``source``, in words."""
    seen = source.seen
    if seen is None:
        return f"it {source.reach.value}"
    found = dict.fromkeys(_obstacle(view, taker, source, seen, holds) for taker in takers)
    return "; ".join(reason for reason in found if reason) or "fetching from it has failed"


def _obstacle(view: View, taker: MemberView, source: MemberView, seen: Snapshot, holds: GtidSet) -> str:
    """Why ``taker`` cannot fetch what it lacks from ``source``; empty when it can."""
    if taker.seen is None:
        return f"{taker.name} {taker.reach.value}"
    for operation in view.operations:
        if operation.spec.member == source.name and operation.spec.type is OperationType.FENCE:
            return f"it is kept out by the operation {operation.name}"
        if operation.spec.member == source.name and operation.status.phase is ReseedPhase.CLONING:
            return "it is being made anew"
    empty = hollow(view).union(stray(view, seen))
    lacks = holds.subtract(line_of(view, taker.seen)).subtract(empty)
    if not line_of(view, seen).contains(lacks):
        return f"it does not hold all that {taker.name} lacks"
    if seen.channel is not None and seen.channel.applier_errno and not seen.executed.contains(lacks):
        return f"it cannot apply what it received: {seen.channel.applier_errno} {seen.channel.applier_error[:200]}"
    if not taker.seen.received.union(empty).contains(seen.purged):
        return f"it has purged binary logs that {taker.name} lacks"
    return ""
