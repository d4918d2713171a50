"""Several sessions that see the same rows, and the GTID set that those rows are.

A member's applier is not stopped for it, and a primary's commits are not (``FLUSH TABLES WITH READ LOCK`` would need
a right that a mover should not have): the keyspace's tables are read-locked, the sessions' consistent snapshots are
opened, the GTID set is read, and the lock is let go. A transaction holds its tables until it is in
``gtid_executed``, so what is visible of these tables is exactly that set. The lock is a session's: it ends with the
connection, whatever becomes of the worker. It takes milliseconds where no long transaction holds a table; where one
does, it is given up soon and tried again, for behind a lock that waits everybody else waits too.
"""

from collections.abc import Callable, Sequence
from random import Random
from time import sleep

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.session import ServerError, quote_name
from flyball_topology.moving.wire import Link

PATIENCE = 1
"""Seconds that a lock may wait, and hold up others behind it."""
ATTEMPTS = 30
_PAUSE = (0.2, 1.0)
"""Seconds between two attempts."""
_BUSY = frozenset({1205, 1213})
_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


def open_at_once(
    control: Link,
    sessions: Sequence[Link],
    database: str,
    tables: Sequence[str],
    beside: Callable[[GtidSet], bool] = lambda _taken: True,
) -> GtidSet:
    """Open a snapshot in each session, all of the same rows.

    :param control: another session with the same server; it holds the lock.
    :param beside: is called with the lock held, and opens snapshots of the same rows elsewhere; ``False`` where it took
        too long: the lock is let go, and all of it tried again.
    :return: the transactions that the snapshots hold, as far as these tables are concerned.
    :raises MemberError: TIMED_OUT, when the tables were busy each time.
    """
    jitter = Random()  # noqa: S311 - for pauses
    locked = ", ".join(f"{quote_name(database)}.{quote_name(table)} READ" for table in tables)
    control.run(f"SET SESSION lock_wait_timeout = {PATIENCE}")
    for _ in range(ATTEMPTS):
        try:
            if tables:
                control.run(f"LOCK TABLES {locked}")
        except ServerError as error:
            if error.errno not in _BUSY:
                raise
            sleep(jitter.uniform(*_PAUSE))
            continue
        try:
            for session in sessions:
                open_one(session)
            taken = GtidSet.parse(control.run("SELECT @@GLOBAL.gtid_executed").value)
            if beside(taken):
                return taken
        finally:
            control.run("UNLOCK TABLES")
        sleep(jitter.uniform(*_PAUSE))
    raise MemberError(
        Code.TIMED_OUT,
        f"{control.target}: a long transaction held one of {len(tables)} tables each time that a snapshot was wanted",
        "See what runs there for so long (SHOW PROCESSLIST), and end it.",
    )


def open_one(session: Link) -> None:
    """Open a snapshot in one session, of what its server holds now."""
    session.run("ROLLBACK")
    for statement in _SNAPSHOT:
        session.run(statement)
