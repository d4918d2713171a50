"""What holds for every test."""

import asyncio

from hypothesis import HealthCheck, settings

settings.register_profile("flyball", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flyball")
"""No example may fail for the time that it takes: machines are slow at times, and that says nothing of the code."""


def pytest_configure() -> None:
    """Let nobody make an event loop by asking for the current one.

    looptime asks before the first asynchronous test; the loop that asyncio would then make is never closed, and
    the warning about it fails whichever test is running when it is collected.
    """
    asyncio.set_event_loop(None)
