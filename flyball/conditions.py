"""What any engine says about a keyspace in its status, whatever it runs the members with. Pure."""

from collections.abc import Iterator

from flyball.errors import Code
from flyball.records import Condition, Keyspace, Shard
from flyball.records.keyspace import KeyspaceStatus, Overview
from flyball.records.shard import Role

READY = "Ready"
"""Every shard has a primary and all its members replicate; the message names what is awaited, the nearest first."""

MEMBERS_RUNNING = "MembersRunning"
"""Every member's mysqld runs and accepts connections."""

Reason = tuple[str, str]
"""A condition's reason and its message."""


def status_after(
    keyspace: Keyspace, conditions: tuple[Condition, ...], overview: Overview | None = None
) -> KeyspaceStatus:
    """The keyspace's status with the engine's part of it replaced; the other writers' parts stay.

    :param overview: as it was where None.
    """
    ours = {condition.type for condition in conditions}
    others = tuple(condition for condition in keyspace.status.conditions if condition.type not in ours)
    generation = keyspace.metadata.generation
    ordered = tuple(sorted((*others, *conditions), key=lambda condition: condition.type))
    seen = keyspace.status.overview if overview is None else overview
    update = {"observed_generation": generation, "conditions": ordered, "overview": seen}
    return keyspace.status.model_copy(update=update)


def conditions_of_failure(keyspace: Keyspace, code: Code | None, message: str) -> tuple[Condition, ...]:
    """The engine cannot go on with the keyspace; what it saw last of the members is not claimed any more."""
    reason = "EngineFailed" if code is None else in_words(code)
    generation = keyspace.metadata.generation
    return (Condition(type=READY, status=None, reason=reason, message=message, observed_generation=generation),)


def condition(kind: str, missing: Reason | None, good: str, generation: int) -> Condition:
    """A condition that holds where nothing is missing."""
    reason, message = missing or (good, "")
    return Condition(type=kind, status=missing is None, reason=reason, message=message, observed_generation=generation)


def in_words(code: Code) -> str:
    """A code as a condition's reason: PORT_IN_USE is ``PortInUse``."""
    return "".join(part.capitalize() for part in code.name.split("_"))


def why_shard_not_ready(shard: Shard) -> Iterator[Reason]:
    """What a shard still lacks, the most important first."""
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
