"""The table of records and its log of changes, inside a transaction that somebody else began.

Every write adds one line to the log. The line's sequence number makes the record's revision, together with a
few random digits: a store that was put back to an old copy counts again from there, and a revision that was
read before must not fit what is written after.
"""

import secrets
import sqlite3

from flyball.records import Record
from flyball.store import changes
from flyball.store.codec import decode, encode
from flyball.store.port import R

TRIM_EVERY = 64
"""Changes between two trims of the log."""


def read(connection: sqlite3.Connection, kind: type[R], name: str) -> R | None:
    """The record of that name, or None."""
    found = text(connection, kind, name)
    return None if found is None else decode(kind, name, found)


def text(connection: sqlite3.Connection, kind: type[Record], name: str) -> str | None:
    """The record as stored, or None."""
    row = connection.execute("SELECT document FROM records WHERE kind = ? AND name = ?", (kind.kind, name)).fetchone()
    return None if row is None else str(row[0])


def texts(connection: sqlite3.Connection, kind: type[Record]) -> list[tuple[str, str]]:
    """Names and texts of every record of the kind, by name."""
    return connection.execute(
        "SELECT name, document FROM records WHERE kind = ? ORDER BY name", (kind.kind,)
    ).fetchall()


def store(connection: sqlite3.Connection, record: R, log_length: int) -> R:
    """Write the record, or remove one that nothing holds back, and log it; return it with its revision.

    :param log_length: lines of the log to keep at least.
    """
    sequence = connection.execute(
        "INSERT INTO changes (kind, name) VALUES (?, ?)", (record.kind, record.name)
    ).lastrowid
    assert sequence is not None
    if sequence % TRIM_EVERY == 0:
        connection.execute("DELETE FROM changes WHERE sequence <= ?", (sequence - log_length,))
    metadata = record.metadata.model_copy(update={"revision": f"{sequence}-{secrets.token_hex(3)}"})
    stored = record.model_copy(update={"metadata": metadata})
    if changes.is_gone(stored):
        connection.execute("DELETE FROM records WHERE kind = ? AND name = ?", (stored.kind, stored.name))
    else:
        connection.execute(
            "INSERT INTO records (kind, name, document) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, name) DO UPDATE SET document = excluded.document",
            (stored.kind, stored.name, encode(stored)),
        )
    return stored
