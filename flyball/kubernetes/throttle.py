"""How often an API server is asked: a rate, and a burst that a pause may save up.

Each call reserves the next free moment and waits for it, so calls go in the order in which they came, and a storm of
them becomes a queue instead of a load.
"""

import asyncio


class Throttle:
    """Lets calls through at ``rate`` a second, ``burst`` of them at once after a rest."""

    def __init__(self, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a throttle needs a rate above 0 and a burst of 1 or more: {rate}, {burst}")
        self._gap = 1 / rate
        self._saved = (burst - 1) * self._gap
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until it is this call's turn; a call that is cancelled meanwhile leaves its turn unused."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now - self._saved) + self._gap
        wait = self._next - self._gap - now
        if wait > 0:
            await asyncio.sleep(wait)
