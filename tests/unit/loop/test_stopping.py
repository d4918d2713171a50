"""Cancelling the loop cancels what is in flight, waits for it, and passes through."""

import asyncio

import pytest

from flyball.decision import Decision
from flyball.loop import Deadlines

pytestmark = pytest.mark.looptime


async def stop(loop):
    loop.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop.task


async def test_cancelling_the_loop_cancels_the_passes_in_flight_and_waits_for_their_end(make_loop, script):
    ended = []

    async def observe(key):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append(key)

    script.on_observe = observe
    loop = make_loop("a", "b")
    await asyncio.sleep(1)
    await stop(loop)
    assert sorted(ended) == ["a", "b"]
    assert script.recorded == []


@pytest.mark.parametrize("part", ["act", "record"])
async def test_a_cancelled_pass_is_not_turned_into_a_failure(make_loop, script, part, watch):
    async def hangs(*_):
        await asyncio.Event().wait()

    script.on_decide = lambda key, view: Decision(wanted="a step", step="go" if part == "act" else None)
    setattr(script, f"on_{part}", hangs)
    loop = make_loop("a", hooks=watch)
    await asyncio.sleep(1)
    await stop(loop)
    assert script.recorded == []
    assert [event[0] for event in watch.events] == ["started"]
    assert loop.state("a").error is None


async def test_a_loop_does_not_run_again_before_its_last_passes_have_ended(make_loop, script):
    async def observe(key):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)

    script.on_observe = observe
    loop = make_loop("a")
    await asyncio.sleep(1)
    loop.task.cancel()
    await asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="runs already"):
        await loop.run()
    await stop(loop)


async def test_nothing_is_passed_after_the_loop_has_ended(make_loop, script):
    loop = make_loop("a")
    await asyncio.sleep(1)
    await stop(loop)
    loop.wake("a")
    loop.add("b")
    await asyncio.sleep(100)
    assert script.started == {"a": [0.0]}


async def test_a_loop_that_ended_may_run_again_and_takes_up_what_it_left(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a", "b")
    await asyncio.sleep(1)
    loop.discard("b")
    await stop(loop)
    assert loop.keys == {"a"}
    assert not loop.state("a").running
    loop.task = asyncio.create_task(loop.run())
    await asyncio.sleep(3)
    await stop(loop)
    assert script.started == {"a": [0.0, 1.0], "b": [0.0]}
    assert [(entry.key, entry.at) for entry in script.recorded] == [("a", 3.0)]


async def test_a_loop_cancelled_in_its_first_moment_leaves_no_key_behind(make_loop, script):
    loop = make_loop("a", start=False)
    loop.task = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    await stop(loop)
    assert not loop.state("a").running
    loop.task = asyncio.create_task(loop.run())
    await asyncio.sleep(1)
    await stop(loop)
    assert len(script.recorded) == 1


async def test_a_loop_does_not_run_twice_at_once(make_loop):
    loop = make_loop("a")
    await asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="runs already"):
        await loop.run()


@pytest.mark.parametrize("wrong", [{"interval": 0}, {"workers": 0}, {"in_a_row": 0}, {"rest": 0}])
async def test_a_loop_that_could_never_work_is_refused(make_loop, wrong):
    with pytest.raises(ValueError, match="need"):
        make_loop(start=False, **wrong)


def test_a_deadline_of_nothing_is_refused():
    with pytest.raises(ValueError, match="deadline"):
        Deadlines(observe=1, act=0, record=1)
