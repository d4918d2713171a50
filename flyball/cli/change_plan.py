"""What a switchover or failover would do, told from the record alone: the dry run. Pure.

The record is what the topology service saw last; it looks again before it acts, and its word decides.
"""

from dataclasses import dataclass
from typing import Literal

from rich.console import Group
from rich.text import Text

from flyball.cli.board import Board
from flyball.cli.output import Document, table
from flyball.errors import Code, FlyballError, RefusedError
from flyball.records import Shard
from flyball.records.keyspace import DurabilityPolicy
from flyball.records.operation import OperationType
from flyball.records.shard import Intent, LagClass, MemberSpec, Role

ChangeMode = Literal["planned", "emergency"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member that could take over; ``against`` says why it cannot, by the record."""

    name: str
    against: tuple[str, ...]

    @property
    def is_fit(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that would be taken, and what it rests on."""

    name: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done; ``refusal`` says why it would not."""

    mode: ChangeMode
    shard: str
    primary: str
    term: int
    to: str
    candidates: tuple[Candidate, ...]
    steps: tuple[PlannedStep, ...]
    refusal: FlyballError | None = None

    def document(self) -> Document:
        """The plan with stable keys."""
        return {
            "dryRun": True,
            "mode": self.mode,
            "shard": self.shard,
            "primary": self.primary or None,
            "term": self.term,
            "to": self.to or None,
            "candidates": [{"name": c.name, "fit": c.is_fit, "against": list(c.against)} for c in self.candidates],
            "steps": [{"name": step.name, "evidence": step.evidence} for step in self.steps],
            "refused": {"code": self.refusal.code.number, "message": self.refusal.message} if self.refusal else None,
        }

    def story(self) -> Group:
        """The plan for people."""
        head = Text(f"{self.shard}: {self.primary or 'nobody'} reigns under term {self.term}. Nothing is changed now.")
        members = table(
            ("MEMBER", "COULD TAKE OVER"),
            [(each.name, "yes" if each.is_fit else f"no: {'; '.join(each.against)}") for each in self.candidates],
        )
        steps = [Text(f"{n}. {step.name}  ({step.evidence})") for n, step in enumerate(self.steps, 1)]
        return Group(head, members, *steps)


def plan_change(board: Board, shard: Shard, mode: ChangeMode, to: str | None, *, accept_loss: bool = False) -> Plan:
    """What would be done, were it asked for now."""
    reign = shard.status.reign
    candidates = tuple(
        Candidate(member.name, _against(board, shard, member, mode))
        for member in shard.spec.members
        if member.name != reign.primary or mode == "emergency"
    )
    fit = [candidate.name for candidate in candidates if candidate.is_fit]
    chosen = to or (fit[0] if len(fit) == 1 else "")
    steps = _planned_steps(shard, chosen) if mode == "planned" else _emergency_steps(shard, accept_loss=accept_loss)
    refusal = _refusal(board, shard, mode, to, candidates)
    return Plan(mode, shard.name, reign.primary, reign.term, chosen, candidates, steps, refusal)


def _against(board: Board, shard: Shard, member: MemberSpec, mode: ChangeMode) -> tuple[str, ...]:
    seen = next((each for each in shard.status.members if each.name == member.name), None)
    found = []
    if seen is None:
        return ("it was not seen yet",)
    usable = {Role.REPLICA} if mode == "planned" else {Role.REPLICA, Role.PRIMARY, Role.CLOSED}
    if seen.role not in usable:
        found.append(f"it is {seen.role}")
    if seen.errant:
        found.append(f"it holds errant transactions {seen.errant}")
    if mode == "planned" and seen.lag not in {LagClass.OK, LagClass.UNKNOWN}:
        found.append(f"it lags {seen.lag}")
    if member.intent is Intent.LEAVE:
        found.append("it is leaving")
    for operation in board.operations_on(shard):
        about = operation.spec
        keeps_out = about.type is OperationType.FENCE or not operation.status.outcome.ended
        if about.member == member.name and about.type in {OperationType.FENCE, OperationType.RESEED} and keeps_out:
            found.append(f"it is kept out by {operation.name}")
    return tuple(found)


def _refusal(
    board: Board, shard: Shard, mode: ChangeMode, to: str | None, candidates: tuple[Candidate, ...]
) -> FlyballError | None:
    pauses = [each.name for each in board.operations_on(shard) if each.spec.type is OperationType.PAUSE]
    if pauses or shard.spec.paused:
        return RefusedError(
            Code.SHARD_PAUSED,
            f"shard {shard.name} is paused by {', '.join(pauses) or 'its keyspace'}",
            "`flyball resume` lifts a pause; a keyspace's own is its spec.paused.",
        )
    if (transition := shard.status.transition) is not None:
        return RefusedError(
            Code.WORKFLOW_IN_FLIGHT,
            f"shard {shard.name}: a {transition.mode} change of primary is at {transition.phase}",
            "Wait until it has ended: `flyball status --watch`.",
        )
    if mode == "planned" and to is not None and to == shard.status.reign.primary:
        return RefusedError(Code.CANDIDATE_UNFIT, f"{to} is the primary already", "Name another member with --to.")
    wanted = [each for each in candidates if to in {None, each.name}]
    if any(each.is_fit for each in wanted):
        return None
    reasons = "; ".join(f"{each.name}: {', '.join(each.against)}" for each in wanted) or "there is no other member"
    return RefusedError(
        Code.CANDIDATE_UNFIT, f"nobody could take over: {reasons}", "`flyball explain` tells what is awaited."
    )


def _planned_steps(shard: Shard, chosen: str) -> tuple[PlannedStep, ...]:
    status, candidate = shard.status, chosen or "the fit member that is furthest"
    in_force = status.durability or shard.spec.durability
    primary, others = status.reign.primary, [m.name for m in shard.spec.members]
    others = [name for name in others if name not in {primary, chosen}]
    moved = in_force.policy is DurabilityPolicy.SEMI_SYNC and in_force.acks == 1 and chosen and others
    steps = [PlannedStep(f"prepare {candidate}", "it replicates, keeps up and holds no errant transactions")]
    if moved:
        steps.append(PlannedStep(f"let {', '.join(others)} follow {candidate}", "then it has an ack-giver at once"))
    return (
        *steps,
        PlannedStep("hold new writes", "from here to the reign is the write pause; until the term all can be undone"),
        PlannedStep(f"freeze {primary}", f"it reigns under term {status.reign.term}"),
        PlannedStep(f"wait until {candidate} holds everything", f"what {primary} has executed by then"),
        PlannedStep(f"issue term {status.issued + 1}", f"{status.issued} is the newest; from here it only goes on"),
        PlannedStep(f"fence {primary}, promote {candidate}", f"durability {in_force.policy}, {in_force.acks} ack(s)"),
        PlannedStep("record the reign", "once the journal row has committed with its real durability"),
    )


def _emergency_steps(shard: Shard, *, accept_loss: bool) -> tuple[PlannedStep, ...]:
    status = shard.status
    away = [each.name for each in status.members if each.role is Role.UNREACHABLE]
    reached = [member.name for member in shard.spec.members if member.name not in away]
    in_force = status.durability or shard.spec.durability
    unreached = f"not reached: {', '.join(away)}" if away else "all are reached"
    rule = "go on even if not: what only unreached members hold is given up" if accept_loss else "else nothing goes on"
    return (
        PlannedStep(f"issue term {status.issued + 1}", f"{status.issued} is the newest"),
        PlannedStep(f"fence {', '.join(reached) or 'nobody'}", unreached),
        PlannedStep(
            f"see that nobody can acknowledge a write under term {status.reign.term}",
            f"{in_force.acks} of {', '.join(status.ackers) or '(nobody)'} acknowledge a write; {rule}",
        ),
        PlannedStep("choose who holds everything that any of them received", "by their GTID sets, then"),
        PlannedStep("promote it, let the others follow, record the reign", "once its journal row has committed"),
    )
