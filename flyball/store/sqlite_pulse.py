"""The pulse: how a process notices that another one wrote to the store.

SQLite has no notifications, but it has a counter in shared memory, ``PRAGMA data_version``, that moves with
every commit of another connection. Reading it takes a few microseconds and no disk, so the pulse looks at it
often while anybody waits, and beats when it has moved. Writers of this process make it beat at once. A beat
carries nothing and may be a false one: whoever wakes looks for what it waits for.
"""

import asyncio
import sqlite3
from pathlib import Path

from flyball.store.sqlite_file import connect

LOOKS_A_STAT = 100
"""Every so many looks the file itself is checked too: the counter of a deleted file never moves."""


_COUNTER = "PRAGMA data_version"


class Pulse:
    """Beats when the store has, or may have, changed.

    :param interval: seconds between two looks at the counter.
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path
        self._interval = interval
        self._connection: sqlite3.Connection | None = connect(path, 0)
        self._inode = path.stat().st_ino
        self._seen = self._version()
        self._looks = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.beats = 0

    @property
    def closed(self) -> bool:
        """Whether no more beats will come."""
        return self._connection is None

    async def after(self, beats: int, limit: float | None = None) -> None:
        """Return once there were more than ``beats`` beats, after ``limit`` seconds, or at the end."""
        if self.beats > beats or self._connection is None:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.add(waiter)
        if self._timer is None:
            self._look()
        try:
            await asyncio.wait({waiter}, timeout=limit)
        finally:
            waiter.cancel()
            self._waiting.discard(waiter)

    def beat(self) -> None:
        """Wake everybody who waits."""
        self.beats += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Stop looking, and wake everybody for the last time."""
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.beat()

    def _look(self) -> None:
        """Look once; and again after the interval, as long as anybody waits."""
        self._timer = None
        if self._connection is None:
            return
        version = self._version()
        self._looks += 1
        if version != self._seen or (self._looks % LOOKS_A_STAT == 0 and not self._in_place()):
            self._seen = version
            self.beat()
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def _version(self) -> int | None:
        """The counter; None when it cannot be read, which is a change to look into as well."""
        try:
            return None if self._connection is None else int(self._connection.execute(_COUNTER).fetchone()[0])
        except sqlite3.Error:
            return None

    def _in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False
