"""What the engine says about a keyspace in its status. Pure.

``MembersRunning``: every member's mysqld runs and accepts connections. ``Ready``: every shard has a primary and
all its members replicate; its message names what is awaited, the nearest first.
"""

from collections.abc import Iterator

from flyball.decision import Decision
from flyball.errors import Code
from flyball.records import Condition, Keyspace, Shard
from flyball.records.keyspace import KeyspaceStatus
from flyball.records.shard import Role
from flyball_local.steps import Step
from flyball_local.view import KeyspaceView, Process

READY = "Ready"
MEMBERS_RUNNING = "MembersRunning"

Reason = tuple[str, str]
"""A condition's reason and its message."""


def status_after(keyspace: Keyspace, conditions: tuple[Condition, ...]) -> KeyspaceStatus:
    """The keyspace's status with the engine's part of it replaced; the other writers' parts stay."""
    ours = {condition.type for condition in conditions}
    others = tuple(condition for condition in keyspace.status.conditions if condition.type not in ours)
    generation = keyspace.metadata.generation
    return keyspace.status.model_copy(
        update={"observed_generation": generation, "conditions": tuple(sorted((*others, *conditions), key=_type))}
    )


def conditions_of(view: KeyspaceView, decision: Decision[Step]) -> tuple[Condition, ...]:
    """The engine's conditions, as the view shows them."""
    generation = view.keyspace.metadata.generation
    running = next(_why_not_running(view), None)
    ready = running or next(_why_not_ready(view, decision), None)
    return (
        _condition(MEMBERS_RUNNING, running, "AllRunning", generation),
        _condition(READY, ready, "Serving", generation),
    )


def conditions_of_failure(keyspace: Keyspace, code: Code | None, message: str) -> tuple[Condition, ...]:
    """The engine cannot go on with the keyspace; what it saw last of the members is not claimed any more."""
    reason = "EngineFailed" if code is None else in_words(code)
    generation = keyspace.metadata.generation
    return (Condition(type=READY, status=None, reason=reason, message=message, observed_generation=generation),)


def conditions_of_all(keyspace: Keyspace, *, status: bool | None, reason: str, message: str) -> tuple[Condition, ...]:
    """The same word about everything that the engine speaks of."""
    generation = keyspace.metadata.generation
    return tuple(
        Condition(type=kind, status=status, reason=reason, message=message, observed_generation=generation)
        for kind in (MEMBERS_RUNNING, READY)
    )


def in_words(code: Code) -> str:
    """A code as a condition's reason: PORT_IN_USE is ``PortInUse``."""
    return "".join(part.capitalize() for part in code.name.split("_"))


def _type(condition: Condition) -> str:
    return condition.type


def _condition(kind: str, missing: Reason | None, good: str, generation: int) -> Condition:
    reason, message = missing or (good, "")
    return Condition(type=kind, status=missing is None, reason=reason, message=message, observed_generation=generation)


def _why_not_running(view: KeyspaceView) -> Iterator[Reason]:
    names = [name for shard in view.desired for name in shard.members]
    for name in names:
        trouble = view.member(name).trouble
        if trouble is not None:
            yield in_words(trouble.code), trouble.text
    for shard in view.desired:
        if shard.name not in view.shards:
            yield "Provisioning", f"shard {shard.name} is being made"
    stopped = [name for name in names if view.member(name).stopped]
    if stopped:
        yield "MemberStopped", f"a person stopped {', '.join(stopped)}"
    starting = [name for name in names if view.member(name).process is not Process.RUNNING]
    if starting:
        yield "MembersStarting", f"awaited: {', '.join(starting)}"


def _why_not_ready(view: KeyspaceView, decision: Decision[Step]) -> Iterator[Reason]:
    if view.keyspace.metadata.deletion_requested:
        yield "Deleting", "the keyspace comes down"
    for shard in view.desired:
        record = view.shards[shard.name]
        yield from _why_shard_not_ready(record)
        surplus = [member.name for member in record.spec.members if member.name not in shard.members]
        if surplus:
            yield "MembersLeaving", f"shard {shard.name} lets {', '.join(surplus)} go"
    if view.keyspace.spec.paused:
        yield "Paused", "the keyspace is paused: nothing of it is touched"
    if decision.awaited:
        yield "Changing", f"awaited: {'; '.join(decision.awaited)}"


def _why_shard_not_ready(shard: Shard) -> Iterator[Reason]:
    roles = {member.name: member.role for member in shard.status.members}
    reign, told = shard.status.reign, shard.status.decision.why
    hint = f": {told}" if told else ""
    if reign.term == 0 or roles.get(reign.primary) is not Role.PRIMARY:
        yield "AwaitingPrimary", f"shard {shard.name} has no primary yet{hint}"
    waiting = [
        member.name for member in shard.spec.members if roles.get(member.name) not in {Role.PRIMARY, Role.REPLICA}
    ]
    if waiting:
        yield "AwaitingReplicas", f"shard {shard.name} awaits {', '.join(waiting)}{hint}"
