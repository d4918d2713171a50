"""What there is in a keyspace's database on one server, read as data: tables, keys, and what belongs to them.

Everything is read from information_schema and SHOW CREATE, whose texts the other side gets. Names that begin with
``flyball`` are ours (the guards of a reshard), and no part of what a user defined.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flyball.errors import Code, MemberError
from flyball.session import literal, quote_name
from flyball_topology.moving.tables import Column
from flyball_topology.moving.wire import Link, Row

OWN = "flyball"
"""How the names of what a reshard makes begin: triggers, and the functional index on the keyspace id."""
INDEX = "flyball_keyspace_id"
"""The functional index on the keyspace id."""

_INDEX_LINE = re.compile(r"  (?:UNIQUE |FULLTEXT |SPATIAL )?KEY `")
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique key: its columns in order. ``expressions`` tells that a part of it is none."""

    name: str
    columns: tuple[str, ...]
    expressions: bool = False
    prefixes: bool = False


@dataclass(frozen=True, slots=True)
class TableSeen:
    """A table as it is; ``create`` is all of SHOW CREATE TABLE."""

    name: str
    engine: str
    columns: tuple[Column, ...]
    unique: tuple[UniqueKey, ...]
    create: str
    foreign_keys: tuple[str, ...] = ()
    rows: int = 0
    size: int = 0

    @property
    def key(self) -> UniqueKey | None:
        """The primary key."""
        return next((key for key in self.unique if key.name == "PRIMARY"), None)

    def column(self, name: str) -> Column | None:
        """The column of that name; MySQL compares such names without regard to case."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Made:
    """Something with a text of its own: a view, a trigger, a routine.

    :param modes: the sql_mode that it was made under, and that it runs with.
    :param client: character_set_client, and ``connection`` collation_connection, that its text was read with.
    """

    kind: str
    name: str
    create: str
    modes: str = ""
    client: str = ""
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Definitions:
    """All of a database."""

    database: str
    version: str
    tables: tuple[TableSeen, ...] = ()
    made: tuple[Made, ...] = ()
    events: tuple[str, ...] = ()

    def table(self, name: str) -> TableSeen | None:
        """The table of that name."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def fingerprint(self) -> str:
        """A hash over every definition; data does not change it, DDL does."""
        texts = [f"table {table.name} {definition(table)}" for table in self.tables]
        texts += [f"{made.kind} {made.name} {made.modes} {made.create}" for made in self.made]
        texts += [f"event {name}" for name in self.events]
        return hashlib.sha256("\0".join(sorted(texts)).encode()).hexdigest()


def hold_to(fingerprint: str, found: Definitions, shard: str, since: str) -> None:
    """Go on only with the definitions of that fingerprint; ``since`` tells what was done when they were last read.

    :raises MemberError: SCHEMA_CHANGED.
    """
    if found.fingerprint != fingerprint:
        raise MemberError(
            Code.SCHEMA_CHANGED,
            f"{shard}: the definitions in {found.database} are not those that were {since}",
            "Cancel the reshard, and begin it again with the definitions as they are now.",
        )


def read(link: Link, database: str) -> Definitions:
    """Read all definitions.

    :raises MemberError: the server refuses, or goes away.
    """
    where = literal(database)
    tables = read_tables(link, database)
    views = link.run(
        f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {where} ORDER BY TABLE_NAME"
    )
    made = [_shown(link, database, "VIEW", name) for (name,) in map(_texts, views.rows)]
    for kind, query in _MADE.items():
        listed = link.run(query.format(where))
        made += [_shown(link, database, kind, name) for (name,) in map(_texts, listed.rows) if not name.startswith(OWN)]
    events = link.run(f"SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {where}")
    return Definitions(
        database,
        link.run("SELECT VERSION()").value,
        tables,
        tuple(made),
        tuple(_texts(row)[0] for row in events.rows),
    )


def read_tables(link: Link, database: str) -> tuple[TableSeen, ...]:
    """Read the tables' definitions alone, which takes no right but SELECT."""
    where = literal(database)
    link.run("SET SESSION information_schema_stats_expiry = 0, sql_quote_show_create = 1")
    columns = _grouped(
        link.run(
            "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME "
            f"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {where} ORDER BY TABLE_NAME, ORDINAL_POSITION"
        ).rows
    )
    parts = _grouped(
        link.run(
            "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS "
            f"WHERE TABLE_SCHEMA = {where} AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
        ).rows
    )
    foreign = _grouped(
        link.run(
            "SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS "
            f"WHERE CONSTRAINT_SCHEMA = {where} OR UNIQUE_CONSTRAINT_SCHEMA = {where}"
        ).rows
    )
    found = link.run(
        "SELECT TABLE_NAME, ENGINE, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = {where} AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME"
    )
    tables = []
    for name, engine, rows, size in map(_texts, found.rows):
        create = _texts(link.run(f"SHOW CREATE TABLE {quote_name(database)}.{quote_name(name)}").rows[0])[1]
        tables.append(
            TableSeen(
                name,
                engine,
                tuple(map(_column, columns.get(name, ()))),
                _unique(parts.get(name, ())),
                create,
                tuple(row[1] for row in foreign.get(name, ())),
                int(rows or 0),
                int(size or 0),
            )
        )
    return tuple(tables)


_MADE = {
    "FUNCTION": "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} "
    "AND ROUTINE_TYPE = 'FUNCTION' ORDER BY 1",
    "PROCEDURE": "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} "
    "AND ROUTINE_TYPE = 'PROCEDURE' ORDER BY 1",
    "TRIGGER": "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} "
    "ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
}


def without_indexes(table: TableSeen) -> tuple[str, tuple[str, ...]]:
    """SHOW CREATE TABLE without the secondary indexes, and their definitions.

    An index that AUTO_INCREMENT needs, because the counter's column leads no other, stays.
    """
    counter = next((column.name for column in table.columns if column.auto_increment), None)
    if counter is not None and table.key is not None and table.key.columns[0] == counter:
        counter = None
    kept: list[str] = []
    indexes: list[str] = []
    for line in table.create.split("\n"):
        if not _INDEX_LINE.match(line):
            kept.append(line)
        elif counter is not None and re.search(rf"\({re.escape(quote_name(counter))}", line):
            kept.append(line)
            counter = None
        else:
            indexes.append(line.strip().removesuffix(","))
    last = next(number for number, line in enumerate(kept) if line.startswith(")")) - 1
    kept[last] = kept[last].removesuffix(",")
    return "\n".join(kept), tuple(index for index in indexes if f"KEY {quote_name(INDEX)} " not in index)


def definition(table: TableSeen) -> str:
    """The table's definition without its counter, and without what is ours."""
    create, indexes = without_indexes(table)
    return "\n".join((_COUNTER.sub("", create), *indexes))


def _column(row: tuple[str, ...]) -> Column:
    _, name, data_type, nullable, extra, charset, collation = row
    return Column(
        name,
        data_type.lower(),
        nullable == "YES",
        "VIRTUAL GENERATED" in extra or "STORED GENERATED" in extra,
        charset,
        collation,
        "auto_increment" in extra,
    )


def _unique(rows: Iterable[tuple[str, ...]]) -> tuple[UniqueKey, ...]:
    keys: dict[str, UniqueKey] = {}
    for _, index, column, part in rows:
        key = keys.get(index, UniqueKey(index, ()))
        if column:
            key = replace(key, columns=(*key.columns, column), prefixes=key.prefixes or bool(part))
        else:
            key = replace(key, expressions=True)
        keys[index] = key
    return tuple(keys.values())


def _shown(link: Link, database: str, kind: str, name: str) -> Made:
    row = _texts(link.run(f"SHOW CREATE {kind} {quote_name(database)}.{quote_name(name)}").rows[0])
    if kind == "VIEW":
        return Made(kind, name, row[1], "", row[2], row[3])
    return Made(kind, name, row[2], row[1], row[3], row[4])


def _grouped(rows: Iterable[Row]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in map(_texts, rows):
        found.setdefault(row[0], []).append(row)
    return found


def _texts(row: Row) -> tuple[str, ...]:
    return tuple((value or b"").decode() for value in row)
