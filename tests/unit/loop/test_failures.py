"""A pass that fails is told, backed off from and never the end of the loop."""

import asyncio

import pytest

from flyball.decision import Decision
from flyball.errors import Code, MemberError
from flyball.loop import DeadlineError, Deadlines, Outcome, Stage

pytestmark = pytest.mark.looptime


class BrokenError(Exception):
    pass


def fails(*_):
    raise BrokenError("no luck")


async def fails_later(*_):
    raise BrokenError("no luck")


async def hangs(*_):
    await asyncio.Event().wait()


def wants_a_step(key, view):
    return Decision(wanted="a step taken", seen=("nothing",), step="go", why="it is time")


async def changes(key, step):
    return Outcome.CHANGED


async def waits(key, step):
    return Outcome.WAITING


@pytest.mark.parametrize("stage", ["observe", "act", "record"])
async def test_a_part_that_outlasts_its_deadline_fails_under_its_own_name(make_loop, script, stage):
    script.on_decide, script.on_act = wants_a_step, waits
    setattr(script, f"on_{stage}", hangs)
    limits = {"observe": 2.0, "act": 3.0, "record": 4.0}
    loop = make_loop("a", deadlines=Deadlines(**limits), base=1000, cap=1000)
    await asyncio.sleep(limits[stage] - 0.1)
    assert loop.state("a").running
    await asyncio.sleep(0.2)
    state = loop.state("a")
    assert (state.running, state.attempt, state.failed) == (False, 1, Stage(stage))
    assert isinstance(state.error, DeadlineError)
    assert f"{stage} did not end within its deadline of {limits[stage]:g} s" in str(state.decision.seen)


async def test_a_time_out_of_the_controllers_own_is_not_called_a_deadline(make_loop, script):
    async def observe(key):
        raise TimeoutError("the member is slow")

    script.on_observe = observe
    loop = make_loop("a")
    await asyncio.sleep(0.01)
    assert loop.state("a").decision.seen == ("observe failed: TimeoutError: the member is slow",)


async def test_a_part_that_swallows_its_deadline_is_late_all_the_same(make_loop, script):
    async def observe(key):
        try:
            await hangs()
        except asyncio.CancelledError:
            return "view"

    script.on_observe = observe
    loop = make_loop("a", deadlines=Deadlines(2, 5, 5))
    await asyncio.sleep(2.01)
    assert isinstance(loop.state("a").error, DeadlineError)


async def test_a_part_that_breaks_over_its_deadline_is_late_all_the_same(make_loop, script):
    async def observe(key):
        try:
            await hangs()
        finally:
            raise BrokenError("while cleaning up")

    script.on_observe = observe
    loop = make_loop("a", deadlines=Deadlines(2, 5, 5))
    await asyncio.sleep(2.01)
    assert isinstance(loop.state("a").error, DeadlineError)


async def test_failures_in_a_row_are_followed_by_longer_and_longer_rests_up_to_the_cap(make_loop, script, highest):
    script.on_observe = fails_later
    make_loop("a", base=1.0, cap=20.0, random=highest)
    await asyncio.sleep(80)
    assert script.gaps("a") == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


async def test_the_rests_are_jittered_apart(make_loop, script):
    script.on_observe = fails_later
    make_loop(*"abcdefgh", base=1.0, cap=20.0)
    await asyncio.sleep(100)
    assert len({tuple(script.gaps(key)[:5]) for key in "abcdefgh"}) == 8


async def test_the_backoff_starts_again_after_a_good_pass(make_loop, script, highest):
    async def observe(key):
        if len(script.started[key]) != 4:
            raise BrokenError
        return "view"

    script.on_observe = observe
    loop = make_loop("a", base=1.0, interval=10.0, random=highest)
    await asyncio.sleep(8)
    assert loop.state("a").attempt == 0
    await asyncio.sleep(13)
    assert script.gaps("a") == [1.0, 2.0, 4.0, 10.0, 1.0, 2.0]


async def test_an_edge_cuts_a_backoff_short(make_loop, script):
    script.on_observe = fails_later
    loop = make_loop("a", base=1000, cap=1000, random=None)
    await asyncio.sleep(3)
    loop.wake("a")
    await asyncio.sleep(0.01)
    assert script.started["a"] == [0.0, 3.0]


async def test_edges_cannot_make_a_failing_key_storm(make_loop, script):
    async def observe(key):
        for _ in range(10):
            loop.wake(key)
        raise BrokenError

    script.on_observe = observe
    loop = make_loop("a", base=1000, cap=1000, rest=0.5)
    for _ in range(100):
        loop.wake("a")
        await asyncio.sleep(0.1)
    assert 15 <= len(script.started["a"]) <= 21
    assert min(script.gaps("a")) >= 0.5 - 1e-6


async def test_a_short_jitter_is_no_shorter_than_the_rest(make_loop, script):
    script.on_observe = fails_later
    make_loop("a", base=0.001, cap=0.001, rest=0.5)
    await asyncio.sleep(5.2)
    assert len(script.started["a"]) == 11


async def test_a_failure_to_observe_is_recorded_with_a_decision_that_says_so(make_loop, script):
    error = MemberError(Code.MEMBER_UNREACHABLE, "commerce-0 does not answer", "look at its log")

    async def observe(key):
        raise error

    script.on_observe = observe
    make_loop("a")
    await asyncio.sleep(0.01)
    (entry,) = script.recorded
    assert (entry.view, entry.outcome) == (None, error)
    assert entry.decision == Decision(
        wanted="a: not known yet",
        seen=("observe failed: FB3001: commerce-0 does not answer Next: look at its log",),
        why="nothing can be decided while observe fails",
        awaited=("the next attempt, after a backoff",),
    )


async def test_a_failure_to_decide_is_recorded_with_the_view(make_loop, script):
    script.on_decide = fails
    make_loop("a")
    await asyncio.sleep(0.01)
    (entry,) = script.recorded
    assert entry.view == "view"
    assert isinstance(entry.outcome, BrokenError)
    assert entry.decision.seen == ("decide failed: BrokenError: no luck",)


async def test_a_failed_step_is_recorded_with_its_decision(make_loop, script):
    script.on_decide, script.on_act = wants_a_step, fails_later
    make_loop("a")
    await asyncio.sleep(0.01)
    (entry,) = script.recorded
    assert isinstance(entry.outcome, BrokenError)
    assert entry.decision == Decision(
        wanted="a step taken",
        seen=("nothing", "act failed: BrokenError: no luck"),
        step="go",
        why="it is time",
        awaited=("the next attempt, after a backoff",),
    )


async def test_a_failed_pass_keeps_the_set_point_of_the_one_before(make_loop, script):
    loop = make_loop("a")
    await asyncio.sleep(0.01)
    script.on_observe = fails_later
    loop.wake("a")
    await asyncio.sleep(0.01)
    assert script.recorded[-1].decision.wanted == "rest"


async def test_equal_failures_leave_equal_decisions(make_loop, script):
    script.on_observe = fails_later
    make_loop("a", base=1.0, cap=1.0)
    await asyncio.sleep(20)
    assert len(script.recorded) > 10
    assert len({entry.decision for entry in script.recorded}) == 1


async def test_a_failure_to_record_is_backed_off_from_and_told_in_the_state(make_loop, script, highest):
    script.on_record = fails_later
    loop = make_loop("a", base=2.0, random=highest)
    await asyncio.sleep(1)
    state = loop.state("a")
    assert (state.attempt, state.failed, state.due) == (1, Stage.RECORD, 1.0)
    assert "record failed: BrokenError: no luck" in state.decision.seen
    await asyncio.sleep(1.5)
    assert script.started["a"] == [0.0, 2.0]


async def test_a_change_that_could_not_be_recorded_is_no_reason_to_hurry(make_loop, script, highest):
    script.on_decide, script.on_act, script.on_record = wants_a_step, changes, fails_later
    make_loop("a", base=2.0, random=highest)
    await asyncio.sleep(1)
    assert script.started["a"] == [0.0]


async def test_what_failed_first_stays_the_error_when_recording_fails_too(make_loop, script):
    script.on_observe, script.on_record = hangs, fails_later
    loop = make_loop("a", deadlines=Deadlines(2, 5, 5))
    await asyncio.sleep(2.01)
    assert loop.state("a").failed is Stage.OBSERVE


async def test_something_cancelled_elsewhere_is_a_failure_and_not_the_end_of_the_key(make_loop, script):
    async def observe(key):
        other = asyncio.get_running_loop().create_future()
        other.cancel()
        await other

    script.on_observe = observe
    loop = make_loop("a", base=1.0, cap=1.0)
    await asyncio.sleep(20)
    assert loop.state("a").attempt > 10
    assert "waited for something that was cancelled" in str(loop.state("a").decision.seen)


async def test_a_pass_that_cancels_its_own_task_comes_again(make_loop, script):
    async def observe(key):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    script.on_observe = observe
    make_loop("a", interval=10.0)
    await asyncio.sleep(35)
    assert script.started["a"] == [0.0, 10.0, 20.0, 30.0]


async def test_a_failed_pass_is_logged_with_its_key_and_stage(make_loop, script, caplog):
    script.on_observe = fails_later
    make_loop("a", base=1000, cap=1000)
    await asyncio.sleep(0.01)
    (line,) = caplog.records
    assert (line.loop, line.key, line.stage, line.attempt) == ("test", "a", "observe", 1)
    assert line.getMessage() == "test a: observe failed: BrokenError: no luck"
