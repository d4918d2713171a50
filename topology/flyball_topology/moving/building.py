"""What a target gets besides rows: tables, indexes, views, triggers, routines. Each is made where it is missing.

Indexes are built after the rows, all of a table in one pass: sorted, they are made at ten times the pace of rows that
come one by one. Among them is a functional index on the keyspace id, which finds the rows that are out of range; a
generated column in its place would break when the source gains a column. Triggers are made last: LOAD DATA would
fire them.
"""

import re
from collections.abc import Iterable

from flyball.keyspaceid import KeyKind, sql_expression
from flyball.session import ServerError, literal, quote_name
from flyball_topology.moving.definitions import INDEX, Definitions, Made
from flyball_topology.moving.tables import Table, place
from flyball_topology.moving.wire import Link

SORTED = "SET SESSION innodb_ddl_buffer_size = 67108864, innodb_ddl_threads = 2, innodb_parallel_read_threads = 1"
"""Memory and threads for one table's indexes; several tables are built at once."""

_ALONE = re.compile(r"(?:FULLTEXT|SPATIAL) ")
"""Indexes that InnoDB builds one at a time."""
_NAME = re.compile(r"KEY `((?:[^`]|``)+)`")
_DUPLICATE_NAME = 1061
_MISSING = frozenset({1146, 1305, 1356})
"""What a view is told whose tables, functions or views are not there yet."""


def make_tables(writer: Link, database: str, tables: Iterable[Table]) -> None:
    """Make the tables, without their secondary indexes."""
    writer.run(f"CREATE DATABASE IF NOT EXISTS {quote_name(database)}")
    writer.run(f"USE {quote_name(database)}")
    for table in tables:
        if not _there(writer, "TABLES", "TABLE", database, table.name):
            writer.run(table.create)


def make_indexes(writer: Link, database: str, table: Table) -> None:
    """Build the secondary indexes, and the one on the keyspace id."""
    known = {
        (name or b"").decode()
        for (name,) in writer.run(
            "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS "
            f"WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(table.name)}"
        ).rows
    }
    wanted = [index for index in table.indexes if _name(index) not in known]
    together = [index for index in wanted if not _ALONE.match(index)]
    if table.shard_by is not None and INDEX not in known:
        expression = sql_expression(table.shard_by.sql, KeyKind.of_column(table.shard_by.type))
        together.append(f"KEY {quote_name(INDEX)} (({expression}))")
    writer.run(SORTED)
    for group in (together, *([index] for index in wanted if _ALONE.match(index))):
        if group:
            added = ", ".join(f"ADD {index}" for index in group)
            writer.run(f"ALTER TABLE {place(database, table)} {added}")


def make_rest(writer: Link, definitions: Definitions) -> None:
    """Make routines, views and triggers; views until none waits for another one."""
    database = definitions.database
    writer.run(f"USE {quote_name(database)}")
    left = [made for made in definitions.made if not _made(writer, database, made)]
    left.sort(key=lambda made: ("FUNCTION", "PROCEDURE", "VIEW", "TRIGGER").index(made.kind))
    while left:
        waiting: list[Made] = []
        for made in left:
            try:
                _make(writer, made)
            except ServerError as error:
                if error.errno not in _MISSING or len(left) == 1:
                    raise
                waiting.append(made)
                last = error
        if len(waiting) == len(left):
            raise last
        left = waiting


def drop_indexes(writer: Link, database: str) -> None:
    """Drop the indexes on the keyspace id."""
    found = writer.run(
        "SELECT DISTINCT TABLE_NAME FROM information_schema.STATISTICS "
        f"WHERE TABLE_SCHEMA = {literal(database)} AND INDEX_NAME = {literal(INDEX)}"
    )
    for (name,) in found.rows:
        table = quote_name((name or b"").decode())
        writer.run(f"ALTER TABLE {quote_name(database)}.{table} DROP INDEX {quote_name(INDEX)}")


def _make(writer: Link, made: Made) -> None:
    modes = literal(made.modes or "")
    writer.run(
        f"SET SESSION sql_mode = {modes}, character_set_client = {made.client}, "
        f"collation_connection = {made.connection}"
    )
    try:
        writer.run(made.create)
    finally:
        writer.run("SET NAMES utf8mb4")
        writer.run("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'")


def _made(writer: Link, database: str, made: Made) -> bool:
    view, column = {
        "VIEW": ("TABLES", "TABLE"),
        "TRIGGER": ("TRIGGERS", "TRIGGER"),
        "FUNCTION": ("ROUTINES", "ROUTINE"),
        "PROCEDURE": ("ROUTINES", "ROUTINE"),
    }[made.kind]
    return _there(writer, view, column, database, made.name)


def _there(writer: Link, view: str, column: str, database: str, name: str) -> bool:
    return bool(
        writer.run(
            f"SELECT 1 FROM information_schema.{view} "
            f"WHERE {column}_SCHEMA = {literal(database)} AND {column}_NAME = {literal(name)}"
        ).rows
    )


def _name(index: str) -> str:
    found = _NAME.search(index)
    return found[1].replace("``", "`") if found else ""
