"""The loop that runs every controller: keys in, passes out, nothing in a hurry and nothing forgotten.

A key is due when an edge says so (:meth:`Loop.wake`), when its interval has gone by, when its last decision
asked for it (``again``) or when its backoff is over. Edges carry nothing: they only wake a key early, so a
lost one costs at most an interval, and a thousand of them cost one pass. What holds, always:

1. One pass a key is in flight. An edge during a pass brings exactly one more pass after it.
2. At most ``workers`` passes are in flight, and keys wait their turn in the order in which they fell due: those that
   something has happened to (an edge, a step, a decision's ``again``) before those whose interval has gone by, so
   that a loop with more keys than it has time for is late with its rounds and not with what is urgent. One turn in
   ``ROUNDS_TURN`` belongs to the rounds, whatever happens.
   Keys that failed last time may hold half of the slots at most, so broken keys that hang until their
   deadlines leave room for sound ones.
3. A pass that failed is followed by a jittered exponential backoff. An edge may cut it short, but not below
   ``rest``: nothing storms, however many edges a failure makes.
4. A step that changed something is followed by the next pass at once (at the end of the queue), ``in_a_row``
   times; then the key rests for an interval, edges or not, and its decision says so.
5. No pass ends the loop. Cancelling the loop cancels the passes in flight, and waits until they have ended.
6. A key at rest whose interval has gone by is only glanced at, where its controller can: a glance takes no task and
   decides nothing. If it shows nothing new the last decision stands, and counts as one more pass; else a pass follows
   at once. After ``GLANCES`` in a row, or fewer, comes a pass, so that nothing rests on a glance for long.
7. Glances take no worker from a pass, and wait for none: with as few in flight as there are workers, a thousand keys
   would wait for each other's answers while both sides are idle. Only while something urgent waits are they few.

The queue needs no bound of its own: a key is in it once. All methods belong to the event loop's thread.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from math import inf
from random import Random
from typing import Generic, TypeVar

from flyball.controller import (
    Controller,
    DeadlineError,
    Deadlines,
    Outcome,
    Pass,
    Stage,
    describe,
    record_pass,
    take_step,
)
from flyball.errors import FlyballError
from flyball.pace import KeyState, Pace, Place
from flyball.stability import Backoff

__all__ = ["Controller", "DeadlineError", "Deadlines", "KeyState", "Loop", "LoopHooks", "Outcome", "Stage"]

logger = logging.getLogger(__name__)

ROUNDS_TURN = 4
"""Of so many turns, one goes to a key whose interval has gone by, while others are urgent."""

GLANCES = 12
"""Glances in a row, at most, before a pass looks at everything anew; at random down to half of it, so that keys that
were added together do not have their passes together."""
GLANCES_AT_ONCE = 128
"""Glances in flight. So many answers that come at one moment are still read within their time limits."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
S = TypeVar("S")

Glance = Callable[[K, Callable[[bool], None]], bool]
"""Begin to look whether anything is new of a key since its last pass, and tell the second argument once, later, whether
nothing is; return whether it has begun. One that has not ended by the deadline for observing is followed by a pass."""


class LoopHooks:
    """What metrics may watch; override what you need. A hook that raises is logged and changes nothing."""

    def pass_started(self, loop: str, key: object) -> None:
        """A pass of ``key`` begins."""

    def pass_finished(
        self,
        loop: str,
        key: object,
        seconds: float,
        outcome: Outcome | Exception | None,
        failed: Stage | None,
    ) -> None:
        """A pass ended, well or badly, after ``seconds``; not called for a pass that its loop cancelled."""


class Loop(Generic[K, V, S]):
    """Runs one controller over many keys.

    :param name: for logs, metrics and errors.
    :param interval: the longest time between two passes of a sound key, in seconds; the true one is up to a
        fifth shorter, at random, so that keys spread. A function gives it for a number of keys.
    :param backoff: rests after failures.
    :param rest: the shortest time from a failed pass, edges or not, or from one that only asked for an early
        ``again``, to the next one, in seconds.
    :param workers: passes in flight at once, over all keys; from 2 up, one slow key delays no other.
    :param in_a_row: steps that may follow each other at once before the key rests for an interval.
    :param glance: looks whether a key at rest needs a pass.
    :param clock: seconds of a monotonic clock; the event loop's own when not given. Waits and deadlines are
        always the event loop's.
    :param random: where the interval's jitter comes from; the backoff's when not given.
    """

    def __init__(
        self,
        name: str,
        controller: Controller[K, V, S],
        *,
        interval: float | Callable[[int], float],
        deadlines: Deadlines,
        backoff: Backoff,
        rest: float = 0.05,
        workers: int = 32,
        in_a_row: int = 50,
        hooks: LoopHooks | None = None,
        glance: Glance[K] | None = None,
        clock: Callable[[], float] | None = None,
        random: Random | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"loop {name} needs a worker, not {workers}")
        self.name = name
        self._controller = controller
        self._deadlines = deadlines
        self._interval = interval if callable(interval) else None
        first = interval(0) if callable(interval) else interval
        self._pace = Pace(first, min(rest, first), in_a_row, backoff, random or backoff.random)
        self._workers = workers
        self._hooks = hooks or LoopHooks()
        self._glance = glance
        self._clock = clock
        self._places: dict[K, Place[K, V, S]] = {}
        self._urgent: dict[K, Place[K, V, S]] = {}  # in the order in which they fell due
        self._ready: dict[K, Place[K, V, S]] = {}
        self._at_rest: dict[K, Place[K, V, S]] = {}  # to be glanced at
        self._glancing = 0
        self._turns = 0
        self._running: dict[K, Place[K, V, S]] = {}
        self._passes: asyncio.TaskGroup | None = None  # while run() runs
        self._starting = False
        self._loop: asyncio.AbstractEventLoop | None = None  # while run() runs

    # --- keys ----------------------------------------------------------------------------------------

    @property
    def keys(self) -> frozenset[K]:
        """The keys that the loop takes care of."""
        return frozenset(key for key, place in self._places.items() if not place.gone)

    def add(self, key: K) -> None:
        """Takes care of ``key`` from now on, if it does not already; the first pass is due at once."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = Place(key)
            self._set_pace()
            self._schedule(place, -inf)
        elif place.gone:  # added again while its last pass is still in flight
            place.gone, place.woken = False, True

    def discard(self, key: K) -> None:
        """Forgets ``key``; a pass in flight ends as it would have, and no other follows."""
        place = self._places.get(key)
        if place is None:
            return
        place.gone = True
        if key not in self._running:
            self._forget(place)

    def wake(self, key: K) -> None:
        """An edge: a pass of ``key`` is due now, or as soon as its rest after a failure is over.

        A key that was never added, or is discarded, stays asleep: adding it brings a pass anyway.
        """
        place = self._places.get(key)
        if place is None:
            return
        if key in self._running:
            place.woken = True
        else:
            place.urgent = True
            self._schedule(place, -inf)

    def state(self, key: K) -> KeyState[S]:
        """The key as it stands now.

        :raises KeyError: the loop does not take care of ``key``.
        """
        place = self._places[key]
        running = key in self._running
        waits = self._loop is not None and not running and not any(key in queue for queue in self._queues())
        last = place.last
        return KeyState(
            passes=place.passes,
            running=running,
            age=max(0.0, self._now() - place.ended) if last else None,
            attempt=place.attempt,
            due=max(0.0, place.due - self._now()) if waits else 0.0,
            decision=last.decision if last else None,
            failed=last.failed if last else None,
            error=last.error if last else None,
        )

    # --- running -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs passes until cancelled; then cancels those in flight and waits for their end."""
        if self._loop is not None or self._running:
            raise RuntimeError(f"loop {self.name} runs already")
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as passes:
                self._passes = passes
                try:
                    for place in self._places.values():
                        self._schedule(place, place.due)
                    await self._loop.create_future()
                finally:
                    self._loop = self._passes = None  # nothing becomes due any more; the passes in flight end
        finally:
            for queue in (*self._queues(), self._running):
                queue.clear()
            self._glancing = 0
            for place in list(self._places.values()):
                place.glancing = None
                if place.gone:  # its pass was cancelled before it could begin
                    self._forget(place)
                elif place.timer is not None:
                    place.timer.cancel()

    def _start_soon(self) -> None:
        """Starts what is ready in the event loop's next turn: edges that come until then bring no pass of their own.

        No task waits for that: it would cost each pass two turns more.
        """
        if self._loop is not None and not self._starting:
            self._starting = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._starting = False
        while self._passes is not None and (turn := self._next()):
            if self._may_glance_at(turn):
                self._glance_at(turn)
            else:
                turn.glances = self._pace.glances(GLANCES)
                self._running[turn.key] = turn
                self._passes.create_task(self._pass(turn), name=f"{self.name} {turn.key}")

    def _next(self) -> Place[K, V, S] | None:
        rounds_first = self._turns % ROUNDS_TURN == ROUNDS_TURN - 1
        turn = self._next_round() if rounds_first else None
        turn = turn or self._next_pass(self._urgent) or self._next_round()
        if turn is not None:
            self._turns += 1
        return turn

    def _next_round(self) -> Place[K, V, S] | None:
        most = self._workers // ROUNDS_TURN if self._urgent else GLANCES_AT_ONCE
        if self._at_rest and self._glancing < max(1, most):
            return self._at_rest.pop(next(iter(self._at_rest)))
        return self._next_pass(self._ready)

    def _next_pass(self, queue: dict[K, Place[K, V, S]]) -> Place[K, V, S] | None:
        if not queue or len(self._running) - self._glancing >= self._workers:
            return None
        failing = sum(place.attempt > 0 for place in self._running.values())
        room_for_failing = failing < max(1, self._workers // 2)
        for key, place in queue.items():
            if place.attempt == 0 or room_for_failing:
                del queue[key]
                return place
        return None

    async def _pass(self, place: Place[K, V, S]) -> None:
        due = self._now() + self._pace.interval  # when it has no result, having cancelled its own task
        try:
            done, now = await self._observe_to_record(place)
            due = self._pace.settle(place, done, now)
        finally:
            self._leave(place, due)

    def _leave(self, place: Place[K, V, S], due: float) -> None:
        """The key's pass has ended, and the next one is due then."""
        del self._running[place.key]
        if place.gone:
            self._forget(place)
        elif self._loop is not None:  # else it is due still, for the next run
            place.urgent = place.urgent or place.woken
            self._schedule(place, -inf if place.woken else due)
            place.woken = False
        self._start_soon()

    def _may_glance_at(self, place: Place[K, V, S]) -> bool:
        last = place.last
        at_rest = last is not None and last.outcome is None and last.error is None and not place.urgent
        return self._glance is not None and at_rest and place.glances > 0

    def _glance_at(self, place: Place[K, V, S]) -> None:
        """Begin a glance; where there is none to be had, a pass is next."""
        token, started = object(), self._now()
        try:
            begun = self._glance is not None and self._glance(place.key, partial(self._glanced, place, token, started))
        except Exception:
            logger.exception("%s %s: a glance failed; looking in full", self.name, place.key, extra=self._fields(place))
            begun = False
        if not begun:
            place.glances = 0
            self._ready[place.key] = place
            return
        self._running[place.key] = place
        self._glancing += 1
        place.glances -= 1
        place.glancing = token
        late = partial(self._glanced, place, token, started, nothing_new=False)
        place.timer = asyncio.get_running_loop().call_later(self._deadlines.observe, late)

    def _glanced(self, place: Place[K, V, S], token: object, started: float, nothing_new: bool) -> None:  # noqa: FBT001 - a measurement
        if place.glancing is not token:
            return  # it ended with its run
        place.glancing, now = None, self._now()
        self._glancing -= 1
        if place.timer is not None:
            place.timer.cancel()
            place.timer = None
        if nothing_new:
            due = self._pace.rest_again(place, now)
            self._tell(lambda: self._hooks.pass_finished(self.name, place.key, now - started, None, None))
        else:
            due, place.woken = now, True
        self._leave(place, due)

    async def _observe_to_record(self, place: Place[K, V, S]) -> tuple[Pass[V, S], float]:
        key, started = place.key, self._now()
        self._tell(lambda: self._hooks.pass_started(self.name, key))
        previous = place.last.decision if place.last else None
        done = await take_step(self._controller, key, self._deadlines, previous)
        if self._pace.runs_away(place, done):
            awaited = f"the interval, since {self._pace.in_a_row} steps in a row did not come to rest"
            done = replace(done, decision=replace(done.decision, awaited=(*done.decision.awaited, awaited)))
            logger.warning("%s %s awaits %s", self.name, key, awaited, extra=self._fields(place))
        done = await record_pass(self._controller, key, self._deadlines, done)
        now = self._now()
        self._log(place, done)
        outcome = done.error or done.outcome
        self._tell(lambda: self._hooks.pass_finished(self.name, key, now - started, outcome, done.failed))
        return done, now

    def _schedule(self, place: Place[K, V, S], due: float) -> None:
        """Makes a key that is not running due at ``due``, never before its rest is over."""
        place.due = max(due, place.rest_until)
        if self._loop is None:
            return
        if place.timer is not None:
            place.timer.cancel()
            place.timer = None
        delay = 0.0 if place.due == -inf else place.due - self._now()
        if delay > 0:
            place.timer = self._loop.call_later(delay, self._fall_due, place)
        else:
            self._fall_due(place)

    def _fall_due(self, place: Place[K, V, S]) -> None:
        place.timer = None
        for queue in self._queues():
            queue.pop(place.key, None)
        if place.urgent:
            self._urgent[place.key] = place
        elif self._may_glance_at(place):
            self._at_rest[place.key] = place
        else:
            self._ready[place.key] = place
        self._start_soon()

    def _forget(self, place: Place[K, V, S]) -> None:
        if place.timer is not None:
            place.timer.cancel()
        for queue in self._queues():
            queue.pop(place.key, None)
        del self._places[place.key]
        self._set_pace()

    def _queues(self) -> tuple[dict[K, Place[K, V, S]], ...]:
        return self._urgent, self._ready, self._at_rest

    def _set_pace(self) -> None:
        """The interval for as many keys as there are."""
        if self._interval is not None:
            self._pace = replace(self._pace, interval=self._interval(len(self._places)))

    # --- telling -------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

    def _fields(self, place: Place[K, V, S]) -> dict[str, object]:
        return {"loop": self.name, "key": str(place.key)}

    def _tell(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Exception:
            logger.exception("loop %s: a metrics hook failed", self.name)

    def _log(self, place: Place[K, V, S], done: Pass[V, S]) -> None:
        if done.error is None or done.failed is None:
            return
        known = isinstance(done.error, FlyballError | DeadlineError)  # says all; a stack would add nothing
        logger.warning(
            "%s %s: %s failed: %s",
            self.name,
            place.key,
            done.failed.value,
            describe(done.error),
            exc_info=None if known else done.error,
            extra=self._fields(place) | {"stage": done.failed.value, "attempt": place.attempt + 1},
        )
