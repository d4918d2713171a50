"""Cutting a table into chunks by its primary key.

A chunk holds the rows whose keys are above ``low`` and not above ``high``; an open end holds whatever comes. Keys are
ordered as the index orders them, so a bound is a literal of the column's own type, character set and collation; what
has no such literal (an ENUM sorts by its number, yet compares by its label) cannot lead a primary key here, and is
refused by name before anything starts. The bound is made of the columns up to the first of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.session import quote_name
from flyball_topology.moving.tables import Column, Table, place
from flyball_topology.moving.wire import Link

Key = tuple[str, ...]
"""The values of a bound, as literals."""

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"})
_TIMES = frozenset({"date", "time", "datetime", "timestamp"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """The keys above ``low``, up to and with ``high``; an empty tuple is an open end."""

    low: Key = ()
    high: Key = ()

    def condition(self, table: Table) -> str:
        """The condition on a row's key."""
        columns = bounding(table)
        bounds = []
        if self.low:
            bounds.append(_above(columns, self.low))
        if self.high:
            bounds.append(_at_most(columns, self.high))
        return " AND ".join(f"({bound})" for bound in bounds) or "TRUE"


def bounding(table: Table) -> tuple[Column, ...]:
    """The columns that chunks are bounded by: the primary key's first ones that have literals."""
    found = []
    for column in table.key:
        if not has_literal(column):
            break
        found.append(column)
    return tuple(found)


def has_literal(column: Column) -> bool:
    """Whether a key of this type can be written so that it compares as the index orders it."""
    return column.type in _NUMBERS | _TIMES | _TEXTS | _BYTES


def next_bound(database: str, table: Table, above: Key, rows: int) -> str:
    """The statement that gives the key which ``rows`` further rows go up to, each column as a readable text."""
    columns = bounding(table)
    quoted = ", ".join(quote_name(column.name) for column in columns)
    shown = ", ".join(f"HEX({column.sql})" if column.type in _TEXTS | _BYTES else column.sql for column in columns)
    where = Chunk(above).condition(table)
    return (
        f"SELECT {shown} FROM {place(database, table)} FORCE INDEX (PRIMARY) "
        f"WHERE {where} ORDER BY {quoted} LIMIT 1 OFFSET {rows - 1}"
    )


def next_chunk(link: Link, database: str, table: Table, above: Key, rows: int) -> Chunk:
    """The chunk of the next ``rows`` rows; the last one has an open end, and fewer."""
    bound = link.run(next_bound(database, table, above, rows)).rows
    return Chunk(above, literals(table, bound[0]) if bound else ())


def literals(table: Table, values: Sequence[bytes | None]) -> Key:
    """The bound, from the row that ``next_bound`` gave."""
    return tuple(
        _literal(column, (value or b"").decode("ascii")) for column, value in zip(bounding(table), values, strict=True)
    )


def _literal(column: Column, text: str) -> str:
    if column.type in _NUMBERS:
        return text
    if column.type in _TIMES:
        return f"'{text}'"
    if column.type in _BYTES:
        return f"_binary x'{text}'"
    return f"_{column.charset} x'{text}' COLLATE {column.collation}"


def _above(columns: Sequence[Column], bound: Key) -> str:
    """Keys above the bound, in the form that MySQL's range optimizer reads."""
    column, value = columns[0].sql, bound[0]
    if len(columns) == 1:
        return f"{column} > {value}"
    return f"{column} > {value} OR ({column} = {value} AND ({_above(columns[1:], bound[1:])}))"


def _at_most(columns: Sequence[Column], bound: Key) -> str:
    column, value = columns[0].sql, bound[0]
    if len(columns) == 1:
        return f"{column} <= {value}"
    return f"{column} < {value} OR ({column} = {value} AND ({_at_most(columns[1:], bound[1:])}))"
