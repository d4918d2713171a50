"""Keyspace ids: where a row lives, computed alike by Python and by MySQL.

The keyspace id of a sharding key is the first 8 bytes of SHA-256 of the key's canonical bytes, read as an
unsigned big-endian number. SHA-256 because every server and every language has it built in, and because it
spreads any keys evenly. Canonical bytes are:

    integer    its decimal text, ``-7`` or ``42``: the same for TINYINT and BIGINT, signed and unsigned
    bytes      the raw bytes, for BINARY and VARBINARY
    text       its utf8mb4 bytes, whatever the column's character set

Everything else is refused: a value that two sides could write differently (1.0, 1.00 and 1; a date and its
text) would send one row to two shards.

Equal keys must have equal bytes, so a text column belongs under a binary collation (``utf8mb4_bin``,
``utf8mb4_0900_bin``): under another one ``'a' = 'A'`` holds, yet the two live on different shards. What is
hashed is what a client reads: CHAR without its padding (so never under the SQL mode PAD_CHAR_TO_FULL_LENGTH),
BINARY(n) with it.
"""

import hashlib
from enum import Enum

from flyball.errors import Code, InputError


class KeyKind(Enum):
    """How a sharding key's column is hashed."""

    INTEGER = "integer"
    BYTES = "bytes"
    TEXT = "text"

    @classmethod
    def of_column(cls, data_type: str) -> "KeyKind":
        """The kind for a column's ``DATA_TYPE`` as information_schema.columns names it.

        :raises InputError: NOT_HASHABLE for a type that has no keyspace id.
        """
        try:
            return _KINDS[data_type.lower()]
        except KeyError:
            raise InputError(
                Code.NOT_HASHABLE,
                f"sharding key of type {data_type!r}: expected one of {', '.join(_KINDS)}",
                "Shard by another column.",
            ) from None


_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), KeyKind.INTEGER),
    **dict.fromkeys(("binary", "varbinary"), KeyKind.BYTES),
    **dict.fromkeys(("char", "varchar"), KeyKind.TEXT),
}

LOWEST_INTEGER, HIGHEST_INTEGER = -(2**63), 2**64 - 1
"""What integer columns of MySQL can hold (BIGINT and BIGINT UNSIGNED together)."""


def keyspace_id(key: int | str | bytes) -> int:
    """The keyspace id of a sharding key, 0 to 2**64 - 1.

    :raises InputError: NOT_HASHABLE for another type (bool, float, None, Decimal, dates …), for an integer
        that no column can hold, and for a text that has no UTF-8 form (lone surrogates).
    """
    return int.from_bytes(hashlib.sha256(_canonical(key)).digest()[:8], "big")


def sql_expression(column_sql: str, kind: KeyKind) -> str:
    """The SQL that computes the keyspace id as BIGINT UNSIGNED; NULL for NULL.

    It is deterministic, so a functional index may be built on it.

    :param column_sql: a quoted identifier or an expression of the given kind; it is inserted as it is.
    """
    return f"CAST(CONV(LEFT(SHA2({_CANONICAL_SQL[kind].format(column_sql)}, 256), 16), 16, 10) AS UNSIGNED)"


_CANONICAL_SQL = {
    # The sum takes off what ZEROFILL would put before the digits.
    KeyKind.INTEGER: "CAST(({}) + 0 AS CHAR CHARACTER SET utf8mb4)",
    KeyKind.BYTES: "{}",
    KeyKind.TEXT: "CONVERT({} USING utf8mb4)",
}


def _canonical(key: object) -> bytes:
    """The bytes to hash; see the table at the top of this module."""
    match key:
        case bytes():
            return key
        case int() if not isinstance(key, bool) and LOWEST_INTEGER <= key <= HIGHEST_INTEGER:
            return b"%d" % key
        case str():
            try:
                return key.encode()
            except UnicodeEncodeError as error:
                reason = f"character {error.start + 1} has no UTF-8 form"
        case int() if not isinstance(key, bool):
            reason = "no integer column of MySQL holds it"
        case _:
            reason = f"a {type(key).__name__} has no canonical bytes"
    raise InputError(
        Code.NOT_HASHABLE,
        f"sharding key {key!r:.80}: {reason}; expected an integer, a text or bytes",
        "Use a key of one of these types, with the type its column has.",
    )
