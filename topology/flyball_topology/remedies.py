"""Remedies: what is done about each finding, as a table. One bad member never holds the shard hostage.

A remedy is a pure function from the view and the finding to a decision, or to nothing where nothing may be done yet.
Findings about the primary's life are not here: ``failover.py`` answers those.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flyball.records.failover import FailoverSpec, FailoverStatus
from flyball.records.keyspace import DurabilityPolicy, ErrantPolicy
from flyball_topology import ackset, durability_change, reseed, reseeding
from flyball_topology.bootstrap import provision
from flyball_topology.changes import Deciding, raised, take
from flyball_topology.declaring import WITHIN, declare
from flyball_topology.diagnose import gives_acks
from flyball_topology.findings import Finding, Kind
from flyball_topology.line import beside_the_line
from flyball_topology.steps import (
    Act,
    CatchUp,
    EnsureSemiSync,
    FailoverChange,
    Fence,
    Follow,
    ForgetSource,
    Hold,
    Isolate,
    Serve,
    Settle,
    Step,
    Thaw,
)
from flyball_topology.view import View

Plan = Callable[[View, Finding], Deciding | None]


@dataclass(frozen=True, slots=True)
class Remedy:
    """``plan`` decides; ``tries`` bounds how often, before a person is asked (``None``: without end, with backoff)."""

    plan: Plan
    tries: int | None = None
    ask: str = ""


def _act(view: View, finding: Finding, name: str, *acts: Act) -> Deciding:
    return take(view, Step(name, acts=acts), str(finding))


def _follow(view: View, finding: Finding) -> Deciding:
    member = view.members[finding.member]
    act = Follow(member.name, view.reign.term, view.reign.primary, gives_acks(view, member))
    return _act(view, finding, f"let {member.name} follow {view.reign.primary}", act)


def _settle(view: View, finding: Finding) -> Deciding:
    return _act(view, finding, f"settle {finding.member} as a replica", Settle(finding.member, view.reign.term))


def _promise(view: View, finding: Finding) -> Deciding:
    """A switchover does not need every promise; a leader of the term before must find them given (rule 4)."""
    act = CatchUp(finding.member, view.reign.term, holds="")
    return _act(view, finding, f"have {finding.member} promise term {view.reign.term}", act)


def _fence(view: View, finding: Finding) -> Deciding:
    return _act(view, finding, f"fence {finding.member}", Fence(finding.member, view.reign.term))


def _forgetful(view: View, finding: Finding) -> Deciding:
    """A member that remembers no promise may remember no write either: it stops counting before it promises. One that
    cannot leave counts again once it holds what was acknowledged.
    """
    status = view.shard.status
    counts = finding.member in status.ackers and all(entry.name != finding.member for entry in status.reseeding)
    if (leaving := _leave(view, finding)) is not None or not counts:
        return leaving or _fence(view, finding)
    listed = reseeding.counting(view, finding.member)
    step = Step(f"{finding.member} counts no more until it holds everything", status=raised(view, reseeding=listed))
    return take(view, step, str(finding))


def _thaw(view: View, finding: Finding) -> Deciding | None:
    if reseed.holds_writes(view):
        return None
    return _act(view, finding, f"open {finding.member} again", Thaw(finding.member, view.reign.term))


def _serve(view: View, finding: Finding) -> Deciding | None:
    if reseed.holds_writes(view):
        return None
    return _act(view, finding, f"let applications into {finding.member}", Serve(finding.member, view.reign.term))


def _hold(view: View, finding: Finding) -> Deciding:
    return _act(view, finding, f"keep applications out of {finding.member}", Hold(finding.member, view.reign.term))


def _semi_sync(view: View, finding: Finding) -> Deciding:
    in_force = view.shard.status.durability or view.shard.spec.durability
    acks = 0 if in_force.policy is DurabilityPolicy.NONE else in_force.acks
    act = EnsureSemiSync(finding.member, view.reign.term, acks)
    return _act(view, finding, f"set semi-sync on {finding.member}", act)


def _forget_source(view: View, finding: Finding) -> Deciding:
    act = ForgetSource(finding.member, view.reign.term)
    return _act(view, finding, f"drop the former source of {finding.member}", act)


def _provision(view: View, finding: Finding) -> Deciding:
    return take(view, provision(view, finding.member), str(finding))


def _apply_ackers(view: View, finding: Finding) -> Deciding:
    status = view.shard.status
    wanted = status.ackers if status.ackers_next is None else status.ackers_next
    return take(view, ackset.apply(view, wanted), str(finding))


def _join(view: View, finding: Finding) -> Deciding | None:
    status = view.shard.status
    if status.ackers_next is not None or any(entry.name == finding.member for entry in status.reseeding):
        return None
    seen = view.members[finding.member].seen
    if seen is not None and seen.noted < view.shard.status.version:  # older acts must not reach it once it counts
        return _promise(view, finding)
    return ackset.join(view, finding.member, str(finding))


def _leave(view: View, finding: Finding) -> Deciding | None:
    status = view.shard.status
    if finding.member not in status.ackers or status.ackers_next is not None:
        return None
    if not ackset.can_leave(view, finding.member):
        return None
    return ackset.leave(view, finding.member, str(finding))


def _declare(view: View, finding: Finding) -> Deciding | None:
    missing = beside_the_line(view, view.members[finding.member]).transactions
    act = declare(view.reign.primary, view.reign.term, missing)
    return take(view, Step(f"declare the housekeeping of {finding.member}", acts=(act,), within=WITHIN), str(finding))


def _errant(view: View, finding: Finding) -> Deciding | None:
    """Isolate it, unless its acknowledgements are needed: those are good, and writes would stop without them."""
    member = view.members[finding.member]
    seen = member.seen
    if ackset.is_needed(view, finding.member):
        attached = view.primary is not None and member.follows(view.primary.spec)
        attached = attached and seen is not None and seen.channel is not None and seen.channel.receiver != "OFF"
        return None if attached else _follow(view, finding)
    running = seen is not None and seen.channel is not None and seen.channel.receiver != "OFF"
    if seen is not None and (running or not seen.offline):
        act = Isolate(finding.member, view.reign.term)
        return _act(view, finding, f"isolate {finding.member}", act)
    if view.shard.spec.repair.errant is ErrantPolicy.RESEED:
        return reseed.ask(view, finding)
    return None


def _diverged(view: View, finding: Finding) -> Deciding | None:
    """As errant transactions; but it can never take over, so one whose acknowledgements are needed is made anew too."""
    if view.shard.spec.repair.errant is ErrantPolicy.RESEED and ackset.is_needed(view, finding.member):
        return reseed.ask(view, finding) or _errant(view, finding)
    return _errant(view, finding)


def _keep_out(view: View, finding: Finding) -> Deciding | None:
    seen = view.members[finding.member].seen
    if seen is None or (seen.offline and (seen.channel is None or seen.channel.receiver == "OFF")):
        return None
    return _act(view, finding, f"isolate {finding.member}", Isolate(finding.member, view.reign.term))


def _let_go(view: View, finding: Finding) -> Deciding | None:
    if finding.member != view.reign.primary:
        return _leave(view, finding)
    return ask_switchover(view, f"{finding.member} is asked to leave")


def ask_switchover(view: View, reason: str) -> Deciding:
    """Ask for a planned change of primary, as a record like a person's."""
    spec = FailoverSpec(keyspace=view.shard.spec.keyspace, shard=view.shard.name, mode="planned", reason=reason)
    change = FailoverChange(f"{view.shard.name[:50]}-move-{view.shard.status.issued + 1}", FailoverStatus(), spec)
    return take(view, Step("ask for a switchover", failover=change), reason)


REMEDIES: dict[Kind, Remedy] = {
    Kind.PRIMARY_FROZEN: Remedy(_thaw),
    Kind.SERVES_NOT_YET: Remedy(_serve),
    Kind.SERVES_UNASKED: Remedy(_hold),
    Kind.PRIMARY_HAS_SOURCE: Remedy(_forget_source),
    Kind.SEMI_SYNC_SETTINGS: Remedy(_semi_sync),
    Kind.ACCOUNTS_MISSING: Remedy(_provision),
    Kind.ACK_SET_NOT_APPLIED: Remedy(_apply_ackers),
    Kind.DURABILITY_CHANGED: Remedy(lambda view, _: durability_change.begin(view)),
    Kind.WRITABLE_REPLICA: Remedy(_fence),
    Kind.NO_PROMISE: Remedy(_forgetful),
    Kind.OLD_PROMISE: Remedy(_promise),
    Kind.MEMBER_AWAY: Remedy(_leave),
    Kind.DISK_FULL: Remedy(_leave),
    Kind.NOT_AN_ACKER: Remedy(_join),
    Kind.WRONG_SOURCE: Remedy(_follow),
    Kind.REPLICATION_STOPPED: Remedy(_follow),
    Kind.REPLICATION_FAILED: Remedy(_follow, tries=6, ask="flyball reseed"),
    Kind.NOT_CONNECTED: Remedy(_follow),
    Kind.NOT_ACKING: Remedy(_follow),
    Kind.HALF_FROZEN: Remedy(_follow),
    Kind.FORMER_PRIMARY: Remedy(_settle),
    Kind.REPLICA_CLOSED: Remedy(_follow),
    Kind.ERRANT_HOUSEKEEPING: Remedy(_declare),
    Kind.UNACKNOWLEDGED_TAIL: Remedy(reseed.ask),
    Kind.LACKS_PURGED: Remedy(reseed.ask),
    Kind.ERRANT_TRANSACTIONS: Remedy(_errant, ask="flyball reseed"),
    Kind.DIVERGED: Remedy(_diverged, ask="flyball reseed"),
    Kind.LEAVING: Remedy(_let_go),
    Kind.FENCED: Remedy(_keep_out),
}
"""What is done about each finding; findings without a remedy are waited out, or a person's."""
