"""A service that is asleep in the middle of a pass."""

from tests.unit.topology.scenarios import Run
from tests.unit.topology.service import Service


async def until_asleep(run: Run, service: Service) -> None:
    """Passes until one of them sleeps; that one ends when it is woken."""
    while not service.effects.asleep.is_set():
        await run.one_pass(service)
