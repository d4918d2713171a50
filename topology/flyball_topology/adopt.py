"""Adopt: a record older than its members takes over what they know, on a person's word (rule 10).

Every declared member must be reached. The one that clients write to is the primary: it is open, and nobody has reigned
after it. What others hold besides is theirs alone: their tails, or errant. Where nobody is open, one must hold
everything that the others hold; a failover under the next term opens it. The highest promise, or journal if that is
higher, becomes the issued term; where it is above the reign's, a failover under the next one begins at once.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records import Operation
from flyball.records.failover import Outcome
from flyball.records.shard import Mode, Phase, Reign, Reseeding, Transition
from flyball_topology.changes import Deciding, status_with, take
from flyball_topology.steps import OperationChange, Step
from flyball_topology.view import HOUSEKEEPING, Snapshot, View


def adopt(view: View, operation: Operation) -> Deciding:
    """Take the members' word, or refuse."""
    seen = {name: member.seen for name, member in view.members.items()}
    unreached = sorted(name for name, snapshot in seen.items() if snapshot is None)
    if unreached:
        return _refuse(view, operation, f"every member must be reached first; missing: {', '.join(unreached)}")
    found = {name: snapshot for name, snapshot in seen.items() if snapshot is not None}
    diverged = {mark.name for mark in view.shard.status.diverged}
    serving = _serving(found, diverged)
    if serving is not None:
        chosen, why = serving, f"clients write to {serving}"
        line = found[chosen].executed.without_tag(HOUSEKEEPING)
    else:
        line = GtidSet().union(*(snapshot.received.without_tag(HOUSEKEEPING) for snapshot in found.values()))
        holders = [n for n, snapshot in found.items() if snapshot.executed.contains(line) and n not in diverged]
        if not holders:
            return _refuse(view, operation, "no member that has not diverged holds everything that the others hold")
        chosen = max(holders, key=lambda name: (_reigned(found[name]), found[name].journal_term, name))
        why = f"{chosen} holds everything"
    highest = max(max(snapshot.promise or 0, snapshot.journal_term) for snapshot in found.values())
    version = max(view.shard.status.version, *(snapshot.noted for snapshot in found.values())) + 1
    uuids = {snapshot.uuid for snapshot in found.values()} - {found[chosen].uuid}
    reign = Reign(
        term=found[chosen].opened or max(1, found[chosen].journal_term),
        primary=chosen,
        uuid=found[chosen].uuid,
        base=str(line),
        past=tuple(sorted(uuids)),
        issue=found[chosen].issue if found[chosen].promise == found[chosen].opened else "",
    )
    issued, transition = max(highest, reign.term), None
    others = {snapshot.issue for snapshot in found.values() if snapshot.promise == reign.term} - {reign.issue, ""}
    # They obey nobody who reigns under less, nor under another issue of the term; and a term that was another one's is
    # not given to the one that holds everything.
    if highest > reign.term or _reigned(found[chosen]) < reign.term or others:
        issued = highest + 1
        reason = f"a member has promised term {highest}, and {chosen} last reigned under {reign.term}"
        transition = Transition(mode=Mode.EMERGENCY, phase=Phase.ISSUED, term=issued, issue=view.issue, reason=reason)
    status = status_with(
        view,
        issued=issued,
        version=version,
        reign=reign,
        transition=transition,
        ackers=tuple(view.members),
        ackers_next=None,
        durability=view.shard.spec.durability,
        durability_next=None,
        reseeding=_still_reseeding(view, version),
        adopted=highest,
    )
    done = operation.status.model_copy(
        update={"outcome": Outcome.SUCCEEDED, "message": f"adopted term {status.issued} from {chosen}"}
    )
    step = Step("adopt the members' term", status=status, operation=OperationChange(operation.name, done))
    return take(view, step, why)


def _still_reseeding(view: View, version: int) -> tuple[Reseeding, ...]:
    """Whoever was being cloned when the record was written may be still: it counts once it has noted the version."""
    return tuple(Reseeding(name=entry.name, counts_from=version) for entry in view.shard.status.reseeding)


def _serving(found: Mapping[str, Snapshot], diverged: AbstractSet[str]) -> str | None:
    """The member that is open under the highest term that anybody opened, or wrote down, a reign of."""
    highest = max(max(seen.opened, seen.reigned, seen.journal_term) for seen in found.values())
    serving = (name for name, seen in found.items() if seen.works and 0 < seen.opened == highest)
    return next((name for name in serving if name not in diverged), None)


def _reigned(seen: Snapshot) -> int:
    """The newest term that was the member's own, open or not."""
    return max(seen.opened, seen.reigned)


def _refuse(view: View, operation: Operation, message: str) -> Deciding:
    status = operation.status.model_copy(
        update={"outcome": Outcome.REFUSED, "code": Code.LINE_INCOMPLETE.number, "message": message}
    )
    return take(view, Step("refuse the adoption", operation=OperationChange(operation.name, status)), message)
