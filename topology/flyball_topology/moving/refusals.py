"""What must hold before rows are moved, all of it at once; pure.

A table is moved right or is refused by name. What is refused is what would come out wrong, or could not be compared:
no primary key (a replicated change could not find its row), a foreign key (a replace at the target cascades), a
sharding column that is missing, may be NULL or has no keyspace id, a table that nobody declared (where its rows
belong is unknown). Unique keys without the sharding column hold within a shard and not across shards: two sources
may both have the value, so they cannot be merged (rule 20).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from flyball.errors import Code, InputError
from flyball.keyspaceid import KeyKind
from flyball.records.keyspace import TableSpec
from flyball_topology.moving.chunks import has_literal
from flyball_topology.moving.definitions import Definitions, TableSeen, definition, without_indexes
from flyball_topology.moving.tables import Column, Table
from flyball_topology.reshard.seen import Refusal

ROOM = 1.3
"""Times the size at the source that a target must have free: pages fill otherwise, and indexes are sorted on disk."""

_BINARY = re.compile(r"_bin$|^binary$")
_ELSEWHERE = re.compile(r"\b(?:DATA|INDEX) DIRECTORY\b|\bTABLESPACE\b")


def refusals(
    sources: Mapping[str, Definitions],
    declared: Mapping[str, TableSpec],
    merged: Iterable[str] = (),
    versions: Mapping[str, str] | None = None,
    room: Mapping[str, tuple[int, int]] | None = None,
) -> tuple[Refusal, ...]:
    """Everything that forbids the move.

    :param sources: the definitions, by source shard in the order of their ranges.
    :param merged: the targets that take rows of more than one source.
    :param versions: of the targets' servers, by shard.
    :param room: by target, the bytes that it needs and those that it has free, where that is known.
    """
    first = next(iter(sources.values()))
    found = [
        *_undeclared(first, declared),
        *(one for table in first.tables if (spec := declared.get(table.name)) for one in _of_table(table, spec)),
        *_events(first),
        *_differences(sources),
        *_versions(first.version, versions or {}),
        *_room(room or {}),
    ]
    if into := tuple(merged):
        found += [
            one for table in first.tables if (spec := declared.get(table.name)) for one in _merged(table, spec, into)
        ]
    return tuple(found)


def moving(definitions: Definitions, declared: Mapping[str, TableSpec]) -> tuple[Table, ...]:
    """The tables that move, the largest first; for definitions that were not refused."""
    found = []
    for seen in definitions.tables:
        spec = declared.get(seen.name)
        if spec is None or seen.key is None:
            continue
        key = tuple(column for name in seen.key.columns if (column := seen.column(name)))
        create, indexes = without_indexes(seen)
        shard_by = seen.column(spec.shard_by) if spec.shard_by else None
        found.append(Table(seen.name, seen.columns, key, shard_by, create, indexes, seen.rows, seen.size))
    return tuple(sorted(found, key=lambda table: (-table.size, table.name)))


def cautions(definitions: Definitions, declared: Mapping[str, TableSpec]) -> tuple[str, ...]:
    """Unique keys that several shards may give out alike: after such a split there is no way back (rule 20)."""
    return tuple(
        f"table {table.name}: the unique key {key} does not contain {spec.shard_by}, so two targets may give out the "
        "same value, and one row would delete the other where they are together again"
        for table in definitions.tables
        if (spec := declared.get(table.name))
        for key in _shared(table, spec)
    )


def _refused(text: str, next_step: str, code: Code = Code.RESHARD_REFUSED) -> Refusal:
    return Refusal(code, text, next_step)


def _undeclared(definitions: Definitions, declared: Mapping[str, TableSpec]) -> Iterator[Refusal]:
    for table in definitions.tables:
        if table.name not in declared:
            yield _refused(
                f"table {table.name}: is not declared under spec.tables, so where its rows belong is unknown",
                f"Declare {table.name} with shardBy: COLUMN or reference: true, or drop it.",
            )


def _of_table(table: TableSeen, spec: TableSpec) -> Iterator[Refusal]:
    if table.engine != "InnoDB":
        yield _refused(f"table {table.name}: its engine is {table.engine}, expected InnoDB", "Alter it to InnoDB.")
    if table.foreign_keys:
        yield _refused(
            f"table {table.name}: has the foreign key {', '.join(table.foreign_keys)}", "Drop foreign keys first."
        )
    if _ELSEWHERE.search(table.create.rsplit("\n)", 1)[-1]):
        yield _refused(
            f"table {table.name}: is stored in a directory or tablespace of its own, which a target need not have",
            "Move it to the default tablespace.",
        )
    yield from _key(table)
    for column in table.columns:
        if column.carriage is None and not column.generated:
            yield _refused(
                f"table {table.name}: column {column.name} is of type {column.type}, which cannot be copied yet",
                "Change the column's type.",
            )
    if spec.shard_by is not None:
        yield from _sharding(table, spec.shard_by)


def _key(table: TableSeen) -> Iterator[Refusal]:
    if table.key is None:
        yield _refused(f"table {table.name}: has no primary key", "Add a primary key.")
        return
    lead = table.column(table.key.columns[0]) if table.key.columns else None
    if lead is None or not has_literal(lead):
        yield _refused(
            f"table {table.name}: its primary key begins with {lead.name if lead else 'an expression'}"
            f"{f' of type {lead.type}' if lead else ''}, which chunks cannot be bounded by",
            "Let the primary key begin with a number, a time, a text or bytes.",
        )


def _sharding(table: TableSeen, shard_by: str) -> Iterator[Refusal]:
    column = table.column(shard_by)
    if column is None:
        yield _refused(
            f"table {table.name}: has no column {shard_by}, which it is declared to be sharded by",
            "Declare the column that exists.",
        )
        return
    if column.nullable:
        yield _refused(
            f"table {table.name}: the sharding column {column.name} may be NULL, which has no keyspace id",
            f"Make {column.name} NOT NULL.",
        )
    try:
        kind = KeyKind.of_column(column.type)
    except InputError as error:
        yield _refused(f"table {table.name}: column {column.name}: {error.message}", error.next_step, Code.NOT_HASHABLE)
        return
    if kind is KeyKind.TEXT and not _is_binary(column):
        yield _refused(
            f"table {table.name}: the sharding column {column.name} has the collation {column.collation}, under which "
            "texts of different bytes are equal; expected a binary one",
            f"Give {column.name} a collation that ends with _bin.",
            Code.NOT_HASHABLE,
        )


def _is_binary(column: Column) -> bool:
    return _BINARY.search(column.collation) is not None


def _events(definitions: Definitions) -> Iterator[Refusal]:
    for name in definitions.events:
        yield _refused(
            f"event {name}: would run on each of the targets",
            "Drop it, and make it anew on the shards that should run it.",
        )


def _shared(table: TableSeen, spec: TableSpec) -> Iterator[str]:
    """The unique keys that do not contain the sharding column whole."""
    for key in table.unique:
        held = {name.lower() for name in key.columns}
        if spec.shard_by is not None and (spec.shard_by.lower() not in held or key.prefixes):
            yield key.name


def _merged(table: TableSeen, spec: TableSpec, into: Sequence[str]) -> Iterator[Refusal]:
    for key in _shared(table, spec):
        yield _refused(
            f"table {table.name}: the unique key {key} does not contain {spec.shard_by}, so two sources may hold the "
            f"same value, and {', '.join(into)} would hold both",
            f"Add {spec.shard_by} to the key.",
        )


def _differences(sources: Mapping[str, Definitions]) -> Iterator[Refusal]:
    (first, wanted), *others = sources.items()
    for name, definitions in others:
        if definitions.fingerprint != wanted.fingerprint:
            texts = {table.name: definition(table) for table in definitions.tables}
            differ = sorted(table.name for table in wanted.tables if definition(table) != texts.get(table.name))
            yield _refused(
                f"{name}: its definitions differ from those of {first}"
                + (f", in {', '.join(differ)}" if differ else ""),
                "Make them alike on all shards.",
            )


def _versions(source: str, targets: Mapping[str, str]) -> Iterator[Refusal]:
    for name, version in targets.items():
        if _series(version) < _series(source):
            yield _refused(
                f"{name}: runs MySQL {version}, older than the {source} that it would replicate from",
                "Upgrade it first.",
            )


def _series(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _room(room: Mapping[str, tuple[int, int]]) -> Iterator[Refusal]:
    for name, (needed, free) in room.items():
        if needed * ROOM > free:
            yield _refused(
                f"{name}: has {free:,} bytes free, and {needed * ROOM:,.0f} are needed", "Give it a larger disk."
            )
