"""The pulse: how a process notices that another one wrote to the store.

SQLite has no notifications, but it has a counter in shared memory, ``PRAGMA data_version``, that moves with
every commit of another connection. Reading it takes a few microseconds and no disk. What costs is waking up to
read it: a hundred times a second took 2 % of a core. So a bell (``inotify.py``) rings when the log of SQLite is
written to, and only then the pulse looks, often at first: the bell rings when the commit *begins* to be
written, and the counter moves when it is done, once the disk has it. Looks grow rarer until the next ring, and
never stop, because a disk may take long and a bell may fail. Without a bell the pulse looks at a steady pace.

A beat carries nothing and may be a false one: whoever wakes looks for what it waits for. Writers of this
process make it beat at once.
"""

import asyncio
import logging
import sqlite3
from pathlib import Path

from flyball.store.inotify import Bell
from flyball.store.sqlite_file import connect

logger = logging.getLogger(__name__)

_COUNTER = "PRAGMA data_version"

FIRST = 0.001
"""Seconds from the bell to the second look; each further rest is twice as long."""

LONGEST = 0.25
"""Seconds between two looks when the bell has not rung for a while."""


class Pulse:
    """Beats when the store has, or may have, changed.

    :param interval: seconds between two looks where there is no bell.
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = connect(path, 0)
        self._seen = self._state()
        self._waiting: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._bell = _bell(path)
        self._first, self._longest = (interval, interval) if self._bell is None else (FIRST, LONGEST)
        self._listens: asyncio.AbstractEventLoop | None = None
        self.beats = 0

    @property
    def closed(self) -> bool:
        """Whether no more beats will come."""
        return self._connection is None

    async def after(self, beats: int, limit: float | None = None) -> None:
        """Return once there were more than ``beats`` beats, after ``limit`` seconds, or at the end."""
        if self.beats > beats or self.closed:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.add(waiter)
        self._listen(loop)
        if self._timer is None:
            self._look(self._first)
        try:
            await asyncio.wait({waiter}, timeout=limit)
        finally:
            waiter.cancel()
            self._waiting.discard(waiter)

    def beat(self) -> None:
        """Wake everybody who waits. What is read from now on is at least as new as the counter says now."""
        self._seen = self._state()
        self.beats += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Stop looking, and wake everybody for the last time."""
        if self._connection is None:
            return
        self._rest()
        if self._bell is not None:
            self._bell.close()
        self._connection.close()
        self._connection = None
        self.beat()

    def _look(self, rest: float) -> None:
        """Look once; and again after ``rest`` seconds, as long as anybody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            self._rest()
            return
        if self._state() != self._seen:
            self.beat()
            rest = self._first  # the next commit may have rung before this one was done
        longer = min(2 * rest, self._longest)
        self._timer = asyncio.get_running_loop().call_later(rest, self._look, longer)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._bell is not None and self._listens is None:
            self._listens = loop
            loop.add_reader(self._bell.fileno(), self._rung)

    def _rung(self) -> None:
        if self._bell is not None:
            self._bell.read()
            self._look(self._first)

    def _rest(self) -> None:
        """Look no more until somebody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._bell is not None and self._listens is not None:
            self._listens.remove_reader(self._bell.fileno())
            self._listens = None

    def _state(self) -> tuple[int, int] | None:
        """The counter, and which file is in the store's place; None when either cannot be read.

        The counter of a deleted file never moves.
        """
        if self._connection is None:
            return None
        try:
            (version,) = self._connection.execute(_COUNTER).fetchone()
            return int(version), self._path.stat().st_ino
        except (sqlite3.Error, OSError):
            return None


def _bell(path: Path) -> Bell | None:
    try:
        return Bell(path.with_name(f"{path.name}-wal"))
    except OSError as error:
        logger.warning("record store %s: looks for changes at a steady pace, for want of inotify: %s", path, error)
        return None
