"""Edges wake a key early, the interval wakes it anyway, and one pass of it is in flight at a time."""

import asyncio
from random import Random

import pytest

from flyball.decision import Decision
from flyball.loop import Outcome

pytestmark = pytest.mark.looptime


async def test_a_key_is_passed_at_once_when_it_is_added(make_loop, script):
    make_loop("a")
    await asyncio.sleep(0)
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0]


async def test_the_interval_wakes_a_key_that_no_edge_wakes(make_loop, script):
    make_loop("a", interval=10.0)
    await asyncio.sleep(100)
    assert 10 <= len(script.gaps("a")) <= 12
    assert all(8.0 <= gap <= 10.0 for gap in script.gaps("a"))


async def test_keys_that_were_added_together_spread(make_loop, script):
    make_loop(*"abcdefgh", interval=10.0)
    await asyncio.sleep(100)
    assert len({script.started[key][0] for key in "abcdefgh"}) == 1
    assert len({script.started[key][5] for key in "abcdefgh"}) == 8


async def test_an_edge_wakes_a_key_before_its_interval(make_loop, script):
    loop = make_loop("a", "b")
    await asyncio.sleep(3)
    loop.wake("a")
    await asyncio.sleep(1)
    assert script.started == {"a": [0.0, 3.0], "b": [0.0]}


async def test_the_interval_starts_again_after_an_edge(make_loop, script, highest):
    loop = make_loop("a", interval=10.0, random=highest)
    await asyncio.sleep(3)
    loop.wake("a")
    await asyncio.sleep(11)
    assert script.started["a"] == [0.0, 3.0, 13.0]


async def test_many_edges_before_a_pass_bring_one_pass(make_loop, script):
    loop = make_loop("a")
    await asyncio.sleep(3)
    for _ in range(100):
        loop.wake("a")
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0, 3.0]


async def test_edges_during_a_pass_bring_exactly_one_more_pass_after_it(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a")
    await asyncio.sleep(1)
    loop.wake("a")
    loop.wake("a")
    await asyncio.sleep(0.5)
    loop.wake("a")
    await asyncio.sleep(5)
    assert script.started["a"] == [0.0, 2.0]


async def test_an_edge_while_the_pass_is_recorded_is_not_lost(make_loop, script):
    script.on_record = lambda *_: asyncio.sleep(2)
    loop = make_loop("a")
    await asyncio.sleep(1)
    loop.wake("a")
    await asyncio.sleep(4)
    assert script.started["a"] == [0.0, 2.0]


async def test_two_passes_of_a_key_are_never_in_flight_together(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(0.7, "view")
    loop = make_loop("a")
    dice = Random(3)
    for _ in range(200):
        await asyncio.sleep(dice.random())
        dice.choice([loop.wake, loop.add, loop.discard])("a")
    assert len(script.started["a"]) > 20
    assert script.most_in_flight["a"] == 1


async def test_a_decision_may_ask_for_an_earlier_pass(make_loop, script):
    script.on_decide = lambda key, view: Decision(wanted="rest", again=3.0)
    make_loop("a")
    await asyncio.sleep(7)
    assert script.started["a"] == [0.0, 3.0, 6.0]


async def test_a_step_that_waits_is_looked_at_again_when_its_decision_asks(make_loop, script):
    async def act(key, step):
        return Outcome.WAITING

    script.on_decide = lambda key, view: Decision(wanted="change", step="go", again=3.0)
    script.on_act = act
    make_loop("a")
    await asyncio.sleep(4)
    assert script.started["a"] == [0.0, 3.0]


async def test_a_decision_cannot_ask_for_less_than_the_interval_offers(make_loop, script):
    script.on_decide = lambda key, view: Decision(wanted="rest", again=1e6)
    make_loop("a", interval=10.0)
    await asyncio.sleep(15)
    assert script.started["a"] == [0.0, 10.0]


@pytest.mark.parametrize("again", [0.0, -5.0])
async def test_asking_for_no_delay_at_all_does_not_spin(make_loop, script, again):
    script.on_decide = lambda key, view: Decision(wanted="rest", again=again)
    make_loop("a", rest=0.5)
    await asyncio.sleep(5.2)
    assert len(script.started["a"]) == 11


async def test_an_edge_for_an_unknown_key_is_ignored(make_loop, script):
    loop = make_loop("a")
    loop.wake("b")
    await asyncio.sleep(30)
    assert "b" not in script.started


async def test_an_edge_before_the_loop_runs_is_no_second_pass(make_loop, script):
    loop = make_loop("a", start=False)
    loop.wake("a")
    loop.task = asyncio.create_task(loop.run())
    await asyncio.sleep(1)
    loop.task.cancel()
    assert script.started["a"] == [0.0]


async def test_a_key_added_twice_has_one_place(make_loop, script):
    loop = make_loop("a", "a")
    await asyncio.sleep(1)
    loop.add("a")
    await asyncio.sleep(1)
    assert loop.keys == {"a"}
    assert script.started["a"] == [0.0]


async def test_a_discarded_key_is_passed_no_more(make_loop, script):
    loop = make_loop("a", "b")
    await asyncio.sleep(1)
    loop.discard("a")
    loop.wake("a")
    await asyncio.sleep(100)
    assert loop.keys == {"b"}
    assert script.started["a"] == [0.0]
    with pytest.raises(KeyError):
        loop.state("a")


async def test_a_key_discarded_while_it_waits_for_its_turn_is_not_passed(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a", "b", workers=1)
    await asyncio.sleep(1)
    loop.discard("b")
    await asyncio.sleep(5)
    assert "b" not in script.started


async def test_a_key_discarded_during_its_pass_ends_it_and_leaves(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a")
    await asyncio.sleep(1)
    loop.wake("a")
    loop.discard("a")
    assert loop.keys == frozenset()
    await asyncio.sleep(100)
    assert script.started["a"] == [0.0]
    assert [entry.at for entry in script.recorded] == [2.0]


async def test_a_key_added_again_during_its_last_pass_is_passed_after_it(make_loop, script):
    script.on_observe = lambda key: asyncio.sleep(2, "view")
    loop = make_loop("a")
    await asyncio.sleep(1)
    loop.discard("a")
    loop.add("a")
    await asyncio.sleep(2)
    assert script.started["a"] == [0.0, 2.0]
    assert script.most_in_flight["a"] == 1
