"""From the declared keyspace to the shards that it means, and which edits of it are safe.

Names are made here, in one place, and say what they name: the shard ``commerce-80-x`` holds the key range
``80-`` of the keyspace ``commerce``, its members are ``commerce-80-x-1``, ``-2``, ``-3``. A shard of a key range
that was served before, split, and is back again is another shard: it carries its incarnation,
``commerce-80-x-i2``, so it never meets what its forerunner left behind. Two keyspaces never make the same name:
a range is always the last two parts, and neither part looks like an incarnation or an ordinal.

:func:`check_edit` guards one promise: no edit of a keyspace drops data without saying so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.errors import Code, InputError
from flyball.keyrange import KeyRange
from flyball.quantity import parse_quantity
from flyball.records.base import LONGEST_NAME
from flyball.records.keyspace import Keyspace, ShardRoute, TableSpec
from flyball.records.shard import MemberSpec, ShardSpec


@dataclass(frozen=True, slots=True)
class DesiredShard:
    """One shard that a keyspace means.

    :param members: the names of its members, one for each replica, by ordinal from 1.
    :param zones: where each is made, in the same order; empty where the keyspace declares no zones.
    """

    name: str
    range: KeyRange
    incarnation: int
    members: tuple[str, ...]
    zones: tuple[str, ...] = ()

    def zone(self, member: str) -> str:
        """The zone that one of ``members`` is made in; empty where none is declared."""
        return dict(zip(self.members, self.zones, strict=False)).get(member, "")


def expand(keyspace: Keyspace, incarnations: Mapping[KeyRange, int] | None = None) -> tuple[DesiredShard, ...]:
    """The shards that ``keyspace`` means, in the order of their key ranges.

    :param incarnations: of the key ranges that are not in their first one.
    :raises InputError: NOT_A_NAME when a name would be longer than a DNS label.
    """
    shards = tuple(
        desired_shard(keyspace, part, (incarnations or {}).get(part, 1)) for part in keyspace.spec.key_ranges()
    )
    _check_names(keyspace.name, [name for shard in shards for name in (shard.name, *shard.members)])
    return shards


def shard_spec(keyspace: Keyspace, shard: DesiredShard, members: Sequence[MemberSpec], credentials: str) -> ShardSpec:
    """The spec of the Shard record, given where its members are.

    :param credentials: the name of the secret with the accounts' passwords and the certificate authority.
    """
    spec = keyspace.spec
    return ShardSpec(
        keyspace=keyspace.name,
        range=str(shard.range),
        incarnation=shard.incarnation,
        database=keyspace.database,
        members=tuple(members),
        durability=spec.durability,
        repair=spec.repair,
        users=spec.users,
        credentials=credentials,
        paused=spec.paused,
    )


def shard_name(keyspace: str, part: KeyRange, incarnation: int = 1) -> str:
    """``commerce-80-x``, from the second incarnation on ``commerce-80-x-i2``."""
    suffix = "" if incarnation == 1 else f"-i{incarnation}"
    return f"{keyspace}-{part.name_part}{suffix}"


def incarnation_of(keyspace: str, part: KeyRange, shard: str) -> int:
    """The incarnation that a shard's name tells; 1 where it is another one's name."""
    rest = shard.removeprefix(shard_name(keyspace, part))
    return int(rest[2:]) if rest.startswith("-i") and rest[2:].isdecimal() else 1


def member_name(shard: str, ordinal: int) -> str:
    """``commerce-80-x-2``."""
    return f"{shard}-{ordinal}"


def shard_for(keyspace_id: int, routing: Sequence[ShardRoute]) -> str:
    """The name of the shard that serves a keyspace id.

    :raises InputError: NO_SUCH_OBJECT when no route holds it; a keyspace that is being made has no routes yet.
    """
    for route in routing:
        if keyspace_id in KeyRange.parse(route.range):
            return route.shard
    held = ", ".join(route.range for route in routing) or "(none)"
    raise InputError(
        Code.NO_SUCH_OBJECT,
        f"keyspace id {keyspace_id:#018x}: no shard serves it; the routes are {held}",
        "Wait until the keyspace serves.",
    )


def check_edit(old: Keyspace, new: Keyspace) -> None:
    """Make sure that going from ``old`` to ``new`` strands no data.

    Fewer replicas are fine: members leave one by one, and the records' own check keeps enough of them for the
    durability. So is a table that is no longer declared: its rows stay where they are.

    :raises InputError: WOULD_LOSE_DATA, with everything that would.
    """
    faults = [*_ranges_fault(old, new), *_database_fault(old, new), *_table_faults(old, new), *_storage_fault(old, new)]
    if faults:
        raise InputError(
            Code.WOULD_LOSE_DATA,
            f"Keyspace {new.name!r}: " + "; ".join(fault for fault, _ in faults),
            " ".join(dict.fromkeys(hint for _, hint in faults)),
        )


Fault = tuple[str, str]
"""What an edit would strand, and what to do instead."""


def _ranges_fault(old: Keyspace, new: Keyspace) -> list[Fault]:
    """Rows are moved by a reshard, and it needs to know who serves."""
    before, after = old.spec.key_ranges(), new.spec.key_ranges()
    if before == after or old.status.routing:
        return []
    field = "spec.ranges" if new.spec.ranges is not None else "spec.shards"
    seen, wanted = (" ".join(map(str, ranges)) for ranges in (before, after))
    fault = f"{field}: the key ranges are {seen}; for {wanted} rows must move, and the keyspace does not serve yet"
    return [(fault, f"Keep the key ranges {seen} until it does: `flyball status {new.name}`.")]


def _database_fault(old: Keyspace, new: Keyspace) -> list[Fault]:
    if old.database == new.database:
        return []
    fault = f"spec.database: is {old.database}; under {new.database} its tables would be out of reach"
    return [(fault, f"Keep database: {old.database}; for another one, make a new keyspace and copy the rows.")]


def _storage_fault(old: Keyspace, new: Keyspace) -> list[Fault]:
    before, after = old.spec.storage.size, new.spec.storage.size
    if parse_quantity(after) >= parse_quantity(before):
        return []
    fault = f"spec.storage.size: is {before}; a volume of {after} need not hold what is there"
    return [(fault, f"Keep size: {before}, or more.")]


def _table_faults(old: Keyspace, new: Keyspace) -> list[Fault]:
    """A table that is spread anew would have its rows on shards where nobody looks for them."""
    faults = []
    for name in sorted(old.spec.tables.keys() & new.spec.tables.keys()):
        before, after = _spread(old.spec.tables[name]), _spread(new.spec.tables[name])
        if before != after:
            fault = f"spec.tables.{name}: is {before}; as {after} its rows would be on the wrong shards"
            faults.append((fault, f"Keep {name} as it is; to spread it anew, copy its rows into a new table."))
    return faults


def _spread(table: TableSpec) -> str:
    return "reference: true" if table.reference else f"shardBy: {table.shard_by}"


def desired_shard(keyspace: Keyspace, part: KeyRange, incarnation: int) -> DesiredShard:
    """The shard of one key range, in one incarnation."""
    name = shard_name(keyspace.name, part, incarnation)
    ordinals = range(1, keyspace.spec.replicas + 1)
    members = tuple(member_name(name, ordinal) for ordinal in ordinals)
    return DesiredShard(name, part, incarnation, members, tuple(map(keyspace.spec.zone, ordinals)))


def _check_names(keyspace: str, names: Sequence[str]) -> None:
    longest = max(names, key=len)
    if len(longest) > LONGEST_NAME:
        raise InputError(
            Code.NOT_A_NAME,
            f"Keyspace {keyspace!r}: the member name {longest!r} would have {len(longest)} characters; "
            f"a DNS label has at most {LONGEST_NAME}",
            f"Name the keyspace with at most {LONGEST_NAME - len(longest) + len(keyspace)} characters.",
        )
