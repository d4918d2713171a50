"""What has come to stay is out of the collector's sight; circles that die there are found at the next thaw."""

import asyncio
import gc
import weakref

import pytest

from flyball_topology import heap

pytestmark = pytest.mark.looptime


class Circle:
    """Names itself."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_stays_is_frozen_and_thawed_once_in_a_while() -> None:
    circle = Circle()
    alive = weakref.ref(circle)
    still = asyncio.create_task(heap.keep_still())
    await asyncio.sleep(heap.EACH - 1)
    assert gc.get_freeze_count() == 0
    await asyncio.sleep(2)
    assert gc.get_freeze_count() > 0
    del circle
    gc.collect()
    assert alive() is not None, "frozen"
    await asyncio.sleep(heap.EACH * heap.THAW)
    assert alive() is None
    still.cancel()
    await asyncio.gather(still, return_exceptions=True)
    assert gc.get_freeze_count() == 0
