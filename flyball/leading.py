"""Being the one of several processes that does the work: wait for the lease, work while it holds, stand back after.

Any number of processes may wait. One that was slow enough to lose its lease stops working by the end of it, on its own
clock; what it was doing is cancelled. The lease only keeps two from working at once: nothing that must never happen
rests on it, for every write carries what was read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from flyball.errors import Code, FlyballError
from flyball.store import Lease, Records

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """What there is to lead.

    :param name: of the lease.
    :param holder: who we are; unique for each process, restarts included.
    :param ttl: seconds without renewal after which others may take over.
    :param clock: seconds of the clock that the records count leases by.
    """

    records: Records
    name: str
    holder: str
    ttl: float
    clock: Callable[[], float]
    random: Random


async def lead_once(post: Post, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the lease, work until it is lost or the work ends; never raises but what cancels it."""
    try:
        lease = await post.records.acquire(post.name, post.holder, post.ttl)
    except FlyballError as error:
        logger.warning("the lease %s cannot be had: %s", post.name, error)
        await asyncio.sleep(post.random.uniform(0.2, 1.0))
        return
    logger.info("%s leads, lease term %s", post.holder, lease.term)
    working = asyncio.ensure_future(work())
    keeping = asyncio.create_task(_keep(post, lease))
    failed = False
    try:
        done, _ = await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if (failure := task.exception()) is not None:
                failed = True
                known = isinstance(failure, FlyballError)
                logger.error("leading ends: %s", failure, exc_info=None if known else failure)
    finally:
        for task in (working, keeping):
            task.cancel()
        await asyncio.gather(working, keeping, return_exceptions=True)
        with suppress(FlyballError, TimeoutError):
            async with asyncio.timeout(1.0):
                await post.records.release(lease)
    if failed:
        await asyncio.sleep(post.random.uniform(0.5, 1.5))


async def _keep(post: Post, lease: Lease) -> None:
    """Renew the lease; return when it is lost, or when it ran out unrenewed."""
    while True:
        await asyncio.sleep(lease.ttl / 3)
        try:
            async with asyncio.timeout(max(0.05, lease.good_until - post.clock())):
                lease = await post.records.renew(lease)
        except (FlyballError, TimeoutError) as error:
            logger.warning("the lease %s was not renewed: %s", post.name, str(error) or "no answer in time")
            if post.clock() >= lease.good_until or getattr(error, "code", None) is Code.LEASE_LOST:
                return
