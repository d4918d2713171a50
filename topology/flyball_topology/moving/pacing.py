"""Giving sources rest: what they show is looked at once a second, and each chunk waits as long as that asks for."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from flyball.errors import FlyballError
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.throttle import Limits, Load, pause, reason
from flyball_topology.moving.wire import Link

EVERY = 1.0
"""Seconds between two looks at a source."""

_LAG = (
    "SELECT MAX(TIMESTAMPDIFF(MICROSECOND, APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, UTC_TIMESTAMP(6))) "
    "FROM performance_schema.replication_applier_status_by_worker WHERE APPLYING_TRANSACTION <> ''"
)
_HISTORY = "SELECT `COUNT` FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"


@dataclass(slots=True)
class _Source:
    link: Link | None = None
    seen: float = float("-inf")
    rest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Pacing:
    """The ``pace`` of a copy.

    :param told: hears why a source is given rest, and the empty text when it no longer is.
    """

    job: Job
    stop: threading.Event
    limits: Limits = field(default_factory=Limits)
    told: Callable[[str], None] = lambda _why: None
    _sources: dict[str, _Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sources = {place.shard: _Source() for place in self.job.sources}

    def pace(self, place: Place) -> None:
        """Take the rest that the source needs before another chunk."""
        source = self._sources[place.shard]
        with source.lock:
            if monotonic() - source.seen >= EVERY:
                load = self._look(place, source)
                before, source.rest = source.rest, pause(load, self.limits, source.rest)
                source.seen = monotonic()
                if bool(before) != bool(source.rest):
                    self.told(f"{place.shard}: {reason(load, self.limits)}" if source.rest else "")
        if source.rest:
            self.stop.wait(source.rest)

    def close(self) -> None:
        """End the sessions."""
        for source in self._sources.values():
            if source.link is not None:
                source.link.close()

    def _look(self, place: Place, source: _Source) -> Load:
        """What the source shows; what it does not let the account see is not known."""
        lag = history = None
        try:
            if source.link is None:
                source.link = self.job.source(place)
        except FlyballError:
            return Load()
        with contextlib.suppress(FlyballError):
            ((behind,),) = source.link.run(_LAG).rows
            lag = int(behind or b"0") / 1e6
        with contextlib.suppress(FlyballError, ValueError):
            ((waiting,),) = source.link.run(_HISTORY).rows
            history = int(waiting or b"0")
        return Load(lag, history)
