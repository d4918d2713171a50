"""Sessions for short looks, kept from one look to the next: a login costs more than what is asked, most of all while
clients wait for a cutover.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from flyball.session import Login, SessionLostError, Target
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.wire import Link

T = TypeVar("T")

LOOK_WITHIN = 30.0
"""Seconds that a server may be silent: a thread waits for it."""
KEPT_FOR = 60.0
"""Seconds that a session is kept unused: its server may be gone for good."""


@dataclass(slots=True)
class KeptLinks:
    """Idle sessions by server and login; who uses one has it alone. Threads may share it."""

    clock: Callable[[], float] = time.monotonic
    _idle: dict[tuple[Target, Login], list[tuple[float, Link]]] = field(default_factory=dict)
    _one: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def use(self, job: Job, place: Place, use: Callable[[Link], T]) -> T:
        """Do something over a session, a kept one where there is one. A session that fails is not kept; one that turns
        out to be lost, since its server was started again say, is replaced once: ``use`` is safe to repeat.
        """
        key = (place.target, job.login)
        link = self._take(key)
        if link is not None:
            with contextlib.suppress(SessionLostError):
                return self._use(key, link, use)
        link = job.source(place)
        link.answers_within(LOOK_WITHIN)
        return self._use(key, link, use)

    def close(self) -> None:
        """Hang up, also on those that are in use, once they are not."""
        with self._one:
            self._closed = True
            self._hang_up(since=float("inf"))

    def _take(self, key: tuple[Target, Login]) -> Link | None:
        with self._one:
            self._hang_up(since=self.clock() - KEPT_FOR)
            links = self._idle.get(key)
            return links.pop()[1] if links else None

    def _hang_up(self, since: float) -> None:
        """On those that nobody has used since then. Called with the lock held."""
        for key, links in list(self._idle.items()):
            for _, link in [one for one in links if one[0] < since]:
                link.close()
            self._idle[key] = [one for one in links if one[0] >= since]
            if not self._idle[key]:
                del self._idle[key]

    def _use(self, key: tuple[Target, Login], link: Link, use: Callable[[Link], T]) -> T:
        try:
            result = use(link)
        except BaseException:
            link.close()
            raise
        with self._one:
            if not self._closed:
                self._idle.setdefault(key, []).append((self.clock(), link))
                return result
        link.close()
        return result
