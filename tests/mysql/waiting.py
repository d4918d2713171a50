"""Waiting on a condition, with a limit."""

import asyncio
import inspect
from collections.abc import Callable

LIMIT = 120.0
"""Seconds that anything awaited may take on a busy machine."""


async def until(condition: Callable[[], object]) -> object:
    """Wait on a condition, which may be asynchronous, with a limit; returns what it returned."""
    async with asyncio.timeout(LIMIT):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)
