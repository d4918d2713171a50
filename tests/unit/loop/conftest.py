"""A controller on strings, played from the test, and loops of it that live as long as the test."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest

from flyball.decision import Decision
from flyball.loop import Deadlines, Loop, LoopHooks
from flyball.stability import Backoff


class Highest(Random):
    """Jitter at its upper end, so that a delay is its ceiling."""

    def uniform(self, a, b):
        return b


@dataclass(frozen=True)
class Recorded:
    """One call of ``record``."""

    at: float
    key: str
    view: object
    decision: Decision
    outcome: object


class Script:
    """Does nothing, finds nothing wrong; a test replaces the part that it is about."""

    def __init__(self):
        self.started = defaultdict(list)
        self.in_flight = defaultdict(int)
        self.most_in_flight = defaultdict(int)
        self.recorded = []

    async def on_observe(self, key):
        return "view"

    def on_decide(self, key, view):
        return Decision(wanted="rest")

    async def on_act(self, key, step):
        raise AssertionError("no step was decided")

    async def on_record(self, key, view, decision, outcome):
        pass

    async def observe(self, key):
        self.started[key].append(asyncio.get_running_loop().time())
        for scope in (key, "all"):
            self.in_flight[scope] += 1
            self.most_in_flight[scope] = max(self.most_in_flight[scope], self.in_flight[scope])
        try:
            return await self.on_observe(key)
        finally:
            for scope in (key, "all"):
                self.in_flight[scope] -= 1

    def decide(self, key, view):
        return self.on_decide(key, view)

    async def act(self, key, step):
        return await self.on_act(key, step)

    async def record(self, key, view, decision, outcome):
        await self.on_record(key, view, decision, outcome)
        now = asyncio.get_running_loop().time()
        self.recorded.append(Recorded(now, key, view, decision, outcome))

    def gaps(self, key):
        """Seconds between the starts of consecutive passes."""
        times = self.started[key]
        return [later - earlier for earlier, later in pairwise(times)]


@pytest.fixture
def script():
    return Script()


@pytest.fixture
async def make_loop(script):
    """Builds loops of the script; ``start`` runs one until the test ends."""
    tasks = []

    def make(*keys, start=True, random=None, base=1.0, cap=60.0, **parameters):
        parameters = {"interval": 10.0, "deadlines": Deadlines(5.0, 5.0, 5.0), "rest": 0.1} | parameters
        loop = Loop("test", script, backoff=Backoff(base, cap, random or Random(7)), **parameters)
        for key in keys:
            loop.add(key)
        if start:
            loop.task = asyncio.create_task(loop.run())
            tasks.append(loop.task)
        return loop

    yield make
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results), results


class Watch(LoopHooks):
    """Hooks that keep what they are told."""

    def __init__(self):
        self.events = []

    def pass_started(self, loop, key):
        self.events.append(("started", loop, key))

    def pass_finished(self, loop, key, seconds, outcome, failed):
        self.events.append(("finished", loop, key, seconds, outcome, failed))


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def highest():
    return Highest()
