"""How people name a shard and a member: ``KEYSPACE/SHARD``, where the shard is a key range or a record's name.

    commerce                     a keyspace; its one shard, where it has one only
    commerce/80-                 the shard that holds this key range, as written
    commerce/commerce-80-x       the same by the name of its record
    3 or commerce-80-x-3         a member of it, by ordinal or by name

Every refusal lists what there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from flyball.errors import Code, FlyballError, InputError
from flyball.keyrange import KeyRange
from flyball.records import Shard
from flyball.records.shard import MemberSpec


@dataclass(frozen=True, slots=True)
class Target:
    """A keyspace, and perhaps a shard of it, as somebody wrote them."""

    keyspace: str
    shard: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``KEYSPACE`` or ``KEYSPACE/SHARD``.

        :raises InputError: BAD_USAGE when a part is empty or there are more than two.
        """
        keyspace, slash, shard = text.partition("/")
        if not keyspace or "/" in shard or (slash and not shard):
            raise InputError(
                Code.BAD_USAGE,
                f"{text!r} names no shard: expected KEYSPACE or KEYSPACE/SHARD",
                "Write commerce, commerce/80- or commerce/commerce-80-x.",
            )
        return cls(keyspace, shard or None)

    def __str__(self) -> str:
        return self.keyspace if self.shard is None else f"{self.keyspace}/{self.shard}"


def in_order(shards: Iterable[Shard]) -> list[Shard]:
    """The shards by keyspace and key range."""
    return sorted(shards, key=lambda shard: (shard.spec.keyspace, KeyRange.parse(shard.spec.range), shard.name))


def find_shards(shards: Iterable[Shard], target: Target) -> list[Shard]:
    """The shards that ``target`` means: one, or all of its keyspace.

    :raises InputError: NO_SUCH_OBJECT.
    """
    of_keyspace = in_order(shard for shard in shards if shard.spec.keyspace == target.keyspace)
    if target.shard is None:
        return of_keyspace
    found = [shard for shard in of_keyspace if _is_named(shard, target.shard)]
    if not found:
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"keyspace {target.keyspace!r} has no shard {target.shard!r}",
            f"Name one of {_names(of_keyspace)}." if of_keyspace else "`flyball status` shows what there is.",
        )
    return found


def find_shard(shards: Iterable[Shard], target: Target) -> Shard:
    """The one shard that ``target`` means; a keyspace with one shard needs no more than its name.

    :raises InputError: NO_SUCH_OBJECT, or BAD_USAGE when several are meant.
    """
    found = find_shards(shards, target)
    if not found:
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"keyspace {target.keyspace!r} does not exist, or has no shards yet",
            "`flyball status` shows what there is.",
        )
    if len(found) > 1:
        raise InputError(
            Code.BAD_USAGE,
            f"{target} means {len(found)} shards, expected one",
            f"Name one of {_names(found)}.",
        )
    return found[0]


def find_member(shard: Shard, member: str) -> MemberSpec:
    """The member of that name or ordinal.

    :raises InputError: NO_SUCH_OBJECT.
    """
    found = shard.spec.member(member) or shard.spec.member(f"{shard.name}-{member}")
    if found is None:
        known = ", ".join(each.name for each in shard.spec.members) or "(none yet)"
        raise InputError(
            Code.NO_SUCH_OBJECT, f"shard {shard.name} has no member {member!r}", f"Its members are {known}."
        )
    return found


def _is_named(shard: Shard, text: str) -> bool:
    if shard.name == text:
        return True
    try:
        return KeyRange.parse(text) == KeyRange.parse(shard.spec.range)
    except FlyballError:
        return False


def _names(shards: Sequence[Shard]) -> str:
    return ", ".join(f"{shard.spec.keyspace}/{shard.spec.range}" for shard in shards)
