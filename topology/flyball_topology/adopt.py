"""Adopt: a record older than its members takes over what they know, on a person's word (rule 10).

Every declared member must be reached, and one of them must hold everything; its promise, or its journal if that is
higher, becomes the issued term, and the member the recorded primary. If it is closed, a failover under the next term
opens it.
"""

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records import Operation
from flyball.records.failover import Outcome
from flyball.records.shard import Reign
from flyball_topology.changes import Deciding, status_with, take
from flyball_topology.steps import OperationChange, Step
from flyball_topology.view import HOUSEKEEPING, View


def adopt(view: View, operation: Operation) -> Deciding:
    """Take the members' word, or refuse."""
    seen = {name: member.seen for name, member in view.members.items()}
    unreached = sorted(name for name, snapshot in seen.items() if snapshot is None)
    if unreached:
        return _refuse(view, operation, f"every member must be reached first; missing: {', '.join(unreached)}")
    found = {name: snapshot for name, snapshot in seen.items() if snapshot is not None}
    whole = GtidSet().union(*(snapshot.received.without_tag(HOUSEKEEPING) for snapshot in found.values()))
    diverged = {mark.name for mark in view.shard.status.diverged}
    holders = [name for name, snapshot in found.items() if snapshot.executed.contains(whole) and name not in diverged]
    if not holders:
        return _refuse(view, operation, "no member that has not diverged holds everything that the others hold")
    chosen = max(holders, key=lambda name: (found[name].opened, found[name].journal_term, name))
    highest = max(max(snapshot.promise or 0, snapshot.journal_term) for snapshot in found.values())
    uuids = {snapshot.uuid for snapshot in found.values()} - {found[chosen].uuid}
    reign = Reign(
        term=found[chosen].opened or max(1, found[chosen].journal_term),
        primary=chosen,
        uuid=found[chosen].uuid,
        base=str(whole),
        past=tuple(sorted(uuids)),
    )
    status = status_with(
        view,
        issued=max(highest, reign.term),
        reign=reign,
        transition=None,
        ackers=tuple(view.members),
        ackers_next=None,
        durability=view.shard.spec.durability,
    )
    done = operation.status.model_copy(
        update={"outcome": Outcome.SUCCEEDED, "message": f"adopted term {status.issued} from {chosen}"}
    )
    step = Step("adopt the members' term", status=status, operation=OperationChange(operation.name, done))
    return take(view, step, f"{chosen} holds everything")


def _refuse(view: View, operation: Operation, message: str) -> Deciding:
    status = operation.status.model_copy(
        update={"outcome": Outcome.REFUSED, "code": Code.LINE_INCOMPLETE.number, "message": message}
    )
    return take(view, Step("refuse the adoption", operation=OperationChange(operation.name, status)), message)
