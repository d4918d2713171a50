"""Leases in the SQLite store: one row each, changed by compare-and-swap only.

A row is never deleted, so its term can only rise. ``beat`` rises with each renewal; (term, beat) is therefore
different after every change, and a row that reads the same twice has not been renewed in between. A row
without a holder is free.
"""

import sqlite3
from dataclasses import astuple, dataclass, replace

from flyball.errors import Code, StoreError
from flyball.store.port import Lease


@dataclass(frozen=True, slots=True)
class Row:
    """A lease as stored."""

    name: str
    holder: str
    term: int
    ttl: float
    beat: int

    @property
    def is_free(self) -> bool:
        """Whether nobody holds it."""
        return not self.holder

    def lease(self, asked_at: float) -> Lease:
        """What its holder gets, who asked at that time of its own clock."""
        return Lease(self.name, self.holder, self.term, self.ttl, asked_at + self.ttl)


def taken(seen: Row | None, name: str, holder: str, ttl: float) -> Row:
    """The row after ``holder`` has taken the lease over from what it saw."""
    return Row(name, holder, 1 if seen is None else seen.term + 1, ttl, 0)


def read(connection: sqlite3.Connection, name: str) -> Row | None:
    """The row, or None when nobody ever held the lease."""
    row = connection.execute("SELECT name, holder, term, ttl, beat FROM leases WHERE name = ?", (name,)).fetchone()
    return None if row is None else Row(*row)


def swap(connection: sqlite3.Connection, seen: Row | None, wanted: Row) -> bool:
    """Put ``wanted`` in the place of what was seen; False when that is not there any more."""
    if read(connection, wanted.name) != seen:
        return False
    connection.execute(
        "INSERT OR REPLACE INTO leases (name, holder, term, ttl, beat) VALUES (?, ?, ?, ?, ?)", astuple(wanted)
    )
    return True


def renew(connection: sqlite3.Connection, lease: Lease) -> Row:
    """Renew the lease; :raises StoreError: LEASE_LOST."""
    row = read(connection, lease.name)
    if row is None or (row.term, row.holder) != (lease.term, lease.holder):
        holder = "nobody" if row is None or row.is_free else f"{row.holder} (term {row.term})"
        raise StoreError(
            Code.LEASE_LOST,
            f"lease {lease.name!r}: {lease.holder} held it in term {lease.term}; now {holder} does",
            "Stop acting as the holder; acquire it again.",
        )
    renewed = replace(row, beat=row.beat + 1, ttl=lease.ttl)
    swap(connection, row, renewed)
    return renewed


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Free the lease, if it is still held."""
    row = read(connection, lease.name)
    if row is not None and (row.term, row.holder) == (lease.term, lease.holder):
        swap(connection, row, replace(row, holder="", beat=row.beat + 1))
