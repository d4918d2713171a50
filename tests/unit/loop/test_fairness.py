"""Passes in flight are bounded, and a slow or broken key delays no other."""

import asyncio

import pytest

from flyball.decision import Decision
from flyball.loop import Deadlines, Outcome

pytestmark = pytest.mark.looptime


async def hang(key):
    await asyncio.Event().wait()


async def test_no_more_passes_are_in_flight_than_there_are_workers(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(1, "view")
    make_loop(*"abcdefgh", workers=3)
    await asyncio.sleep(20)
    assert script.most_in_flight["all"] == 3
    assert all(script.started[key] for key in "abcdefgh")


async def test_keys_take_their_turns_in_the_order_in_which_they_fell_due(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(1, "view")
    make_loop(*"abcd", workers=1, interval=100.0)
    await asyncio.sleep(10)
    assert [script.started[key] for key in "abcd"] == [[0.0], [1.0], [2.0], [3.0]]


async def test_a_slow_key_does_not_delay_the_others(make_loop, script):
    async def observe(key):
        return await asyncio.sleep(1000 if key == "slow" else 0, "view")

    script.on_observe = observe
    make_loop("slow", "a", "b", workers=2, interval=10.0, deadlines=Deadlines(2000, 5, 5))
    await asyncio.sleep(500)
    assert len(script.started["slow"]) == 1
    for key in "ab":
        assert len(script.started[key]) >= 50
        assert max(script.gaps(key)) <= 10.0


async def test_keys_that_hang_until_their_deadlines_leave_half_of_the_slots_to_sound_ones(make_loop, script):
    async def observe(key):
        return "view" if key == "sound" else await hang(key)

    script.on_observe = observe
    make_loop(*"abcdefgh", workers=4, interval=1.0, deadlines=Deadlines(50, 5, 5), base=0.1, cap=0.1)
    await asyncio.sleep(101)  # each has hung once, and is known for it
    assert script.in_flight["all"] == 2
    assert script.most_in_flight["all"] == 4


async def test_a_sound_key_is_on_time_beside_more_hanging_keys_than_workers(make_loop, script):
    async def observe(key):
        return "view" if key == "sound" else await hang(key)

    script.on_observe = observe
    make_loop(*"abcdefgh", "sound", workers=4, interval=1.0, deadlines=Deadlines(50, 5, 5), base=0.1, cap=0.1)
    await asyncio.sleep(150)  # the first round of deadlines is over
    before = len(script.started["sound"])
    await asyncio.sleep(300)
    assert len(script.started["sound"]) - before >= 300
    assert max(script.gaps("sound")[before:]) <= 1.0
    assert all(len(script.started[key]) > 1 for key in "abcdefgh")


async def test_a_key_that_always_changes_something_takes_turns_with_the_others(make_loop, script):
    async def act(key, step):
        await asyncio.sleep(1)
        return Outcome.CHANGED

    script.on_decide = lambda key, view: Decision(wanted="change", step="go" if key == "busy" else None)
    script.on_act = act
    make_loop("busy", "a", workers=1, interval=3.0, in_a_row=1000)
    await asyncio.sleep(100)
    assert len(script.started["busy"]) >= 90
    assert max(script.gaps("a")) <= 3.0 + 1.0


async def test_a_broken_key_does_not_stop_the_others(make_loop, script):
    async def observe(key):
        if key == "broken":
            raise RuntimeError("broken")
        return "view"

    script.on_observe = observe
    make_loop("broken", "a", workers=1)
    await asyncio.sleep(100)
    assert len(script.started["a"]) >= 10
    assert max(script.gaps("a")) <= 10.0


async def test_an_urgent_key_waits_for_no_round(make_loop, script):
    """A thousand keys take longer than their interval: one that an edge wakes does not stand behind all of them."""
    script.on_observe = lambda key: asyncio.sleep(1, "view")
    keys = [f"key {number}" for number in range(50)]
    loop = make_loop(*keys, workers=2, interval=10.0)
    await asyncio.sleep(60.5)
    woken = keys[0]
    before = len(script.started[woken])
    while loop.state(woken).running:  # noqa: ASYNC110 - the loop has no event for it
        await asyncio.sleep(0.1)
    now = asyncio.get_running_loop().time()
    loop.wake(woken)
    await asyncio.sleep(30)
    assert script.started[woken][before] - now <= 2.0


async def test_a_step_is_followed_by_the_next_before_any_round(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(1, "view")
    steps = iter(["one", "two", "three"])

    def decide(key, view):
        return Decision(
            wanted="steps", step=next(steps, None) if key == "busy" and asyncio.get_running_loop().time() > 60 else None
        )

    async def act(key, step):
        return Outcome.CHANGED

    script.on_decide, script.on_act = decide, act
    make_loop("busy", *(f"key {number}" for number in range(50)), workers=2, interval=10.0)
    await asyncio.sleep(150)
    first = next(at for at in script.started["busy"] if at >= 59)
    four = [at for at in script.started["busy"] if at >= first][:4]
    assert four[-1] - four[0] <= 8.0


async def test_rounds_go_on_beside_keys_that_are_always_urgent(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(1, "view")
    script.on_decide = lambda key, view: Decision(wanted="look again", again=0.1 if key != "quiet" else None)
    make_loop(*"abcdefgh", "quiet", workers=1, interval=10.0)
    await asyncio.sleep(200)
    assert len(script.started["quiet"]) >= 10
