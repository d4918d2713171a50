"""Who may become primary, and who should (rules 12 and 16).

A planned change takes a healthy replica that keeps up. An unplanned one takes, among the reached members, one whose
line holds everything that any of them received; where only an errant member holds part of it, the candidate fetches
that part first.
"""

from dataclasses import dataclass

from flyball.durability import NoDurability
from flyball.errors import Code
from flyball.gtid import NOTHING, GtidSet
from flyball.records.operation import OperationType
from flyball.records.shard import Intent, LagClass
from flyball_topology.diagnose import lag_class
from flyball_topology.line import Errant, base, beside_the_line, hollow, line_of
from flyball_topology.revocation import durability, fenced
from flyball_topology.sources import cannot_lend, sources_for
from flyball_topology.tails import never_acknowledged
from flyball_topology.view import MemberView, View


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a member cannot take over."""

    code: Code
    reason: str


def unfit_for_switchover(view: View, name: str) -> Unfit | None:
    """Why ``name`` cannot take over in a planned way; ``None`` when it can."""
    member = view.members.get(name)
    if member is None:
        return Unfit(Code.NO_SUCH_OBJECT, f"shard {view.shard.name} has no member {name}")
    if name == view.reign.primary:
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} is the primary already")
    if reason := _kept_out(view, member):
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} {reason}")
    seen = member.seen
    if seen is None:
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} is not reachable: {member.reach.value}")
    if is_errant(view, member):
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} holds errant transactions")
    if seen.disk_full:
        return Unfit(Code.CANDIDATE_UNFIT, f"the disk of {name} is full")
    channel = seen.channel
    if channel is None or view.primary is None or not member.follows(view.primary.spec):
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} does not follow the primary")
    if channel.receiver != "ON" or not channel.applier_on or channel.applier_errno:
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} does not replicate: {channel.receiver_error or 'it is stopped'}")
    if lag_class(member) not in {LagClass.OK, LagClass.UNKNOWN}:
        return Unfit(Code.CANDIDATE_UNFIT, f"{name} lags {lag_class(member).value} behind the primary")
    return None


def unfit_to_acknowledge(view: View, name: str) -> Unfit | None:
    """Whether enough healthy members besides ``name`` would be left to acknowledge its writes."""
    in_force = view.shard.status.durability or view.shard.spec.durability
    healthy = frozenset(
        other.name
        for other in view.members.values()
        if other.name != name and other.seen is not None and other.seen.promise is not None and not other.seen.disk_full
    )
    if durability(view).acknowledged(name, healthy):
        return None
    return Unfit(
        Code.CANDIDATE_UNFIT,
        f"with {name} as primary no write could be acknowledged: "
        f"{len(healthy & durability(view).ack_givers(name))} of {in_force.acks} ack-givers answer",
    )


def best_for_switchover(view: View) -> str | Unfit:
    """The fit replica that is furthest; or why there is none."""
    reasons = []
    fit = []
    for member in view.replicas:
        unfit = unfit_for_switchover(view, member.name) or unfit_to_acknowledge(view, member.name)
        if unfit is None:
            fit.append(member)
        else:
            reasons.append(unfit.reason)
    if not fit:
        return Unfit(Code.CANDIDATE_UNFIT, "no replica can take over: " + ("; ".join(reasons) or "there is none"))
    return max(fit, key=lambda member: (_progress(view, member), member.name)).name


@dataclass(frozen=True, slots=True)
class Choice:
    """Who takes over, the line that it must hold first, and what of the line a person has given up.

    What it lacks it gets ``fetch_from`` that member; ``declared`` is the part of the line that is empty transactions.
    """

    candidate: str
    holds: GtidSet
    given_up: GtidSet = NOTHING
    fetch_from: str = ""
    declared: GtidSet = NOTHING


def choose_after_revocation(
    view: View, term: int, *, accept_loss: bool = False, unreadable: frozenset[str] = frozenset()
) -> Choice | Unfit:
    """Among the members fenced under ``term``, the one to promote (rule 12); refuses where part is out of reach.

    An errant member is never promoted. Where only such a one holds part of the line, the candidate fetches that part
    from it; where that cannot be, and somebody may have heard ok for it, the failover waits for another holder, or for
    a person to give the part up.
    Fetching has failed from the ``unreadable`` already: they are tried again only if there is nobody else, and not
    once a person has accepted the loss.
    """
    reached = [member for member in view.members.values() if fenced(member, term) and member.seen is not None]
    empty = hollow(view)
    holds = empty.union(_began_with(view), *(line_of(view, member.seen) for member in reached if member.seen))
    fit = [member for member in reached if promotable(view, member)]
    if not fit:
        return Unfit(
            Code.LINE_INCOMPLETE,
            "no reached member can be promoted: each is errant, leaving, kept out or cannot apply or write",
        )
    whole = [member for member in fit if member.seen and line_of(view, member.seen).union(empty).contains(holds)]
    if whole:
        return Choice(max(whole, key=lambda member: _preference(view, member)).name, holds, declared=empty)
    others = [member for member in reached if member not in fit]
    pairs = [(member, source) for member in fit for source in sources_for(view, member, holds, others)]
    pairs = [pair for pair in pairs if not (accept_loss and pair[1].name in unreadable)]
    if pairs:
        taker, source = max(pairs, key=lambda pair: (pair[1].name not in unreadable, _preference(view, pair[0])))
        return Choice(
            taker.name, holds.union(source.declared), fetch_from=source.name, declared=empty.union(source.declared)
        )
    needed = holds.subtract(never_acknowledged(view, reached))
    enough = [member for member in fit if member.seen and line_of(view, member.seen).union(empty).contains(needed)]
    if enough:
        best = max(enough, key=lambda member: _preference(view, member))
        own = line_of(view, best.seen) if best.seen else NOTHING
        return Choice(best.name, needed.union(own), declared=empty)
    if accept_loss:
        best = max(fit, key=lambda member: (_progress(view, member), member.name))
        has = empty.union(line_of(view, best.seen)) if best.seen else empty
        return Choice(best.name, has, given_up=holds.subtract(has), declared=empty)
    parts = "; ".join(
        f"{member.name} lacks {holds.subtract(line_of(view, member.seen))}" for member in fit if member.seen
    )
    holders = [member for member in others if member.seen and line_of(view, member.seen).union(empty).contains(holds)]
    unfit = "".join(
        f"; {holder.name} would hold it, and cannot be promoted, nor read: {cannot_lend(view, holder, fit, holds)}"
        for holder in holders
    )
    return Unfit(Code.LINE_INCOMPLETE, f"no member that can be promoted holds the whole line: {parts}{unfit}")


def _began_with(view: View) -> GtidSet:
    """What was there when the present reign began, and durable: if nobody has it, they have forgotten it."""
    return NOTHING if isinstance(durability(view), NoDurability) else base(view)


def promotable(view: View, member: MemberView) -> bool:
    """Whether the member may become primary, if it holds the line."""
    channel = member.seen.channel if member.seen else None
    if _kept_out(view, member) or (channel is not None and channel.applier_errno):
        return False
    if member.seen is not None and member.seen.disk_full:
        return False
    return not is_errant(view, member)


def is_errant(view: View, member: MemberView) -> bool:
    """Whether the member holds what nobody else may get from it."""
    return beside_the_line(view, member).kind not in {Errant.NONE, Errant.HOUSEKEEPING}


def _kept_out(view: View, member: MemberView) -> str:
    if member.spec.intent is Intent.LEAVE:
        return "is leaving"
    for operation in view.operations:
        about = operation.spec
        if about.member == member.name and about.type in {OperationType.FENCE, OperationType.RESEED}:
            return f"is kept out by the operation {operation.name}"
    return ""


def _preference(view: View, member: MemberView) -> tuple[bool, bool, int, str]:
    """Rather one that leaves ack-givers elsewhere, is open for reads, and has little left to apply."""
    seen = member.seen
    applied = seen is not None and seen.executed.contains(line_of(view, seen))
    return (
        unfit_to_acknowledge(view, member.name) is None,
        seen is not None and not seen.offline,
        int(applied),
        member.name,
    )


def _progress(view: View, member: MemberView) -> int:
    return line_of(view, member.seen).count if member.seen else 0
