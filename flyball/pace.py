"""When a key's next pass is due: the interval, the backoff, and the rests that keep an edge from storming.

Arithmetic only; the loop hands in the time. The rules are those of :mod:`flyball.loop`, of which this is the
part without a task in it.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Generic, TypeVar

from flyball.controller import Outcome, Pass, Stage
from flyball.decision import Decision
from flyball.stability import Backoff

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class KeyState(Generic[S]):
    """A key as it stands in the loop now: the live figures that no record carries."""

    passes: int
    """Passes that ended."""
    running: bool
    """Whether a pass is in flight."""
    age: float | None
    """Seconds since the last pass ended; None before the first."""
    attempt: int
    """Failures in a row; 0 after a good pass."""
    due: float
    """Seconds until the next pass if no edge comes; 0 when it is in flight, or waits for its turn only."""
    decision: Decision[S] | None
    """The last pass's decision."""
    failed: Stage | None
    """The part of the last pass that failed."""
    error: Exception | None
    """Why it failed."""


class Place(Generic[K, V, S]):
    """A key's place in its loop; what changes from pass to pass."""

    __slots__ = (
        "attempt",
        "due",
        "ended",
        "glances",
        "glancing",
        "gone",
        "key",
        "last",
        "passes",
        "rest_until",
        "streak",
        "timer",
        "urgent",
        "woken",
    )

    def __init__(self, key: K) -> None:
        self.key = key
        self.due = -inf
        self.rest_until = -inf
        """No pass before this moment, edges or not."""
        self.timer: asyncio.TimerHandle | None = None
        self.woken = False
        """An edge came during the pass in flight."""
        self.urgent = False
        """Something has happened to the key since its last pass, or its last decision asks for an early look."""
        self.glancing: object | None = None
        """Which glance is in flight."""
        self.glances = 0
        """Glances until the next pass."""
        self.gone = False
        """Discarded during the pass in flight."""
        self.passes = 0
        self.attempt = 0
        self.streak = 0
        """Steps that changed something, one right after the other."""
        self.ended = 0.0
        self.last: Pass[V, S] | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a loop may go; the parameters are those of :class:`flyball.loop.Loop`."""

    interval: float
    rest: float
    in_a_row: int
    backoff: Backoff
    random: Random

    def __post_init__(self) -> None:
        if self.rest <= 0 or self.interval < self.rest or self.in_a_row < 1:
            raise ValueError(f"a loop needs 0 < rest <= interval and in_a_row of 1 or more: {self}")

    def jittered(self) -> float:
        """One interval, up to a fifth shorter, at random."""
        return self.interval * self.random.uniform(0.8, 1.0)

    def glances(self, most: int) -> int:
        """How many glances may follow a pass: ``most``, or fewer by up to a half, at random."""
        return round(most * self.random.uniform(0.5, 1.0))

    def runs_away(self, place: Place[K, V, S], done: Pass[V, S]) -> bool:
        """Whether a pass that changed something was the last that may be followed by another at once."""
        return done.outcome is Outcome.CHANGED and place.streak + 1 >= self.in_a_row

    def rest_again(self, place: Place[K, V, S], now: float) -> float:
        """Keeps in ``place`` that a glance showed nothing new; returns the moment at which the next one is due."""
        place.passes += 1
        place.ended = now
        return now + self.jittered()

    def settle(self, place: Place[K, V, S], done: Pass[V, S], now: float) -> float:
        """Keeps in ``place`` what a pass left; returns the moment at which the next one is due."""
        runs_away = self.runs_away(place, done)
        place.passes += 1
        place.ended, place.last, place.urgent = now, done, False
        if done.error is not None:
            place.attempt, place.streak = place.attempt + 1, 0
            place.rest_until = now + self.rest
            return now + self.backoff.delay(place.attempt)
        place.attempt = 0
        if runs_away:
            place.streak, place.rest_until = 0, now + self.jittered()
            return place.rest_until
        if done.outcome is Outcome.CHANGED:
            place.streak, place.urgent = place.streak + 1, True
            return now
        place.streak = 0
        again = done.decision.again
        place.urgent = again is not None
        return now + (self.jittered() if again is None else min(self.interval, max(self.rest, again)))
