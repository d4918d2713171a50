"""How a member leaves its shard, as far as an engine has a word in it. Pure.

A member goes in four looks: told to leave, released by the topology service, stopped, and then taken out of the
record, or put back to serve. Each look finds what the one before left, so an engine may die between any two of
them. One member of a shard leaves at a time; the reigning primary is the last, and hands over first (rule 11).
"""

from collections.abc import Iterable

from flyball.records import Shard
from flyball.records.shard import Intent, MemberSpec, Release


def leaving(shard: Shard) -> tuple[MemberSpec, ...]:
    """The members that were told to leave."""
    return tuple(member for member in shard.spec.members if member.intent is Intent.LEAVE)


def is_released(shard: Shard, name: str) -> bool:
    """Whether the topology service has let this very incarnation of the member go, for the wish that stands now."""
    member = shard.spec.member(name)
    if member is None or member.intent is not Intent.LEAVE:
        return False
    release = Release(incarnation=member.incarnation, generation=shard.metadata.generation)
    return any(seen.name == name and seen.released_for == release for seen in shard.status.members)


def next_to_leave(shard: Shard, surplus: Iterable[str]) -> str | None:
    """The one member of ``surplus`` that is told to leave next: the primary last, the highest ordinal first."""
    names = sorted(surplus, key=lambda name: (name == shard.status.reign.primary, -ordinal(name)))
    return names[0] if names else None


def ordinal(member: str) -> int:
    """The number at the end of a member's name; 0 where there is none."""
    last = member.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
