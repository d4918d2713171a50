"""Publish: the part of a shard's status that people read, made from a view and a decision. Pure.

It changes only when the state does: lag in classes, no time stamps, no counters.
"""

from dataclasses import dataclass
from typing import Self

from flyball.decision import Decision
from flyball.overview import overview_of_members
from flyball.records.base import Condition
from flyball.records.shard import DecisionStatus, Intent, MemberStatus, Release, Role, ShardStatus
from flyball_topology.diagnose import diagnose, lag_class
from flyball_topology.findings import Finding
from flyball_topology.line import Errant, beside_the_line
from flyball_topology.steps import Step
from flyball_topology.view import MemberView, View


@dataclass(frozen=True, slots=True)
class Told:
    """All that a published status depends on: while it stays the same, so does the status."""

    revision: str
    decision: Decision[Step]
    findings: tuple[Finding, ...]
    members: tuple[tuple[object, ...], ...]
    waiting: bool

    @classmethod
    def of(cls, view: View, decision: Decision[Step]) -> Self:
        """What ``publish`` would tell of this view; costs a tenth of it."""
        primary = view.primary.seen if view.primary else None
        return cls(
            view.shard.metadata.revision,
            decision,
            diagnose(view),
            tuple((member.reach, lag_class(member), *_state(view, member)) for member in view.members.values()),
            bool(primary and primary.waiting),
        )


def _state(view: View, member: MemberView) -> tuple[object, ...]:
    last = member.snapshot
    if last is None:
        return ()
    beside = beside_the_line(view, member)
    return (
        last.uuid,
        last.opened,
        last.clone_state,
        last.is_empty,
        last.offline,
        last.works,
        last.takes_writes,
        beside,
    )


def publish(view: View, decision: Decision[Step]) -> ShardStatus:
    """The shard's status with members, findings, decision and conditions as they are now."""
    findings = diagnose(view)
    members = tuple(member_status(view, member) for member in view.members.values())
    return view.shard.status.model_copy(
        update={
            "observed_generation": view.shard.metadata.generation,
            "members": members,
            "overview": overview_of_members(members),
            "findings": tuple(str(finding) for finding in findings),
            "decision": DecisionStatus(
                wanted=decision.wanted,
                seen=decision.seen,
                step=str(decision.step) if decision.step else "",
                refused=decision.refused,
                why=decision.why,
                awaited=decision.awaited,
            ),
            "conditions": (_serving(view), _healthy(view, decision, findings)),
        }
    )


def member_status(view: View, member: MemberView) -> MemberStatus:
    """One member as people see it."""
    status = view.shard.status
    released = (
        member.spec.intent is Intent.LEAVE
        and member.name != view.reign.primary
        and status.transition is None
        and member.name not in (*status.ackers, *(status.ackers_next or ()))
    )
    release = Release(incarnation=member.spec.incarnation, generation=view.shard.metadata.generation)
    beside = beside_the_line(view, member)
    return MemberStatus(
        name=member.name,
        incarnation=member.spec.incarnation,
        role=_role(view, member),
        uuid=member.snapshot.uuid if member.snapshot else "",
        lag=lag_class(member),
        errant=str(beside.transactions) if beside.kind in {Errant.TAIL, Errant.FOREIGN, Errant.DIVERGED} else "",
        released_for=release if released else None,
    )


def _role(view: View, member: MemberView) -> Role:
    seen = member.seen
    if seen is None:
        return Role.UNREACHABLE
    if member.name == view.reign.primary and seen.opened == view.reign.term:
        return Role.PRIMARY
    if seen.clone_state == "In Progress":
        return Role.CLONING
    if beside_the_line(view, member).kind in {Errant.FOREIGN, Errant.DIVERGED}:
        return Role.ISOLATED
    if seen.is_empty:
        return Role.EMPTY
    return Role.CLOSED if seen.offline else Role.REPLICA


def _serving(view: View) -> Condition:
    primary = view.primary
    if primary is None or not view.reign.term:
        return _condition(view, "Serving", "NoPrimary", "the shard has no primary yet", status=False)
    if primary.seen is None:
        return _condition(view, "Serving", "PrimaryUnreachable", f"{primary.name}: {primary.reach.value}", status=None)
    if not view.shard.serves and primary.seen.works:
        return _condition(view, "Serving", "NotAsked", "the shard does not serve: its primary is ready", status=False)
    if not primary.seen.takes_writes:
        return _condition(view, "Serving", "PrimaryClosed", f"{primary.name} takes no writes", status=False)
    if primary.seen.waiting:
        text = f"{primary.name} is open, and its commits wait for an acknowledgement"
        return _condition(view, "Serving", "WritesWait", text, status=False)
    return _condition(view, "Serving", "PrimaryServes", f"{primary.name} takes writes", status=True)


def _healthy(view: View, decision: Decision[Step], findings: tuple[Finding, ...]) -> Condition:
    if findings:
        text = "; ".join(str(finding) for finding in findings)
        return _condition(view, "Healthy", findings[0].kind.name.title().replace("_", ""), text[:1000], status=False)
    if view.shard.status.transition is not None or not view.reign.term:
        return _condition(view, "Healthy", "PrimaryChanges", decision.why, status=False)
    return _condition(view, "Healthy", "AsDeclared", "every member is as it should be", status=True)


def _condition(view: View, kind: str, reason: str, message: str, *, status: bool | None) -> Condition:
    generation = view.shard.metadata.generation
    return Condition(type=kind, status=status, reason=reason, message=message, observed_generation=generation)
