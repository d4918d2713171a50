"""Small builders of record changes that several planners share. Pure."""

from flyball.decision import Decision
from flyball.errors import Code
from flyball.records import Failover
from flyball.records.failover import FailoverSpec, FailoverStatus, Outcome
from flyball.records.shard import Mode, Phase, ShardStatus, Transition
from flyball_topology.steps import FailoverChange, Step
from flyball_topology.view import View

Deciding = Decision[Step]


def set_point(view: View) -> str:
    """The set point of a shard in one line."""
    spec = view.shard.spec
    members = f"{len(spec.members)} members" if len(spec.members) != 1 else "1 member"
    return f"{view.shard.name}: one primary, {members}, durability {spec.durability.policy}"


def take(view: View, step: Step, why: str, *, seen: tuple[str, ...] = (), awaited: tuple[str, ...] = ()) -> Deciding:
    """A decision for ``step``."""
    return Decision(wanted=set_point(view), seen=seen, step=step, why=why, awaited=awaited)


def wait(
    view: View,
    why: str,
    *awaited: str,
    seen: tuple[str, ...] = (),
    refused: tuple[str, ...] = (),
    again: float | None = None,
) -> Deciding:
    """A decision for nothing, that says what is awaited."""
    return Decision(wanted=set_point(view), seen=seen, refused=refused, why=why, awaited=awaited, again=again)


def status_with(view: View, **changes: object) -> ShardStatus:
    """The shard's status with some fields replaced."""
    return view.shard.status.model_copy(update=changes)


def raised(view: View, **changes: object) -> ShardStatus:
    """The same under the next version: whatever was decided before is refused wherever that is noted (rule 4)."""
    return status_with(view, version=view.shard.status.version + 1, **changes)


def transition_with(transition: Transition, **changes: object) -> Transition:
    """A transition with some fields replaced."""
    return transition.model_copy(update=changes)


def issue_again(view: View, transition: Transition, why: str, **changes: object) -> Deciding:
    """Spend the term that was issued, and issue the next. What was declared stays so: members may hold it already."""
    issued = view.shard.status.issued + 1
    again = {
        "mode": Mode.BOOTSTRAP if transition.mode is Mode.BOOTSTRAP else Mode.EMERGENCY,
        "phase": Phase.ISSUED,
        "term": issued,
        "issue": view.issue,
        "candidate": "",
        "holds": "",
        "fetch_from": "",
        "reason": why,
        "accept_loss": False,  # a person's word was about one term
    }
    changed = transition_with(transition, **{**again, **changes})
    step = Step(f"issue term {issued}", status=status_with(view, issued=issued, transition=changed))
    return take(view, step, why)


def failover_of(view: View, name: str) -> Failover | None:
    """The Failover record of that name among those in flight."""
    return next((failover for failover in view.failovers if failover.name == name), None)


def failover_change(view: View, name: str, outcome: Outcome, **changes: object) -> FailoverChange | None:
    """A change of the status of the Failover ``name``; ``None`` where the record is gone."""
    record = failover_of(view, name)
    if record is None:
        return None
    return FailoverChange(name, record.status.model_copy(update={"outcome": outcome, **changes}))


def refuse(view: View, failover: Failover, code: Code, message: str) -> Deciding:
    """Answer a request with a coded no; nothing else changes."""
    status = failover.status.model_copy(update={"outcome": Outcome.REFUSED, "code": code.number, "message": message})
    step = Step(f"refuse the request {failover.name}", failover=FailoverChange(failover.name, status))
    return Decision(wanted=set_point(view), step=step, refused=(f"{failover.name}: {message}",), why=message)


def new_failover(view: View, term: int, reason: str) -> FailoverChange:
    """A Failover record for a change that the topology service starts by itself."""
    spec = view.shard.spec
    return FailoverChange(
        f"{view.shard.name[:50]}-term-{term}",
        FailoverStatus(outcome=Outcome.RUNNING, term=term, from_primary=view.reign.primary),
        FailoverSpec(keyspace=spec.keyspace, shard=view.shard.name, mode="emergency", reason=reason),
    )
