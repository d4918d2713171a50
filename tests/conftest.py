"""What holds for every test."""

import asyncio


def pytest_configure() -> None:
    """Let nobody make an event loop by asking for the current one.

    looptime asks before the first asynchronous test; the loop that asyncio would then make is never closed, and
    the warning about it fails whichever test is running when it is collected.
    """
    asyncio.set_event_loop(None)
