"""A lane: one connection to the store's file, and the one thread that may wait for it.

A locked store or a stalled disk must never stop the event loop: the loop is what keeps leases and watches
mysqld. So every statement runs in a lane's thread, and who awaits it gets an answer within the limit whatever
the disk does. (The hop to the thread and back costs about 0.1 ms; the commit itself costs more.)

The limit counts from the call. Work that had to queue behind other work has less time left to wait for a
lock, so that many callers of a locked store fail together and not one after the other.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from flyball.errors import Code, StoreError
from flyball.store.sqlite_file import away, coded, connect

T = TypeVar("T")

GRACE = 1.0
"""Seconds beyond the limit after which an answer is given up: SQLite gives up a lock by itself before."""


class Lane:
    """Runs one piece of work at a time.

    :param name: of its thread.
    :param begin: how a transaction begins: ``BEGIN IMMEDIATE`` to write, ``BEGIN`` to read.
    :param limit: seconds until a call fails with STORE_AWAY.
    """

    def __init__(self, path: Path, name: str, begin: str, limit: float) -> None:
        self._path = path
        self._begin = begin
        self._limit = limit
        self._connection = connect(path, limit)
        self._inode = path.stat().st_ino
        self._closed = False
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"store-{name}")

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in a transaction, which is committed unless it raises.

        :raises StoreError: STORE_AWAY, STORE_UNWRITABLE, STORE_CORRUPT. After STORE_AWAY the work may have
            been committed all the same.
        """
        if self._closed:
            raise StoreError(Code.STORE_AWAY, f"record store {self._path}: was closed by this process")
        deadline = time.monotonic() + self._limit
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work, deadline)
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the result.
            async with asyncio.timeout(self._limit + GRACE):
                return await future
        except TimeoutError as error:
            raise away(self._path, f"no answer within {self._limit + GRACE:g} s; a write may land yet") from error

    async def close(self) -> None:
        """Close the connection once the work in hand is done; later calls fail."""
        if self._closed:
            return
        self._closed = True
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._connection.close)
        self._threads.shutdown(wait=False)
        await asyncio.wait({future}, timeout=self._limit + GRACE)

    def _transact(self, work: Callable[[sqlite3.Connection], T], deadline: float) -> T:
        with coded(self._path):
            check_in_place(self._path, self._inode)
            left = max(0, int((deadline - time.monotonic()) * 1000))
            self._connection.execute(f"PRAGMA busy_timeout = {left}")
            self._connection.execute(self._begin)
            try:
                result = work(self._connection)
                self._connection.execute("COMMIT")
                return result
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def check_in_place(path: Path, inode: int) -> None:
    """Make sure that the path still names the file that was opened.

    Without this, a process would go on with a deleted file while the others share a new one: two leaders.
    """
    try:
        found = path.stat().st_ino
    except FileNotFoundError:
        found = None
    if found != inode:
        raise away(path, "the file was deleted or replaced while it was in use; restart this process")
