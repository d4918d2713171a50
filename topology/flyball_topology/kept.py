"""Kept: the sessions with the members outlive a lost lease for a while.

A leader that stalls for as long as its lease is good loses it, and mostly has it back a moment later. To log in to
three thousand members anew takes seconds of the processor, in which no death is noticed; a session that idles costs
nothing. So whoever leads no more asks nothing of the members, and goes on with its sessions when it leads again. Where
others lead for ``KEPT_FOR``, it closes them.

No safety rests on that: a session at rest does nothing, what is in flight is given up together with its session, and
members refuse by term and version whatever comes late (rule 4).
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from flyball_topology.members import Members

KEPT_FOR = 30.0
"""Seconds for which the sessions are kept while somebody else leads."""


class Sessions(Members, Protocol):
    """The members, by sessions."""

    def rest(self) -> None:
        """Give up what is in flight, with its session; the others stay, and nothing is asked on them."""
        ...

    def retain(self, shards: Collection[str]) -> None:
        """Close the sessions of all shards but these: who leads again has not heard of those that are gone."""
        ...

    def close(self) -> None:
        """End every session."""
        ...


class Kept:
    """A process's sessions, from one time that it leads to the next."""

    def __init__(self) -> None:
        self._sessions: Sessions | None = None
        self._closing: asyncio.TimerHandle | None = None

    def take(self, make: Callable[[], Sessions]) -> Sessions:
        """Begin to lead: with the sessions of the last time, or with new ones."""
        self._keep()
        if self._sessions is None:
            self._sessions = make()
        return self._sessions

    def leave(self) -> None:
        """Lead no more."""
        self._keep()
        if self._sessions is not None:
            self._sessions.rest()
            self._closing = asyncio.get_running_loop().call_later(KEPT_FOR, self.close)

    def close(self) -> None:
        """End them all."""
        self._keep()
        if self._sessions is not None:
            sessions, self._sessions = self._sessions, None
            sessions.close()

    def _keep(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
