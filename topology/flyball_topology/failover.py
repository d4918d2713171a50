"""Failover: whether, and how, an unplanned change of primary begins.

It begins only where it can end: when fencing every member that answers would revoke the old reign. Otherwise nothing
is touched, and the decision says which members are missing. It holds back when the shard has failed over twice in a
row (anti-flap), and when so many primaries look dead at once that the observer is the likelier fault. Where many deaths
are real, for replicas have seen them too, the failovers take turns; a person's own is begun at once.
"""

from dataclasses import dataclass

from flyball.decision import Decision
from flyball.errors import Code
from flyball.records import Failover
from flyball.records.failover import Outcome
from flyball.records.shard import Mode, Phase, Transition
from flyball.stability import AntiFlap, fleet_suspects_observer
from flyball_topology.budgets import FAILOVERS
from flyball_topology.changes import Deciding, failover_change, new_failover, refuse, set_point, status_with, take, wait
from flyball_topology.findings import Finding, Kind
from flyball_topology.revocation import describe_missing, unrevokable
from flyball_topology.steps import Step
from flyball_topology.view import Channel, Reach, View

HOLD = 0.5
"""Seconds between two looks while the observer is suspect: hundreds of shards may look."""

CAUSES = frozenset({Kind.PRIMARY_DEAD, Kind.PRIMARY_CLOSED, Kind.PRIMARY_CANNOT_WRITE})


@dataclass(frozen=True, slots=True)
class Queued(Decision[Step]):
    """Everything speaks for a failover, and it is not this shard's turn yet."""


def start(view: View, cause: Finding, seen: tuple[str, ...]) -> Deciding:
    """Begin by itself, because of ``cause``; or say why not."""
    missing = unrevokable(view)
    if missing:
        awaited = tuple(f"{describe_missing(ways)}, to revoke {suspect.name}" for suspect, ways in missing)
        refused = (f"failover: {Code.NOT_REVOKED.number} members that are not reached could still acknowledge writes",)
        return wait(view, "a failover now could lose acknowledged writes", *awaited, seen=seen, refused=refused)
    flap = AntiFlap(view.emergencies)
    allowed = flap.emergency_allowed(view.now)
    if allowed > view.now:
        refused = ("failover: this shard has failed over twice in a row already",)
        why = "anti-flap: the fault may be moving with the primary"
        rest = f"the end of the {flap.rest(view.now):g} s of rest since the last one"
        return wait(view, why, rest, seen=seen, refused=refused, again=allowed - view.now)
    if (
        cause.kind is Kind.PRIMARY_DEAD
        and lost_by_own_word(view)
        and fleet_suspects_observer(view.fleet.lost, view.fleet.shards)
    ):
        refused = (f"failover: more than a fifth of the {view.fleet.shards} primaries look dead at once",)
        why = "when so many look dead at once, the observer is suspect"
        awaited = ("a replica that has lost the primary too", "the other shards' primaries")
        return wait(view, why, *awaited, seen=seen, refused=refused, again=HOLD)
    if view.fleet.ahead:
        return _queued(view, seen)
    issued = view.shard.status.issued + 1
    change = new_failover(view, issued, str(cause))
    step = Step(
        f"issue term {issued}",
        status=status_with(view, issued=issued, transition=_transition(view, change.name, str(cause))),
        failover=change,
    )
    return take(view, step, str(cause), seen=seen)


def _queued(view: View, seen: tuple[str, ...]) -> Queued:
    """How many are before it is told roughly: a status that told each step of the row would be written at each."""
    most = FAILOVERS.at_once
    while most < view.fleet.ahead:
        most *= 4
    return Queued(
        wanted=set_point(view),
        seen=seen,
        refused=(f"failover: the fleet's budget, {FAILOVERS.at_once} at once, is spent; at most {most} are before it",),
        why="so many primaries were lost at once that their failovers take turns",
        awaited=("its turn, when those before it have ended",),
    )


def answer(view: View, failover: Failover) -> Deciding:
    """Begin because a person asks, dead primary or not; or refuse with the members that are missing."""
    missing = unrevokable(view)
    if missing and not failover.spec.accept_loss:
        ways = "; ".join(f"to revoke {suspect.name}: {describe_missing(ways)}" for suspect, ways in missing)
        message = f"members that are not reached could still acknowledge writes; needed {ways}"
        return refuse(view, failover, Code.NOT_REVOKED, message)
    issued = view.shard.status.issued + 1
    transition = _transition(view, failover.name, failover.spec.reason or "asked for").model_copy(
        update={"accept_loss": failover.spec.accept_loss}
    )
    step = Step(
        f"issue term {issued}",
        status=status_with(view, issued=issued, transition=transition),
        failover=failover_change(view, failover.name, Outcome.RUNNING, term=issued, from_primary=view.reign.primary),
    )
    return take(view, step, f"{failover.name} asks for a failover")


def begins(step: Step) -> bool:
    """Whether the step begins an emergency failover by itself."""
    spec = step.failover.spec if step.failover else None
    return spec is not None and spec.mode == "emergency"


def _transition(view: View, failover: str, reason: str) -> Transition:
    term = view.shard.status.issued + 1
    return Transition(
        mode=Mode.EMERGENCY, phase=Phase.ISSUED, term=term, issue=view.issue, failover=failover, reason=reason
    )


def lost_by_own_word(view: View) -> bool:
    """Whether the primary does not answer, and no replica that does has lost it too.

    One unanswered probe counts: that so many go unanswered at once must be known *before* the first of them is
    believed to be dead, seconds later.
    """
    if view.primary is None or view.primary.reach not in {Reach.REFUSED, Reach.SILENT}:
        return False
    address = view.primary.spec.address
    return not any(
        member.seen and member.seen.channel and _lost_source(member.seen.channel, address) for member in view.replicas
    )


def _lost_source(channel: Channel, address: str) -> bool:
    return channel.address == address and channel.receiver != "ON"
