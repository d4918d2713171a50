"""What each shard's record said while the run went on, so that a pause is told with what was awaited in it.

A record says why nothing happens; it is read a few times a second, since a store that is locked on purpose must not end
the listening.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from flyball.errors import FlyballError
from flyball.records import Shard
from flyball.store.port import Records

EACH = 0.2
"""Seconds between two looks."""


@dataclass(slots=True)
class Words:
    """What was said, and since when by the monotonic clock; by shard."""

    said: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))

    async def listen(self, records: Records, shards: Sequence[str]) -> None:
        """Listen until cancelled."""
        while True:
            for name in shards:
                with suppress(FlyballError, TimeoutError):
                    async with asyncio.timeout(1.0):
                        found = await records.get(Shard, name)
                    if found is not None:
                        self.note(name, time.monotonic(), said_by(found))
            await asyncio.sleep(EACH)

    def note(self, shard: str, at: float, text: str) -> None:
        """Take down what is said from ``at`` on."""
        told = self.said[shard]
        if not told or told[-1][1] != text:
            told.append((at, text))

    def during(self, shard: str, begin: float, end: float) -> dict[str, float]:
        """For how many seconds each was said from ``begin`` to ``end``, what was said longest first."""
        found: dict[str, float] = defaultdict(float)
        told = self.said[shard]
        for (since, text), (until, _) in zip(told, [*told[1:], (end, "")], strict=True):
            seconds = min(until, end) - max(since, begin)
            if seconds > 0:
                found[text] += round(seconds, 1)
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def said_by(shard: Shard) -> str:
    """The phase of a change of primary, and the decision in words."""
    transition, decision = shard.status.transition, shard.status.decision
    phase = f"{transition.phase.value}: " if transition is not None else ""
    if decision is None:
        return f"{phase}nothing"
    awaited = f"; awaited: {', '.join(decision.awaited)}" if decision.awaited else ""
    return f"{phase}{decision.why}{awaited}"
