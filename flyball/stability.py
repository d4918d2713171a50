"""What keeps a feedback loop from oscillating, storming and overreacting, as pure values.

Nothing here reads a clock: ``now`` is an argument, in seconds of any clock that only moves forward, and all
calls on one value use the same clock. Nothing here mutates: each call returns a new value, so a decision may
try one out and throw it away.

    Backoff                   how long to rest after a failure
    Persistence               a finding counts only once it has lasted
    AntiFlap                  a shard that has just failed over is left alone for a while
    Budget, take_all          at most so many disruptive steps at once, and in a while
    Turns                     urgent steps take turns, in the order in which they were asked for
    fleet_suspects_observer   when many shards look dead at once, it is the observer that is ill

None of them is a safety rule: data stays safe if all of them are wrong, for no safety rests on a clock. They
keep the cure from being worse than the disease.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

_EPSILON = 1e-6
"""Seconds or tokens that floating-point arithmetic may lose."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: a delay between 0 and the exponential ceiling.

    Full jitter spreads the retries of many clients best for the work they cost ("Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015).

    :param base: the first ceiling, in seconds.
    :param cap: the highest ceiling, in seconds.
    :param random: where the jitter comes from; seeded, every run is the same.
    """

    base: float
    cap: float
    random: Random

    def __post_init__(self) -> None:
        if not 0 < self.base <= self.cap:
            raise ValueError(f"a backoff needs 0 < base <= cap, not base {self.base} and cap {self.cap}")

    def ceiling(self, attempt: int) -> float:
        """The longest delay, in seconds, after the ``attempt``-th failure in a row (the first is 1)."""
        doublings = min(max(attempt, 1) - 1, 62)  # 2.0 ** 1024 would overflow
        return min(self.cap, self.base * 2.0**doublings)

    def delay(self, attempt: int) -> float:
        """A delay in seconds after the ``attempt``-th failure in a row, anywhere in [0, ceiling]."""
        return self.random.uniform(0.0, self.ceiling(attempt))


@dataclass(frozen=True, slots=True)
class Persistence:
    """Hysteresis: holds once something was seen ``count`` times in a row over at least ``seconds``.

    Both are asked for. The count alone is reached within a moment by passes that follow each other at once;
    the time alone is reached by two looks with a long sleep of the observer between them. One look without
    it starts all over.
    """

    count: int
    seconds: float
    seen: int = 0
    since: float = 0.0
    last: float = 0.0

    def feed(self, now: float, present: bool) -> "Persistence":  # noqa: FBT001 - a measurement, not a mode
        """The value after one more observation, made at ``now``."""
        if not present:
            return replace(self, seen=0, since=now, last=now)
        since = self.since if self.seen else now
        return replace(self, seen=self.seen + 1, since=since, last=now)

    @property
    def holds(self) -> bool:
        """Whether the finding has lasted long enough to act upon."""
        return self.seen >= max(self.count, 1) and self.last - self.since >= self.seconds - _EPSILON


@dataclass(frozen=True, slots=True)
class AntiFlap:
    """A shard that has just failed over rests, so that a fault which moves with the primary is not chased.

    - It rests from every voluntary step (a switchover that nobody needs now) for ``voluntary_rest`` after
      its last failover.
    - It rests from a third emergency failover in a row for ``first_rest`` after the second, and for twice as long
      from each further one, up to ``emergency_rest``. The first two never wait: the second may be the first one's
      candidate dying, and each second of waiting is a second without writes. So a shard whose primaries died three
      times within minutes, each for a reason of its own, pays seconds, and one that keeps losing them a minute.

    Failovers are in a row while each came within ``window`` of the one before, and the last within
    ``window`` of now. Failovers that seem to lie in the future (a clock was set back) are left out.

    :param failovers: when past emergency failovers ended, in seconds, in any order.
    """

    failovers: tuple[float, ...] = ()
    voluntary_rest: float = 60.0
    first_rest: float = 5.0
    emergency_rest: float = 60.0
    window: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.first_rest <= self.emergency_rest:
            raise ValueError(f"a first rest of {self.first_rest} s is longer than the longest, {self.emergency_rest} s")
        if self.emergency_rest > self.window:
            raise ValueError(
                f"failovers in a row are forgotten after {self.window} s, before their rest of "
                f"{self.emergency_rest} s is over: the window must be at least as long as the rest"
            )

    def in_a_row(self, now: float) -> int:
        """How many failovers, the last one first, have followed each other within the window."""
        later, count = now, 0
        for moment in sorted((t for t in self.failovers if t <= now), reverse=True):
            if later - moment > self.window:
                break
            later, count = moment, count + 1
        return count

    def voluntary_allowed(self, now: float) -> float:
        """The moment from which a voluntary step is allowed; ``now`` when it is allowed already."""
        return self._rested(now, self.voluntary_rest)

    def emergency_allowed(self, now: float) -> float:
        """The moment from which an emergency failover is allowed; ``now`` when it is allowed already."""
        return self._rested(now, self.rest(now))

    def rest(self, now: float) -> float:
        """Seconds from the last emergency failover to the next one that is allowed."""
        count = self.in_a_row(now)
        return 0.0 if count < 2 else min(self.emergency_rest, self.first_rest * 2.0 ** min(count - 2, 62))

    def _rested(self, now: float, rest: float) -> float:
        return max([now, *(t + rest for t in self.failovers if t <= now)])


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``at_once`` disruptive steps in flight and ``per_window`` begun in any ``window`` of seconds.

    A token bucket: it starts full, each step begun takes a token, and tokens come back evenly over the
    window. One value covers one scope: a shard, a keyspace or the fleet (:func:`take_all` asks several).
    Who holds a step is named, so that asking again for a step in flight costs nothing and giving back twice
    gives once.
    """

    at_once: int
    per_window: int
    window: float
    holders: frozenset[str] = frozenset()
    missing: float = 0.0
    """Tokens taken that had not come back at ``asked``."""
    asked: float = 0.0

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.per_window < 1 or self.window <= 0:
            raise ValueError(f"a budget that allows nothing holds everything for ever: {self}")

    def allowed(self, now: float) -> float | None:
        """The moment from which a new holder may begin; ``now`` when it may already.

        None when it waits for a holder to give back, which no clock foretells.
        """
        if len(self.holders) >= self.at_once:
            return None
        short = self._missing(now) + 1.0 - self.per_window
        return now if short <= _EPSILON else now + short * self.window / self.per_window

    def take(self, now: float, holder: str) -> "Budget | None":
        """The budget with a step of ``holder`` begun, or None when there is no room for it now."""
        if holder in self.holders:
            return self
        if self.allowed(now) != now:
            return None
        return replace(self, holders=self.holders | {holder}, missing=self._missing(now) + 1.0, asked=now)

    def give_back(self, holder: str) -> "Budget":
        """The budget once the step of ``holder`` has ended, well or badly; its token stays spent."""
        return replace(self, holders=self.holders - {holder})

    def _missing(self, now: float) -> float:
        back = max(0.0, now - self.asked) * self.per_window / self.window
        return max(0.0, self.missing - back)


def take_all(budgets: Sequence[Budget], now: float, holder: str) -> tuple[Budget, ...] | None:
    """``budgets`` (a shard's, its keyspace's, the fleet's) with the step begun; None if one refuses."""
    taken = tuple(budget.take(now, holder) for budget in budgets)
    granted = tuple(budget for budget in taken if budget is not None)
    return granted if len(granted) == len(taken) else None


@dataclass(frozen=True, slots=True)
class Turns:
    """Places for steps that are urgent and many at once, given in the order in which they were asked for.

    One process begins three hundred failovers no faster together than one after the other, but together the first of
    them ends no sooner than the last. So only some have a place, and the rest wait in a row; a handful never waits.
    A step that has not ended after ``patience`` goes on, and its place is free: it waits for something that
    the others must not wait for.

    :param at_once: places.
    :param patience: seconds for which a place is kept.
    """

    at_once: int
    patience: float
    holders: Mapping[str, float] = field(default_factory=dict)
    """Who has a place, and since when."""
    waiting: tuple[str, ...] = ()

    def ahead(self, who: str, now: float) -> int:
        """How many must end, or be given up, before ``who`` may begin; 0 when it may now."""
        if (not self.holders and not self.waiting) or who in self.holders:
            return 0
        position = self.waiting.index(who) if who in self.waiting else len(self.waiting)
        return max(0, position + 1 - self._free(now))

    def ask(self, who: str) -> "Turns":
        """With ``who`` at the end of the row, or where it stands in it already."""
        return self if who in self.waiting or who in self.holders else replace(self, waiting=(*self.waiting, who))

    def take(self, who: str, now: float) -> "Turns":
        """With a place for ``who`` from now on, free or not: whoever has begun has one."""
        if who in self.holders:
            return self
        return replace(self.without(who), holders={**self.holders, who: now})

    def without(self, who: str) -> "Turns":
        """With ``who`` neither in a place nor in the row."""
        if who not in self.holders and who not in self.waiting:
            return self
        holders = {holder: since for holder, since in self.holders.items() if holder != who}
        return replace(self, holders=holders, waiting=tuple(other for other in self.waiting if other != who))

    def due(self, now: float) -> tuple[str, ...]:
        """Those of the row who may begin now."""
        return self.waiting[: max(0, self._free(now))]

    def _free(self, now: float) -> int:
        """Places that nobody has; less than none where some have begun without one."""
        return self.at_once - sum(now - since < self.patience for since in self.holders.values())


def fleet_suspects_observer(dead: int, total: int) -> bool:
    """Whether so many shards look dead at once that the observer is to be suspected, and held.

    The rule: more than 3 shards *and* more than 20 % of the fleet. Primaries die one at a time; a fleet
    that dies within one interval is more likely an observer whose network, disk or clock has failed, and a
    wrong failover of everything is the worst that it could do. Up to three dead shards are always believed,
    so an installation of one to three shards is never held: when both primaries of two shards die, both
    fail over.

    :param dead: shards whose primary looks dead on nothing but the observer's own word. A death that a
        reached replica bears out (it no longer hears the primary) has a second witness and is not counted,
        or the true loss of a zone would be held for ever.
    :param total: shards of the fleet.
    """
    if not 0 <= dead <= total:
        raise ValueError(f"{dead} dead shards of {total} cannot be")
    return dead > 3 and dead * 5 > total
