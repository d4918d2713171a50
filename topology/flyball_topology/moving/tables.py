"""How rows travel: what a source is asked for, what a target is told, and what both are compared by.

A source makes the text of its rows itself, many rows to a value, and a target reads that text with LOAD DATA; Python
passes the bytes on and looks at none of them (ADR 0008). Nothing is escaped: fields and rows end with *marks*, random
texts drawn for each copy, which no data holds but by chance of one in 2**64 a field; and a row that did would change
the count of rows, on which the copy insists. What a value looks like on its way depends on its type:

    numbers, dates, times   their text; of FLOAT and DOUBLE as many digits as are read back to the same bits
    texts, bytes, spatial   the bytes that are stored, in whatever character set
    ENUM, SET, BIT          their number: an ENUM's empty error value and its label '' differ by nothing else
    JSON                    its text; types that JSON text has not (a DECIMAL inside) are found when rows are compared

Generated columns do not travel: the target computes them. NULL is a mark of its own.

Rows are compared by SHA-256 over all their values, lengths first, so that no two rows share a text; the hashes of a
chunk are joined by XOR, in which order does not matter and equal rows cannot cancel, for their keys differ. It is
one hash a row and costs what a CRC32 does; two CRCs joined by XOR miss values that changed places.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from flyball.keyrange import END_OF_IDS, KeyRange
from flyball.keyspaceid import KeyKind
from flyball.session import quote_name


class Carriage(Enum):
    """How a column's values travel."""

    TEXT = "text"
    DOUBLE = "double"
    NUMBER = "number"
    BYTES = "bytes"
    JSON = "json"


_CARRIAGES = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "decimal"), Carriage.TEXT),
    **dict.fromkeys(("date", "time", "datetime", "timestamp", "year"), Carriage.TEXT),
    **dict.fromkeys(("float", "double"), Carriage.DOUBLE),
    **dict.fromkeys(("enum", "set", "bit"), Carriage.NUMBER),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), Carriage.BYTES),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"), Carriage.BYTES),
    **dict.fromkeys(
        ("geometry", "point", "linestring", "polygon", "geomcollection", "geometrycollection"), Carriage.BYTES
    ),
    **dict.fromkeys(("multipoint", "multilinestring", "multipolygon"), Carriage.BYTES),
    "json": Carriage.JSON,
}

_DIGITS = 64
"""Characters for the text of a DOUBLE: 24 are needed."""

_LARGE = frozenset(
    {"text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", "vector", "json"}
    | {"geometry", "point", "linestring", "polygon", "geomcollection", "geometrycollection"}
    | {"multipoint", "multilinestring", "multipolygon"}
)
"""Types whose values are hashed by themselves first: a text of all of them would not fit a packet."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, as information_schema.columns tells it; ``type`` in lower case (DATA_TYPE)."""

    name: str
    type: str
    nullable: bool = False
    generated: bool = False
    charset: str = ""
    collation: str = ""
    auto_increment: bool = False

    @property
    def carriage(self) -> Carriage | None:
        """How its values travel; None for a type that is not known here."""
        return _CARRIAGES.get(self.type)

    @property
    def sql(self) -> str:
        """Its quoted name."""
        return quote_name(self.name)

    @property
    def _value(self) -> str:
        match self.carriage:
            case Carriage.DOUBLE:  # an expression's text has 22 characters at most, too few for some; a cast's has all
                exact = self.sql if self.type == "double" else f"CAST({self.sql} AS DOUBLE)"
                return f"CAST({exact} AS CHAR({_DIGITS}))"
            case Carriage.NUMBER:
                return f"CAST({self.sql} AS UNSIGNED)"
            case Carriage.BYTES:
                return f"CAST({self.sql} AS BINARY)"
            case Carriage.JSON:
                return f"CAST(CAST({self.sql} AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
            case _:
                return self.sql

    def read(self, marks: "Marks") -> str:
        """The value as it travels."""
        return f"IFNULL({self._value}, {marks.null_sql})" if self.nullable else self._value

    @property
    def is_large(self) -> bool:
        """Whether one value of it may be larger than a packet should be."""
        return self.type in _LARGE

    def compared(self) -> tuple[str, str | None]:
        """What is hashed of it: its text, or its length, and then its bytes."""
        value = f"SHA2({self._value}, 256)" if self.is_large else self._value
        if self.carriage in (Carriage.BYTES, Carriage.JSON) and not self.is_large:
            length = f"LENGTH({self.sql})"
            return (f"IFNULL({length}, 'N')", f"IFNULL({value}, '')") if self.nullable else (length, value)
        return (f"IFNULL({value}, 'N')" if self.nullable else value), None

    def stored(self, variable: str, marks: "Marks") -> str | None:
        """What LOAD DATA has to compute from what came; None where it stores that as it is."""
        came = f"NULLIF({variable}, {marks.null_sql})" if self.nullable else variable
        match self.carriage:
            case Carriage.NUMBER:
                return f"CAST({came} AS UNSIGNED)"
            case Carriage.JSON:
                return f"CONVERT({came} USING utf8mb4)"
            case _:
                return came if self.nullable else None


@dataclass(frozen=True, slots=True)
class Marks:
    """Where a field ends, where a row ends, and what stands for NULL: drawn for each copy, ASCII."""

    field: str
    row: str
    null: str

    @classmethod
    def draw(cls) -> "Marks":
        """New ones, of 64 random bits; the first character is one that data seldom has, so that few are tried."""
        return cls(*(first + secrets.token_hex(8) for first in "\x01\x02\x03"))

    @property
    def null_sql(self) -> str:
        """NULL's mark as a binary literal."""
        return f"_binary'{self.null}'"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that moves.

    :param key: the columns of its primary key, in its order.
    :param shard_by: its sharding column; None for a reference table.
    :param create: ``SHOW CREATE TABLE`` without the secondary indexes.
    :param indexes: their definitions, each a line of ``SHOW CREATE TABLE``.
    :param rows: an estimate.
    :param size: bytes of data and indexes, an estimate.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    shard_by: Column | None
    create: str
    indexes: tuple[str, ...] = ()
    rows: int = 0
    size: int = 0

    @property
    def carried(self) -> tuple[Column, ...]:
        """The columns that travel."""
        return tuple(column for column in self.columns if not column.generated)

    def in_range(self, part: KeyRange) -> str:
        """The condition that a row's keyspace id is in a range; true of every row of a reference table.

        The first 16 digits of the hash are compared as text, as lower-case digits sort like their numbers: a third
        cheaper than the number itself.
        """
        if self.shard_by is None:
            return "TRUE"
        digits = hashed(self.shard_by)
        bounds = []
        if part.start:
            bounds.append(f"{digits} >= '{part.start:016x}'")
        if part.end != END_OF_IDS:
            bounds.append(f"{digits} < '{part.end:016x}'")
        return " AND ".join(bounds) or "TRUE"


_HASHED = {
    KeyKind.INTEGER: "SHA2(CAST(({}) + 0 AS CHAR CHARACTER SET utf8mb4), 256)",
    KeyKind.BYTES: "SHA2({}, 256)",
    KeyKind.TEXT: "SHA2(CONVERT({} USING utf8mb4), 256)",
}


def hashed(column: Column) -> str:
    """The hexadecimal digits that the keyspace id begins, as ``flyball.keyspaceid.sql_expression`` computes it."""
    return _HASHED[KeyKind.of_column(column.type)].format(column.sql)


def packed(database: str, table: Table, marks: Marks, where: str) -> str:
    """The statement that gives the rows as one text: their count, and the text; NULL where there are none."""
    fields = ", ".join(column.read(marks) for column in table.carried)
    text = f"CONCAT_WS('{marks.field}', {fields})"
    return (
        f"SELECT COUNT(*), GROUP_CONCAT({text}, '{marks.row}' SEPARATOR '') "
        f"FROM {place(database, table)} FORCE INDEX (PRIMARY) WHERE {where}"
    )


def unpacked(database: str, table: Table, marks: Marks, where: str) -> str:
    """The statement that gives the same rows field by field, for those that are too large for one text."""
    fields = ", ".join(column.read(marks) for column in table.carried)
    return f"SELECT {fields} FROM {place(database, table)} FORCE INDEX (PRIMARY) WHERE {where}"


def loading(database: str, table: Table, marks: Marks) -> str:
    """The LOAD DATA that reads such a text."""
    names, computed = [], []
    for number, column in enumerate(table.carried):
        expression = column.stored(f"@f{number}", marks)
        names.append(column.sql if expression is None else f"@f{number}")
        if expression is not None:
            computed.append(f"{column.sql} = {expression}")
    setting = f" SET {', '.join(computed)}" if computed else ""
    return (
        f"LOAD DATA LOCAL INFILE 'flyball' INTO TABLE {place(database, table)} CHARACTER SET binary "
        f"FIELDS TERMINATED BY '{marks.field}' ESCAPED BY '' LINES TERMINATED BY '{marks.row}' "
        f"({', '.join(names)}){setting}"
    )


def digest(database: str, table: Table, where: str) -> str:
    """The statement that gives the count of rows and their joined hash; it warns of what could not be hashed."""
    return (
        f"SELECT COUNT(*), HEX(BIT_XOR(UNHEX({_row_hash(table)}))) "
        f"FROM {place(database, table)} FORCE INDEX (PRIMARY) WHERE {where}"
    )


def row_digests(database: str, table: Table, where: str) -> str:
    """The statement that gives the key of each row, and its hash."""
    return (
        f"SELECT {names(table.key)}, {_row_hash(table)} "
        f"FROM {place(database, table)} FORCE INDEX (PRIMARY) WHERE {where}"
    )


def keys(database: str, table: Table, where: str) -> str:
    """The statement that gives the keys of rows."""
    return f"SELECT {names(table.key)} FROM {place(database, table)} FORCE INDEX (PRIMARY) WHERE {where}"


def _row_hash(table: Table) -> str:
    first: list[str] = []
    behind: list[str] = []
    for column in table.columns:
        text, value = column.compared()
        first.append(text)
        if value is not None:
            behind.append(value)
    return f"SHA2(CONCAT_WS(',', {', '.join((*first, *behind))}), 256)"


def place(database: str, table: Table) -> str:
    """The table's quoted, qualified name."""
    return f"{quote_name(database)}.{quote_name(table.name)}"


def names(columns: Sequence[Column]) -> str:
    """Quoted names, divided by commas."""
    return ", ".join(column.sql for column in columns)
