"""A step that changed something is followed by a look at once, but not for ever."""

import asyncio

import pytest

from flyball.decision import Decision
from flyball.loop import Outcome, Stage

pytestmark = pytest.mark.looptime


def always(key, view):
    return Decision(wanted="change", step="go", awaited=("the end",))


async def changes(key, step):
    return Outcome.CHANGED


async def test_nothing_is_acted_when_no_step_was_decided(make_loop, script):
    make_loop("a")
    await asyncio.sleep(0.01)
    (entry,) = script.recorded
    assert (entry.view, entry.decision, entry.outcome) == ("view", Decision(wanted="rest"), None)


async def test_a_step_that_changed_something_is_followed_by_a_pass_at_once(make_loop, script):
    steps = ["one", "two", "three"]

    async def act(key, step):
        steps.remove(step)
        return Outcome.CHANGED

    script.on_decide = lambda key, view: Decision(wanted="all steps", step=steps[0] if steps else None)
    script.on_act = act
    make_loop("a")
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0] * 4
    assert [entry.outcome for entry in script.recorded] == [Outcome.CHANGED] * 3 + [None]


async def test_a_step_that_waits_leaves_the_next_pass_to_an_edge_or_the_interval(make_loop, script):
    async def act(key, step):
        return Outcome.WAITING

    script.on_decide, script.on_act = always, act
    loop = make_loop("a")
    await asyncio.sleep(3)
    assert script.started["a"] == [0.0]
    loop.wake("a")
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0, 3.0]


async def test_steps_that_do_not_come_to_rest_are_slowed_to_the_interval_and_the_decision_says_so(
    make_loop, script, caplog
):
    script.on_decide, script.on_act = always, changes
    make_loop("a", in_a_row=5, interval=10.0)
    await asyncio.sleep(7.9)
    assert script.started["a"] == [0.0] * 5
    said = [entry.decision.awaited for entry in script.recorded]
    assert said == [("the end",)] * 4 + [("the end", "the interval, since 5 steps in a row did not come to rest")]
    assert "did not come to rest" in caplog.text
    await asyncio.sleep(2.2)
    assert len(script.started["a"]) == 10


async def test_edges_do_not_hurry_steps_that_do_not_come_to_rest(make_loop, script):
    async def act(key, step):
        loop.wake(key)
        return Outcome.CHANGED

    script.on_decide, script.on_act = always, act
    loop = make_loop("a", in_a_row=5, interval=10.0)
    for _ in range(70):
        await asyncio.sleep(0.1)
        loop.wake("a")
    assert len(script.started["a"]) == 5


async def test_steps_that_come_to_rest_in_between_may_be_many(make_loop, script):
    async def act(key, step):
        return Outcome.CHANGED if len(script.started[key]) % 4 else Outcome.WAITING

    script.on_decide, script.on_act = always, act
    loop = make_loop("a", in_a_row=5)
    for _ in range(10):
        await asyncio.sleep(0.1)
        loop.wake("a")
    await asyncio.sleep(0.1)
    assert len(script.started["a"]) == 44
    assert not any("in a row" in str(entry.decision.awaited) for entry in script.recorded)


async def test_hooks_are_told_of_each_pass_with_its_length_and_outcome(make_loop, script, watch):
    async def act(key, step):
        await asyncio.sleep(2)
        raise ValueError("no")

    script.on_decide, script.on_act = always, act
    make_loop("a", hooks=watch, base=1000, cap=1000)
    await asyncio.sleep(3)
    started, (kind, name, key, seconds, outcome, failed) = watch.events
    assert started == ("started", "test", "a")
    assert (kind, name, key, seconds, failed) == ("finished", "test", "a", 2.0, Stage.ACT)
    assert isinstance(outcome, ValueError)


async def test_a_hook_that_raises_changes_nothing(make_loop, script, watch):
    def broken(*_):
        raise RuntimeError("metrics are down")

    watch.pass_started = watch.pass_finished = broken
    loop = make_loop("a", hooks=watch)
    await asyncio.sleep(100)
    assert len(script.started["a"]) >= 10
    assert loop.state("a").error is None


async def test_the_state_of_a_key_tells_where_it_stands(make_loop, script, highest):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a", random=highest)
    fresh = loop.state("a")
    assert (fresh.passes, fresh.running, fresh.age, fresh.due, fresh.decision) == (0, False, None, 0.0, None)
    await asyncio.sleep(1)
    assert loop.state("a").running
    await asyncio.sleep(4)
    state = loop.state("a")
    assert (state.passes, state.running, state.age, state.attempt, state.due) == (1, False, 3.0, 0, 7.0)
    assert state.decision == Decision(wanted="rest")
