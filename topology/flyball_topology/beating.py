"""Heartbeats: a row each second through the primary, which shows that it can write and how far behind others are."""

import asyncio
from collections.abc import Callable
from functools import partial

from flyball.errors import FlyballError
from flyball.records import Shard
from flyball_topology.members import Members
from flyball_topology.view import MemberView


class Beats:
    """The heartbeats of one shard's primary: one in flight, numbered, timed by this service's own clock alone."""

    KEPT = 128

    def __init__(self, members: Members, clock: Callable[[], float]) -> None:
        self._members = members
        self._clock = clock
        self._written: dict[int, float] = {}
        self._number = 0
        self._task: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._failing_since: float | None = None

    def send(self, shard: Shard, primary: MemberView) -> None:
        """Write the next heartbeat, unless one is on its way still.

        One that went out before the primary was lost and came back is given up: it hangs on a connection that the
        network has forgotten, and for as long again as the partition lasted (TCP doubles its waits, RFC 6298). Taken
        for a primary that cannot write, it would cost a sound one its reign.
        """
        if self._task is not None and not self._task.done():
            if self._waiting_since is None or primary.since <= self._waiting_since:
                return
            self._task.cancel()
        seen = primary.seen
        self._number = max(self._number, seen.beat if seen else 0) + 1
        self._waiting_since = self._clock()
        self._task = asyncio.ensure_future(self._members.beat(shard, primary.spec, self._number))
        self._task.add_done_callback(partial(self._ended, self._number, self._waiting_since))

    def _ended(self, number: int, started: float, beat: "asyncio.Future[None]") -> None:
        if self._number == number:  # else a later one has taken its place
            self._waiting_since = None
        if beat.cancelled():
            return
        error = beat.exception()
        if error is None:
            self._failing_since = None
            self._written[number] = self._clock()
            for old in [old for old in self._written if old <= number - self.KEPT]:
                del self._written[old]
        elif isinstance(error, (FlyballError, OSError, KeyError)):
            self._failing_since = started if self._failing_since is None else self._failing_since
        else:
            raise error

    def hung(self) -> float:
        """Seconds since heartbeats have not been written, 0 when they are."""
        since = min((t for t in (self._waiting_since, self._failing_since) if t is not None), default=None)
        return self._clock() - since if since is not None else 0.0

    def reset(self) -> None:
        """Another member reigns: what the old one did not write says nothing about it."""
        self.stop()
        self._task = self._waiting_since = self._failing_since = None

    def lag(self, beat: int) -> float | None:
        """Seconds since the first heartbeat that a member with heartbeat ``beat`` lacks was written."""
        missing = self._written.get(beat + 1)
        if missing is not None:
            return self._clock() - missing
        if beat in self._written or (self._written and beat > max(self._written)):
            return 0.0
        if self._written and beat < min(self._written):
            return self._clock() - min(self._written.values())
        return None

    def stop(self) -> None:
        """Give up the heartbeat in flight."""
        if self._task is not None:
            self._task.cancel()
