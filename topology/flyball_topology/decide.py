"""Decide: one pure function from the view of a shard to the one next step, or to the reason why there is none.

Read it from top to bottom: what stands higher goes first. A change of primary in flight is finished before anything
else, a pause included: halfway is no place to rest.
"""

from dataclasses import replace

from flyball.errors import Code
from flyball.records import Failover, Operation
from flyball.records.failover import Outcome
from flyball.records.operation import OperationType
from flyball.records.shard import Phase, Transition
from flyball.stability import AntiFlap
from flyball_topology import (
    ackset,
    bootstrap,
    divergence,
    durability_change,
    failover,
    promotion,
    reseed,
    reseeding,
    switchover,
)
from flyball_topology.adopt import adopt
from flyball_topology.changes import Deciding, refuse, status_with, take, wait
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Finding, Kind
from flyball_topology.remedies import REMEDIES, ask_switchover
from flyball_topology.steps import FailoverChange, OperationChange, Step
from flyball_topology.view import View

FIRST_REST = 0.5
LONGEST_REST = 60.0
"""Seconds between tries of a remedy that does not help: doubling from the first to the longest."""


FENCE_TRY = "FENCE"
"""How asking for a switchover away from a member to be fenced is remembered, with its name behind it."""


def decide(view: View) -> Deciding:
    """The next step for one shard."""
    findings = diagnose(view)
    older = [finding for finding in findings if finding.kind is Kind.RECORD_OLDER_THAN_MEMBERS]
    if older:
        return _record_is_older(view, older)
    if (known := divergence.recognise(view)) is not None:
        return known
    transition = view.shard.status.transition
    if transition is not None:
        return _go_on(view, transition)
    if paused := _pause(view):
        return paused
    if view.shard.status.issued == 0:
        return bootstrap.start(view)
    return _reigning(view, findings)


def _go_on(view: View, transition: Transition) -> Deciding:
    """A change of primary is in flight: its phase decides."""
    match transition.phase:
        case Phase.PREPARING:
            return switchover.prepare(view, transition)
        case Phase.SWITCHING:
            return switchover.switch(view, transition)
        case Phase.CANCELLING:
            return switchover.cancel(view, transition)
        case Phase.ISSUED:
            return promotion.revoke(view, transition)
        case Phase.PROMOTING:
            return promotion.promote(view, transition)


def _reigning(view: View, findings: tuple[Finding, ...]) -> Deciding:
    """No change is in flight: keep the primary alive, answer requests, repair."""
    seen = tuple(str(finding) for finding in findings)
    asked = next(iter(view.failovers), None)
    if asked is not None and asked.status.outcome is Outcome.RUNNING:
        return _close(view, asked)
    if asked is not None and asked.spec.mode == "emergency":
        return failover.answer(view, asked)
    cause = next((finding for finding in findings if finding.kind in failover.CAUSES), None)
    if cause is not None:
        return failover.start(view, cause, seen)
    unreachable = next((finding for finding in findings if finding.kind is Kind.PRIMARY_UNREACHABLE), None)
    if unreachable is not None:
        if asked is not None:
            message = "the primary does not answer, so nothing can be planned: ask for a failover instead"
            return refuse(view, asked, Code.CANDIDATE_UNFIT, message)
        return wait(view, str(unreachable), "it to answer, or to be known dead", seen=seen, again=0.05)
    if (counting := reseeding.count_again(view)) is not None:
        return counting
    if (changing := ackset.go_on(view) or durability_change.go_on(view)) is not None:
        if changing.step is not None:
            return changing
        # Those who stay may need it to catch up; those who are to fall silent, to be made anew.
        operation = _operations(view, findings) if view.shard.status.ackers_next is None else None
        repair = operation or _repair(view, findings, seen, resting=asked is not None)
        return repair if repair.step is not None else changing
    if asked is not None:
        rested = AntiFlap(view.emergencies).voluntary_allowed(view.now)
        if rested <= view.now:
            return switchover.start(view, asked)
    return _operations(view, findings) or _repair(view, findings, seen, resting=asked is not None)


def _close(view: View, running: Failover) -> Deciding:
    """A Failover that runs, and no change in flight: whoever led it ended between two writes. What came of it shows."""
    succeeded = view.reign.primary == running.status.to_primary or 0 < running.status.term <= view.reign.term
    update: dict[str, object] = {"outcome": Outcome.SUCCEEDED if succeeded else Outcome.UNDONE}
    if succeeded:
        update |= {"term": view.reign.term, "to_primary": view.reign.primary}
    change = FailoverChange(running.name, running.status.model_copy(update=update))
    return take(view, Step(f"close {running.name}", failover=change), "no change of primary is in flight")


def _operations(view: View, findings: tuple[Finding, ...]) -> Deciding | None:
    """A person's words, besides pause and adopt."""
    for operation in view.operations:
        about = operation.spec
        if operation.status.outcome.ended:
            continue
        decision = None
        if about.type is OperationType.RESEED:
            decision = reseed.go_on(view, operation, findings)
        elif about.type is OperationType.RELEASE:
            held = tuple(name for name in view.shard.status.held if name != about.member)
            done = _status(operation, Outcome.SUCCEEDED, f"{about.member} may be reseeded")
            decision = take(view, Step("release", status=status_with(view, held=held), operation=done), "asked for")
        elif about.type is OperationType.ADOPT:
            done = _status(operation, Outcome.REFUSED, "the record is not older than the members", Code.BAD_USAGE)
            decision = take(view, Step("refuse the adoption", operation=done), "there is nothing to adopt")
        elif about.type is OperationType.FENCE:
            decision = _fence(view, operation)
        if decision is not None:
            return decision
    return None


def _fence(view: View, operation: Operation) -> Deciding | None:
    member = view.members.get(operation.spec.member or "")
    if member is None:
        done = _status(operation, Outcome.REFUSED, "there is no such member", Code.NO_SUCH_OBJECT)
        return take(view, Step(f"refuse {operation.name}", operation=done), "there is no such member")
    if member is view.primary:
        key = f"{FENCE_TRY} {member.name}"
        if view.failovers or _rests(view, key):
            return None
        asking = ask_switchover(view, f"{member.name} is to be kept out")
        return replace(asking, step=replace(asking.step, remedies=key)) if asking.step else asking
    if operation.status.outcome is Outcome.PENDING and member.seen is not None and member.seen.offline:
        done = _status(operation, Outcome.RUNNING, f"{member.name} is kept out while this operation exists")
        return take(view, Step(f"acknowledge {operation.name}", operation=done), "the member is out")
    return None


def _repair(view: View, findings: tuple[Finding, ...], seen: tuple[str, ...], *, resting: bool) -> Deciding:
    """The first finding whose remedy may act now. One bad member never holds the others back."""
    being_made = {o.spec.member for o in view.operations if o.status.phase in {"Leaving", "Cloning"}}
    being_made |= reseeding.may_be_cloned(view)
    awaited = ["the rest after a failover, then the switchover"] if resting else []
    for finding in findings:
        remedy = REMEDIES.get(finding.kind)
        if remedy is None or finding.member in being_made:
            awaited.append(f"{finding.member} to be ready again" if finding.member in being_made else str(finding))
            continue
        key = f"{finding.kind.name} {finding.member}"
        tried = view.tried.get(key)
        if tried is not None and remedy.tries is not None and tried.times >= remedy.tries:
            awaited.append(f"a person ({remedy.ask} {finding.member}): {finding}")
            continue
        if _rests(view, key):
            failed = f"; the last one failed: {tried.failure}" if tried is not None and tried.failure else ""
            awaited.append(f"the next try against: {finding}{failed}")
            continue
        decision = remedy.plan(view, finding)
        if decision is not None and decision.step is not None:
            return replace(decision, seen=seen, step=replace(decision.step, remedies=key))
        if remedy.ask:
            awaited.append(f"a person ({remedy.ask} {finding.member}): {finding}")
        elif decision is not None:
            awaited.append(f"{finding}: {decision.why}; awaited: {', '.join(decision.awaited)}")
        else:
            awaited.append(str(finding))
    why = "nothing more can be done now" if awaited else "the shard is as it should be"
    return wait(view, why, *awaited, seen=seen)


def _rests(view: View, key: str) -> bool:
    """Whether what was tried under ``key`` is not to be tried again yet."""
    tried = view.tried.get(key)
    return tried is not None and view.now < tried.at + min(FIRST_REST * 2.0 ** min(tried.times - 1, 16), LONGEST_REST)


def _record_is_older(view: View, older: list[Finding]) -> Deciding:
    seen = tuple(str(finding) for finding in older)
    for operation in view.operations:
        if operation.spec.type is OperationType.ADOPT and not operation.status.outcome.ended:
            return adopt(view, operation)
    asked = next(iter(view.failovers), None)
    code = Code.RECORD_OLDER_THAN_MEMBERS
    if asked is not None:
        return refuse(view, asked, code, f"{seen[0]}: a person must adopt the members' term first")
    refused = (f"every act: {code.number} {code.meaning}",)
    return wait(
        view,
        "a record older than its members could undo what they promised",
        "a person: adopt",
        seen=seen,
        refused=refused,
    )


def _pause(view: View) -> Deciding | None:
    pauses = [operation for operation in view.operations if operation.spec.type is OperationType.PAUSE]
    if not pauses and not view.shard.spec.paused:
        return None
    for operation in pauses:
        if operation.status.outcome is Outcome.PENDING:
            change = _status(operation, Outcome.RUNNING, "nothing is touched while this operation exists")
            return take(view, Step(f"acknowledge {operation.name}", operation=change), "the pause is in effect")
    asked = next(iter(view.failovers), None)
    why = f"paused by {', '.join(operation.name for operation in pauses) or 'the keyspace'}"
    if asked is not None:
        return refuse(view, asked, Code.SHARD_PAUSED, f"the shard is {why}; resume it first")
    return wait(view, why, "the pause to be lifted")


def _status(operation: Operation, outcome: Outcome, message: str, code: Code | None = None) -> OperationChange:
    update = {"outcome": outcome, "message": message, "code": code.number if code else ""}
    return OperationChange(operation.name, operation.status.model_copy(update=update))
