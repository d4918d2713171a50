"""What lives for as long as the process is not looked through for garbage again and again.

A thousand shards are hundreds of thousands of objects that stay. A full collection looks at each of them, several
times a minute, and meanwhile no probe is read: stalls of 0.3 to 0.5 s were measured. Frozen (``gc.freeze``), they are
looked at once in a while only. What dies among them dies by its reference count as ever; circles of what was frozen
wait for the next thaw.
"""

import asyncio
import gc

EACH = 10.0
"""Seconds between two times at which what has survived is frozen. That costs a collection of the young alone."""
THAW = 360
"""Of so many times, one is a full collection: an hour."""


async def keep_still() -> None:
    """Freeze what has come to stay, again and again, until cancelled."""
    times = 0
    try:
        while True:
            await asyncio.sleep(EACH)
            times += 1
            if times % THAW:
                gc.collect(1)
            else:
                gc.unfreeze()
                gc.collect()
            gc.freeze()
    finally:
        gc.unfreeze()
