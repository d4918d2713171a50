"""Wakes the engine at once when a process ends, so that nothing has to look for it often.

A process handle (pidfd_open(2)) becomes readable when its process ends. Where the kernel has none, the loop's
interval notices it instead: an edge is only ever early.
"""

import asyncio
import os
from collections.abc import Callable, Iterable


class Deaths:
    """The processes that are watched, each with whom to wake. Belongs to one event loop."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}

    def watch(self, pids: Iterable[int], wake: Callable[[], None]) -> None:
        """Call ``wake`` once when one of the processes ends; those that are watched already stay watched."""
        for pid in pids:
            if pid not in self._handles:
                self._watch(pid, wake)

    def _watch(self, pid: int, wake: Callable[[], None]) -> None:
        try:
            handle = os.pidfd_open(pid)
        except OSError:  # it has ended, or the kernel has no handles
            return
        self._handles[pid] = handle
        asyncio.get_running_loop().add_reader(handle, self._ended, pid, wake)

    def _ended(self, pid: int, wake: Callable[[], None]) -> None:
        self._forget(pid)
        wake()

    def _forget(self, pid: int) -> None:
        handle = self._handles.pop(pid)
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)

    def close(self) -> None:
        """Watch nothing any more."""
        for pid in tuple(self._handles):
            self._forget(pid)
