"""A throttle lets a burst through, then one call after the other."""

import asyncio

import pytest

from flyball.kubernetes.throttle import Throttle

pytestmark = pytest.mark.looptime


async def _times(throttle: Throttle, number: int) -> list[float]:
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(number):
        await throttle.turn()
        times.append(round(loop.time(), 6))
    return times


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    began = asyncio.get_running_loop().time()
    times = await _times(Throttle(10, 3), 6)
    assert [time - began for time in times] == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


async def test_a_rest_saves_one_burst_up_and_no_more() -> None:
    throttle = Throttle(10, 3)
    await _times(throttle, 6)
    await asyncio.sleep(100)
    began = asyncio.get_running_loop().time()
    times = await _times(throttle, 5)
    assert [time - began for time in times] == pytest.approx([0, 0, 0, 0.1, 0.2])


async def test_calls_that_come_together_go_one_after_the_other() -> None:
    throttle = Throttle(10, 1)
    began = asyncio.get_running_loop().time()
    times = await asyncio.gather(*(_times(throttle, 1) for _ in range(3)))
    assert [time[0] - began for time in times] == pytest.approx([0, 0.1, 0.2])
