"""Reseed: a member made anew from another one, by CLONE.

    Leaving   the member leaves the ack set first (rule 11), so that its loss cannot lose a write; where the rest
              could acknowledge nothing without it, rule 6 guards instead: a member without a promise of its own
              counts as unreached, so nobody is promoted around it; and as it counts again once it is back, its donor
              must have executed everything that it held
    Cloning   the donor's data takes the place of its own; the engine starts it again afterwards
    Joining   it comes back with the donor's fence row, which promises nothing; it is fenced, counted, attached

What is given up is written down first: the GTIDs that only this member held.

From before its first clone the shard's record names the member as one that may lose everything, and it does so until no
clone can come late (``reseeding.py``).
"""

from dataclasses import replace

from flyball.errors import Code
from flyball.records import Operation
from flyball.records.failover import Outcome
from flyball.records.operation import OperationSpec, OperationStatus, OperationType, ReseedPhase
from flyball.records.shard import Access, Reseeding, ShardStatus
from flyball_topology import ackset, divergence, reseeding
from flyball_topology.budgets import Kind, Spend, allows
from flyball_topology.changes import Deciding, raised, take
from flyball_topology.findings import Finding
from flyball_topology.findings import Kind as Found
from flyball_topology.line import Errant, beside_the_line, line_of
from flyball_topology.steps import Clone, Fence, Follow, Freeze, OperationChange, Step
from flyball_topology.view import MemberView, Snapshot, View

FIRST_REST = 5.0
LONGEST_REST = 300.0
"""Seconds between two tries of a clone that failed: doubling from the first to the longest."""
NOT_MADE_ANEW = frozenset({Found.UNACKNOWLEDGED_TAIL, Found.LACKS_PURGED, Found.ERRANT_TRANSACTIONS, Found.DIVERGED})
"""What a clone takes away: a member with any of it has not had one."""
CLONE_TRY = "CLONE"
"""How such tries are remembered, with the member's name behind it."""


def ask(view: View, finding: Finding) -> Deciding | None:
    """Ask for a reseed of the member, as a record like a person's; ``None`` when one is on its way."""
    if any(o.spec.type is OperationType.RESEED and o.spec.member == finding.member for o in view.operations):
        return None
    if finding.member in view.shard.status.held:
        return None
    spec = OperationSpec(
        type=OperationType.RESEED,
        keyspace=view.shard.spec.keyspace,
        shard=view.shard.name,
        member=finding.member,
        reason=finding.kind.value,
    )
    change = OperationChange(f"reseed-{finding.member}"[:57], OperationStatus(), spec)
    return take(view, Step(f"ask for a reseed of {finding.member}", operation=change), str(finding))


def go_on(view: View, operation: Operation, findings: tuple[Finding, ...]) -> Deciding | None:
    """The next step of the reseed; ``None`` when other work may go on meanwhile."""
    name = operation.spec.member or ""
    member = view.members.get(name)
    if member is None:
        return _end(view, operation, Outcome.REFUSED, Code.NO_SUCH_OBJECT, f"shard {view.shard.name} has no {name}")
    if name == view.reign.primary:
        return _end(view, operation, Outcome.REFUSED, Code.CANDIDATE_UNFIT, f"{name} is the primary: switch over first")
    if name in view.shard.status.held and operation.status.outcome is Outcome.PENDING:
        message = f"{name} may hold writes that were given up; release it first"
        return _end(view, operation, Outcome.REFUSED, Code.NOT_EMPTY, message)
    match operation.status.phase:
        case None:
            return _begin(view, operation, member)
        case ReseedPhase.LEAVING:
            return _leave(view, operation, member)
        case ReseedPhase.CLONING:
            return _clone(view, operation, member)
        case ReseedPhase.JOINING:
            mine = {finding.kind for finding in findings if finding.member == name}
            if mine & NOT_MADE_ANEW:
                return _move(view, operation, ReseedPhase.LEAVING, f"{name} was not made anew")
            if mine or any(entry.name == name for entry in view.shard.status.reseeding):
                return None
            return _end(view, operation, Outcome.SUCCEEDED, None, f"{name} replicates again")


def donor(view: View, member: MemberView, times: int = 0) -> MemberView | None:
    """A healthy replica rather than the primary; never the member itself. After each of ``times`` failures the next.

    While a shard takes the rows of a reshard its primary alone: what was copied there is in no binary log, so a replica
    that was not cloned since has none of it, and would hand that on.
    """
    is_filled = view.shard.access is not Access.FILLING
    able = [
        other
        for other in view.members.values()
        if other is not member
        and other.seen is not None
        and other.seen.promise is not None
        and not other.seen.offline
        and beside_the_line(view, other).kind in {Errant.NONE, Errant.HOUSEKEEPING}
        and (other is view.primary or (is_filled and _replicates(view, other)))
    ]
    able.sort(key=lambda other: (other is view.primary, other.name))
    return able[times % len(able)] if able else None


def _replicates(view: View, member: MemberView) -> bool:
    channel = member.seen.channel if member.seen else None
    return (
        view.primary is not None
        and member.follows(view.primary.spec)
        and channel is not None
        and channel.receiver == "ON"
        and channel.applier_on
        and not channel.applier_errno
    )


def _begin(view: View, operation: Operation, member: MemberView) -> Deciding | None:
    if member.seen is None:
        return None
    others = [o for o in view.operations if o is not operation and o.status.phase is not None]
    if others or donor(view, member) is None or not allows(view.clones, view.now, operation.name):
        return None
    gives_up = beside_the_line(view, member).transactions
    status = operation.status.model_copy(
        update={"outcome": Outcome.RUNNING, "phase": ReseedPhase.LEAVING, "evidence": str(gives_up)}
    )
    spends = Spend(Kind.CLONE, operation.name)
    step = Step(f"begin the reseed of {member.name}", operation=OperationChange(operation.name, status), spends=spends)
    return take(view, step, operation.spec.reason or "asked for")


def _leave(view: View, operation: Operation, member: MemberView) -> Deciding | None:
    if member.name in view.shard.status.ackers and ackset.can_leave(view, member.name):
        if view.shard.status.ackers_next is None:
            return ackset.leave(view, member.name, "a member that is made anew may not count")
        return None
    moving = _move(view, operation, ReseedPhase.CLONING, f"{member.name} may be cloned from here on")
    entry = Reseeding(name=member.name)
    return _with_status(moving, raised(view, reseeding=(*reseeding.without(view, member.name), entry)))


def _clone(view: View, operation: Operation, member: MemberView) -> Deciding | None:
    seen = member.seen
    if member.name not in reseeding.may_be_cloned(view):
        if any(entry.name == member.name for entry in view.shard.status.reseeding):
            return _move(view, operation, ReseedPhase.JOINING, f"{member.name} is not to be cloned any more")
        return _move(view, operation, ReseedPhase.LEAVING, f"{member.name} may count again")
    if seen is None:
        return None  # it is being cloned, or starts again; the others need not wait for it
    if seen.promise is None and seen.clone_state == "Completed":
        return _made_anew(view, operation, member)
    if seen.clone_state == "In Progress":
        return None
    if seen.promise is None or not seen.read_only:
        step = Step(f"fence {member.name}", acts=(Fence(member.name, view.reign.term),))
        return take(view, step, "it takes writes still" if seen.promise else "it has promised nothing yet")
    tried = view.tried.get(f"{CLONE_TRY} {member.name}")
    if tried is not None and view.now < tried.at + min(FIRST_REST * 2.0 ** (tried.times - 1), LONGEST_REST):
        return None
    source = donor(view, member, tried.times if tried else 0)
    return _clone_from(view, operation, member, seen, source) if source is not None else None


def _clone_from(
    view: View, operation: Operation, member: MemberView, seen: Snapshot, source: MemberView
) -> Deciding | None:
    if ackset.is_needed(view, member.name):
        if source is view.primary:
            held = _hold_writes(view, source, member)
            if held is not None and isinstance(held.acts[0], Freeze) and source.seen and source.seen.waiting:
                return None  # for somebody else, then: who could acknowledge is brought back first
            if held is not None:
                return take(view, held, "a commit that waits for the member would keep the clone waiting too")
        elif seen.noted < view.shard.status.version or (seen.channel is not None and seen.channel.receiver != "OFF"):
            step = Step(f"stop the receiver of {member.name}", acts=(Fence(member.name, view.reign.term),))
            return take(view, step, f"what it acknowledges from here on {source.name} might not bring back")
        elif source.seen is None or not source.seen.executed.contains(line_of(view, seen)):
            return None  # a clone brings what the donor has executed; it may not forget what it has acknowledged
    act = Clone(member.name, view.reign.term, source.name)
    step = Step(f"clone {member.name} from {source.name}", remedies=f"{CLONE_TRY} {member.name}", acts=(act,))
    return take(view, step, operation.spec.reason or "asked for", awaited=(f"{member.name} to come back",))


def holds_writes(view: View) -> bool:
    """Whether writes are held because the only member that could acknowledge them is being cloned."""
    return any(
        o.status.phase is ReseedPhase.CLONING and ackset.is_needed(view, o.spec.member or "") for o in view.operations
    )


def _hold_writes(view: View, primary: MemberView, member: MemberView) -> Step | None:
    """Let what is in flight be acknowledged, then freeze the primary; ``None`` once it is."""
    if primary.seen is None or primary.seen.super_read_only:
        return None
    term = view.reign.term
    channel = member.seen.channel if member.seen else None
    if not member.follows(primary.spec) or channel is None or channel.receiver == "OFF":
        return Step(f"let {member.name} follow {primary.name}", acts=(Follow(member.name, term, primary.name),))
    return Step(f"freeze {primary.name} while {member.name} is cloned", acts=(Freeze(primary.name, term),))


def _made_anew(view: View, operation: Operation, member: MemberView) -> Deciding:
    """Its data is the donor's now: whatever it held beside the line is gone with the rest."""
    joining = _move(view, operation, ReseedPhase.JOINING, f"{member.name} was cloned")
    rest = divergence.without(view, member.name)
    return _with_status(joining, raised(view, diverged=rest, reseeding=reseeding.counting(view, member.name)))


def _with_status(decision: Deciding, status: ShardStatus) -> Deciding:
    return replace(decision, step=replace(decision.step, status=status)) if decision.step else decision


def _move(view: View, operation: Operation, phase: ReseedPhase, why: str) -> Deciding:
    status = operation.status.model_copy(update={"phase": phase})
    return take(view, Step(f"go on to {phase.value}", operation=OperationChange(operation.name, status)), why)


def _end(view: View, operation: Operation, outcome: Outcome, code: Code | None, message: str) -> Deciding:
    status = operation.status.model_copy(
        update={"outcome": outcome, "code": code.number if code else "", "message": message}
    )
    return take(view, Step(f"end {operation.name}", operation=OperationChange(operation.name, status)), message)
