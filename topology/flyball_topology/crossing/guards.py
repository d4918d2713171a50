"""Guards: triggers that refuse what would take a row out of its shard while rows move. Pure.

A changed sharding key makes a row another shard's, and no channel would carry it there; NULL has no keyspace id. A
trigger fires where a client writes and never for what a channel applies, so each member has them unlogged: each may
become the one where clients write.
"""

import hashlib
from collections.abc import Mapping

from flyball.errors import Code
from flyball.records.keyspace import TableSpec
from flyball.session import literal, quote_name

PREFIX = "flyball_guard_"
ERRNO = 34017
"""The code's number after 3, as MySQL's own stop far below."""


def guards(tables: Mapping[str, TableSpec]) -> dict[str, str]:
    """By name: the statement that makes each guard of the sharded ``tables``."""
    return {
        f"{PREFIX}{_short(table)}_{event[0].lower()}": _trigger(table, spec.shard_by, event)
        for table, spec in sorted(tables.items())
        if spec.shard_by is not None
        for event in ("UPDATE", "INSERT")
    }


def drop(names: frozenset[str]) -> tuple[str, ...]:
    """The statements that take away those of ``names`` that are guards."""
    return tuple(f"DROP TRIGGER IF EXISTS {quote_name(name)}" for name in sorted(names) if name.startswith(PREFIX))


def _trigger(table: str, column: str, event: str) -> str:
    name, key = f"{PREFIX}{_short(table)}_{event[0].lower()}", quote_name(column)
    bad = f"NEW.{key} IS NULL"
    if event == "UPDATE":  # byte by byte: a collation takes for equal what hashes differently
        bad += f" OR NOT (CAST(NEW.{key} AS BINARY) <=> CAST(OLD.{key} AS BINARY))"
    text = literal(f"{Code.KEY_CHANGED.number} {Code.KEY_CHANGED.meaning}")
    return (
        f"CREATE TRIGGER {quote_name(name)} BEFORE {event} ON {quote_name(table)} FOR EACH ROW "
        f"IF {bad} THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {ERRNO}, MESSAGE_TEXT = {text}; END IF"
    )


def _short(table: str) -> str:
    """Names of triggers are unique in their schema, and have 64 characters at most."""
    return hashlib.sha256(table.encode()).hexdigest()[:32]
