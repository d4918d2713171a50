"""A mysqld that met a full disk sleeps for a minute before it looks again, whatever has become of the disk meanwhile.

So it does for each write of a binary log or a relay log (``MY_WAIT_IF_FULL``; its log says "Waiting for someone to
free space ... Retry in 60 secs"). Nothing wakes it: its receiver cannot be stopped either, so a member that sleeps so
cannot be fenced, and holds up its whole shard for as long. Once there is room, a crash and a start are quicker, and as
safe as any crash is.

Whether it sleeps follows from two moments: the one in the log, from which it looks each minute, and the one at which
the disk was last seen full.

A mysqld that cannot start for want of space ends instead, and rests longer after each try: it is tried again as soon as
there is room.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from pathlib import Path

from flyball_local import mysqld

RETRY = 60.0
"""Seconds that mysqld sleeps (mysys: MY_WAIT_FOR_USER_TO_FIX_PANIC)."""
ROOM = 16 << 20
"""Bytes that must be free for a disk to count as one with room."""
TAIL = 65536
"""Bytes of the log that are looked at."""

_WAITS = "Waiting for someone to free space"
_STARTS = ("starting as process", "ready for connections")


def waiting_since(log: str) -> float | None:
    """When mysqld began to wait for space, by its log, in seconds since the epoch; None when not since its start.

    A line is printed at the first look, and at each tenth after it.
    """
    for line in reversed(log.splitlines()):
        if any(mark in line for mark in _STARTS):
            return None
        if _WAITS in line:
            try:
                return datetime.fromisoformat(line.split(maxsplit=1)[0]).timestamp()
            except ValueError:
                return None
    return None


def sleeps(waiting: float, full: float, now: float) -> bool:
    """Whether it sleeps at ``now``: it began to wait at ``waiting``, and the disk was last full at ``full``."""
    looks = floor(max(0.0, full - waiting) / RETRY) + 1
    return waiting <= now < waiting + looks * RETRY


@dataclass(slots=True)
class FullDisks:
    """Which members' disks were full, and when last. Forgetting costs time alone."""

    _full: dict[Path, float] = field(default_factory=dict)

    def sleeps_in_vain(self, member: Path, now: float) -> bool:
        """Whether the member's mysqld waits for space that is there.

        :param now: seconds since the epoch, as logs tell the time.
        """
        if self._is_full(member, now):
            return False
        waiting = waiting_since(_tail(mysqld.error_log(member)))
        if waiting is None:
            self._full.pop(member, None)
            return False
        return sleeps(waiting, self._full.get(member, waiting), now)

    def has_room_again(self, member: Path, now: float) -> bool:
        """Whether a disk that was full has room: said once, for a mysqld that ended for want of it."""
        return not self._is_full(member, now) and self._full.pop(member, None) is not None

    def _is_full(self, member: Path, now: float) -> bool:
        room = os.statvfs(member)
        full = room.f_bavail * room.f_frsize < ROOM
        if full:
            self._full[member] = now
        return full


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
