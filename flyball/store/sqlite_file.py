"""The SQLite file behind the embedded store: making it, opening it, and what its failures mean.

One file holds three tables. ``records`` has each record as a line of JSON. ``changes`` is a log of which
record changed when; its ascending sequence also makes the revisions. ``leases`` has one row a lease.

The file runs in WAL mode, so readers never wait for the writer, with ``synchronous=FULL``: a swap that was
answered survives a power cut. ``application_id`` says that the file is ours, ``user_version`` which layout
it has.

Whatever SQLite reports becomes a :class:`~flyball.errors.StoreError` here, with a code that says what a
person can do about it.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from flyball.errors import Code, StoreError

APPLICATION_ID = 0x666C7962
"""``flyb``; shown by file(1)."""

LAYOUT = 1
"""The newest layout of the tables that this version knows."""

_TABLES = """
CREATE TABLE records (
    kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL
);
CREATE TABLE leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, term INTEGER NOT NULL, ttl REAL NOT NULL, beat INTEGER NOT NULL
) WITHOUT ROWID;
"""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL}


def create_or_check(path: Path, limit: float) -> None:
    """Make the file where there is none, else make sure that it is a sound store of a layout we know.

    :param limit: seconds to wait for other processes that do the same.
    :raises StoreError: STORE_CORRUPT, STORE_TOO_NEW, STORE_UNWRITABLE or STORE_AWAY.
    """
    deadline = time.monotonic() + limit
    with coded(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with contextlib.closing(connect(path, limit)) as connection:
            if _is_empty(connection):
                _lay_out(connection, deadline)
            _check(connection, path)


def connect(path: Path, limit: float) -> sqlite3.Connection:
    """A connection for one thread at a time; the file must exist.

    :param limit: seconds that a statement waits for another process's lock.
    """
    with coded(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=limit,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection


@contextlib.contextmanager
def coded(path: Path) -> Iterator[None]:
    """Turn the failures of SQLite and of the file system inside into coded errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from error
    except PermissionError as error:
        raise _unwritable(path, str(error)) from error
    except OSError as error:
        raise away(path, str(error)) from error


def away(path: Path, seen: str) -> StoreError:
    """The error for a store that does not answer."""
    return StoreError(
        Code.STORE_AWAY,
        f"record store {path}: {seen}",
        "See which process holds the file (fuser, lsof), and that its file system answers.",
    )


def _of_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the high bits say more of the same
    seen = f"{error} ({name})"
    if primary in _DAMAGED:
        return _corrupt(path, seen)
    if primary in _UNWRITABLE:
        return _unwritable(path, seen)
    if primary in _BUSY:
        return away(path, f"stays locked by another process: {seen}")
    return away(path, seen)


def _unwritable(path: Path, seen: str) -> StoreError:
    return StoreError(
        Code.STORE_UNWRITABLE,
        f"record store {path}: {seen}",
        "Make room on its disk, and give this user the right to write the file and its directory.",
    )


def _corrupt(path: Path, seen: str) -> StoreError:
    return StoreError(
        Code.STORE_CORRUPT,
        f"record store {path}: {seen}",
        "Stop every process that uses it, keep a copy of the file with its -wal, and restore a good copy.",
    )


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _pragma(connection, "user_version") == 0 and tables == 0


def _lay_out(connection: sqlite3.Connection, deadline: float) -> None:
    """Make the tables, unless another process does so first."""
    _use_wal(connection, deadline)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(connection):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to WAL. SQLite does not wait for a lock here, whatever its timeout says, so we do."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application, layout = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application != APPLICATION_ID:
        raise _corrupt(path, f"is a SQLite file of something else (application_id {application:#x})")
    if layout > LAYOUT:
        raise StoreError(
            Code.STORE_TOO_NEW,
            f"record store {path}: has layout {layout}; this version knows layouts up to {LAYOUT}",
            "Upgrade this program, or use the one that wrote the file.",
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _corrupt(path, verdict)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
