"""A key at rest is only glanced at, until something is new or it has been for long enough."""

import asyncio
from collections.abc import Callable

import pytest

from flyball.decision import Decision
from flyball.loop import GLANCES, Outcome

pytestmark = pytest.mark.looptime


class Eye:
    """Glances that take a tenth of a second, and find what the test says."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.nothing_new = True
        self.begins = True
        self.takes = 0.1

    def __call__(self, key: str, done: Callable[[bool], None]) -> bool:
        loop = asyncio.get_running_loop()
        if self.begins:
            self.at.append(loop.time())
            loop.call_later(self.takes, lambda: done(self.nothing_new))
        return self.begins


@pytest.fixture
def eye() -> Eye:
    return Eye()


async def test_a_key_at_rest_is_glanced_at_in_the_place_of_passes(make_loop, script, eye):
    loop = make_loop("a", interval=10.0, glance=eye)
    await asyncio.sleep(9 + 5 * 10)
    assert len(script.started["a"]) == 1
    assert 5 <= len(eye.at) <= 7
    assert all(8.0 <= later - earlier <= 10.2 for earlier, later in zip(eye.at, eye.at[1:], strict=False))
    state = loop.state("a")
    assert state.passes == 1 + len(eye.at)
    assert state.decision == Decision(wanted="rest")


async def test_what_is_new_brings_a_pass_at_once(make_loop, script, eye, highest):
    eye.nothing_new = False
    make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(15)
    assert script.started["a"] == [0.0, pytest.approx(10.1)]


async def test_after_some_glances_comes_a_pass(make_loop, script, eye, highest):
    make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(2 * (GLANCES + 1) * 10.2)
    assert len(script.started["a"]) == 3
    assert len(eye.at) == 2 * GLANCES


async def test_an_edge_during_a_glance_brings_a_pass_after_it(make_loop, script, eye, highest):
    loop = make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(10.05)
    loop.wake("a")
    assert script.started["a"] == [0.0]
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0, pytest.approx(10.1)]


async def test_an_edge_brings_a_pass_and_no_glance(make_loop, script, eye):
    loop = make_loop("a", interval=10.0, glance=eye)
    await asyncio.sleep(3)
    loop.wake("a")
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0, 3.0]
    assert eye.at == []


@pytest.mark.parametrize("what", ["asks for an early look", "took a step", "failed", "is not glanced at"])
async def test_only_rest_is_glanced_at(make_loop, script, eye, what):
    if what == "asks for an early look":
        script.on_decide = lambda *_: Decision(wanted="rest", again=2.0)
    elif what == "took a step":
        script.on_decide = lambda *_: Decision(wanted="rest", step="wait")

        async def waits(key, step):
            return Outcome.WAITING

        script.on_act = waits
    elif what == "failed":

        async def breaks(key):
            raise OSError

        script.on_observe = breaks
    else:
        eye.begins = False
    make_loop("a", interval=10.0, glance=eye)
    await asyncio.sleep(50)
    assert len(script.started["a"]) > 3
    assert eye.at == []


async def test_glances_wait_for_no_worker_and_take_none(make_loop, script, eye, highest):
    eye.takes = 4.0
    loop = make_loop("a", "b", "c", interval=10.0, glance=eye, workers=1, random=highest)
    await asyncio.sleep(11)
    assert eye.at == [10.0, 10.0, 10.0]
    loop.add("d")
    await asyncio.sleep(1)
    assert script.started["d"] == [11.0]


async def test_so_many_glances_go_on_at_once_and_no_more(make_loop, script, eye, highest, monkeypatch):
    monkeypatch.setattr("flyball.loop.GLANCES_AT_ONCE", 2)
    eye.takes = 4.0
    make_loop("a", "b", "c", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(15)
    assert eye.at == [10.0, 10.0, 14.0]


async def test_glances_are_few_while_something_urgent_waits(make_loop, script, eye, highest):
    eye.takes = 1.0

    async def takes_long(key: str) -> str:
        return await asyncio.sleep(3, "view") if key in "xyz" else "view"

    script.on_observe = takes_long
    loop = make_loop("a", "b", "c", interval=10.0, glance=eye, workers=1, random=highest)
    await asyncio.sleep(9)
    for key in "xyz":
        loop.add(key)
        loop.wake(key)
    await asyncio.sleep(9)
    assert eye.at == [10.0, 11.0, 12.0], "one after the other"


async def test_a_key_whose_glance_does_not_begin_waits_for_a_worker(make_loop, script, eye, highest):
    eye.begins = False

    async def takes_long(key: str) -> str:
        return await asyncio.sleep(4, "view")

    script.on_observe = takes_long
    make_loop("a", "b", interval=10.0, glance=eye, workers=1, random=highest)
    await asyncio.sleep(30)
    assert script.started["a"] == [0.0, 14.0, 28.0]
    assert script.started["b"] == [4.0, 18.0]


async def test_a_key_that_is_discarded_during_a_glance_is_gone_after_it(make_loop, script, eye, highest):
    loop = make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(10.05)
    loop.discard("a")
    await asyncio.sleep(100)
    assert loop.keys == frozenset()
    assert script.started["a"] == [0.0]
    assert len(eye.at) == 1


async def test_a_glance_that_ends_after_its_run_changes_nothing_in_the_next(make_loop, script, eye, highest):
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    loop = make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(10.05)
    loop.task.cancel()
    await asyncio.gather(loop.task, return_exceptions=True)
    again = asyncio.create_task(loop.run())
    await asyncio.sleep(1)
    assert failures == []
    assert loop.state("a").passes == 2, "a pass in the first run, a glance in the second"
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_a_glance_that_does_not_end_is_followed_by_a_pass(make_loop, script, eye, highest):
    eye.takes = 1000.0
    loop = make_loop("a", interval=10.0, glance=eye, random=highest)
    await asyncio.sleep(14)
    assert script.started["a"] == [0.0]
    await asyncio.sleep(2)
    assert script.started["a"] == [0.0, pytest.approx(15.0)], "after the deadline for observing"
    await asyncio.sleep(1100)  # the late ends of glances change nothing
    assert max(script.gaps("a")) < 16
    assert loop.state("a").passes == len(script.started["a"])


async def test_a_glance_that_fails_is_a_pass(make_loop, script, highest):
    def breaks(key: str, done: Callable[[bool], None]) -> bool:
        raise ValueError

    make_loop("a", "b", interval=10.0, glance=breaks, random=highest)
    await asyncio.sleep(35)
    assert script.started["a"] == script.started["b"] == [0.0, 10.0, 20.0, 30.0]
