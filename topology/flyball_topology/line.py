"""The shard's line: which transactions are the shard's own, and who holds them (rules 12 and 13).

Members are never compared by their whole GTID sets. What counts is the *line*: what the present reign began with
(``reign.base``), plus what the members that may have taken writes since have written under their own uuids. Tagged
housekeeping does not count. Everything else on a member is *errant*.

Errant transactions that were declared, so that the rest could be fetched from whoever wrote them, belong to the line
as empty ones. Who holds rows there has *diverged*, whatever its GTIDs say; the record knows who (``diverged``).
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from flyball.gtid import NOTHING, GtidSet
from flyball_topology.view import HOUSEKEEPING, MemberView, Snapshot, View


def base(view: View) -> GtidSet:
    """The line as it was when the present reign began."""
    return _parsed(view.reign.base)


@lru_cache(maxsize=8192)
def _parsed(text: str) -> GtidSet:
    """A reign's base stays for as long as it reigns."""
    return GtidSet.parse(text)


def writers(view: View) -> frozenset[str]:
    """The uuids that may have added to the line since: of primaries, and of the shards that rows come from."""
    transition = view.shard.status.transition
    suspects = transition.suspects if transition else ()
    imports = view.shard.status.imports
    return frozenset({view.reign.uuid, *(suspect.uuid for suspect in suspects), *imports} - {""})


def line_of(view: View, snapshot: Snapshot) -> GtidSet:
    """The part of the line that the server has received, applied or not."""
    return on_line(view, snapshot.received)


def on_line(view: View, transactions: GtidSet) -> GtidSet:
    """The part of ``transactions`` that belongs to the line."""
    plain = transactions.without_tag(HOUSEKEEPING)
    return plain.intersect(base(view).union(declared(view))).union(plain.only_uuids(writers(view)))


def declared(view: View) -> GtidSet:
    """What the change of primary in flight has declared as empty."""
    transition = view.shard.status.transition
    return GtidSet.parse(transition.declared) if transition else NOTHING


def hollow(view: View) -> GtidSet:
    """The part of the line that is known to be empty transactions: whoever lacks it needs nobody to have it."""
    marks = (GtidSet.parse(mark.gtids) for mark in view.shard.status.diverged if mark.known)
    return declared(view).union(*marks)


def stray(view: View, snapshot: Snapshot) -> GtidSet:
    """What the server has received beside the line, housekeeping apart: quick where all are the writers' own."""
    plain = snapshot.received.without_tag(HOUSEKEEPING)
    others = plain.sids - writers(view)
    return plain.only_uuids(others).subtract(base(view).union(declared(view))) if others else NOTHING


class Errant(Enum):
    """What a member holds beside the line."""

    NONE = "nothing"
    HOUSEKEEPING = "housekeeping rows alone: they are declared, and the member is attached"
    TAIL = "a former primary's writes that no client heard ok for"
    FOREIGN = "transactions written by other means"
    DIVERGED = "transactions of its own where the line holds empty ones"


@dataclass(frozen=True, slots=True)
class Beside:
    """The errant transactions of one member."""

    kind: Errant
    transactions: GtidSet = NOTHING


def beside_the_line(view: View, member: MemberView) -> Beside:
    """What ``member`` holds that the line does not.

    A transaction of the reigning primary's own uuid is errant only when the primary lacks it although the
    member had it a probe earlier (two probes never happen at the same moment), nothing waits there, and the member
    is not connected: a commit that waits for its acknowledgements is at the replicas before it is executed, and a
    replica that holds more than its source cannot connect to it.
    """
    known = view.beside.get(member.name)
    if known is None or known[0] is not member:
        known = view.beside[member.name] = (member, _beside(view, member))
    found = known[1]
    assert isinstance(found, Beside)
    return found


def _beside(view: View, member: MemberView) -> Beside:
    snapshot = member.seen
    if snapshot is None or not view.reign.term:
        return Beside(Errant.NONE)
    beside = stray(view, snapshot)
    own_rows = [GtidSet.parse(m.gtids) for m in view.shard.status.diverged if m.known and m.name == member.name]
    if own_rows:
        return Beside(Errant.DIVERGED, beside.union(*own_rows))
    primary = view.primary.seen if view.primary else None
    connected = snapshot.channel is not None and snapshot.channel.receiver == "ON"
    if primary and not primary.waiting and member is not view.primary and member.earlier and not connected:
        own = member.earlier.received.only_uuids([primary.uuid]).without_tag(HOUSEKEEPING)
        beside = beside.union(own.subtract(primary.executed))
    if not beside.is_empty:
        formerly_primary = snapshot.reigned > 0 and snapshot.uuid in view.reign.past
        if formerly_primary and beside.sids == {snapshot.uuid}:
            return Beside(Errant.TAIL, beside)
        return Beside(Errant.FOREIGN, beside)
    if primary is not None and member is not view.primary and snapshot.reigned > 0:
        rows = snapshot.executed.only_tag(HOUSEKEEPING).subtract(primary.executed)
        rows = rows.only_uuids(rows.sids - {primary.uuid})  # those are on their way, and were probed a moment apart
        if not rows.is_empty:
            return Beside(Errant.HOUSEKEEPING, rows)
    return Beside(Errant.NONE)
