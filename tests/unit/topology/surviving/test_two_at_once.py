"""Two services at once: one sleeps before one of its effects, another one leads to the end, and the sleeper wakes.

What it then does with its old view must be refused by a fence or a revision, or do no harm; and the two of them,
working at the same time from then on, come to rest.
"""

import asyncio

import pytest

from tests.unit.topology.scenarios import SCENARIOS, Run, Scenario, begin, effects_of, finish
from tests.unit.topology.service import Effects, Fate, Service
from tests.unit.topology.surviving.sleepers import until_asleep

TOGETHER = 12
"""Passes that the two work at the same time, after the sleeper has woken."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_a_service_that_slept_through_its_own_replacement_does_no_harm(scenario: Scenario) -> None:
    names = await effects_of(scenario)
    for at, name in enumerate(names, 1):
        try:
            await sleep_and_wake(await begin(scenario), Effects(at, Fate.ASLEEP))
        except AssertionError as error:
            raise AssertionError(f"asleep before effect {at}, {name}: {error}") from error


async def sleep_and_wake(run: Run, effects: Effects) -> None:
    async with Service(run.world, run.records, effects) as sleeper:
        sleeping = asyncio.create_task(until_asleep(run, sleeper))
        asleep = asyncio.create_task(effects.asleep.wait())
        await asyncio.wait({sleeping, asleep}, return_when=asyncio.FIRST_COMPLETED)
        assert effects.asleep.is_set(), "it came to rest without this effect"
        async with Service(run.world, run.records) as other:
            await run.until_rest(other, 300)
            effects.woken.set()
            await sleeping
            asleep.cancel()
            for _ in range(TOGETHER):
                await run.one_pass(other)
                await run.one_pass(sleeper)
    await finish(run)


async def test_a_fence_that_comes_late_under_the_reigning_term_costs_no_failover() -> None:
    """It was sent before the primary was chosen, by a service that slept in between."""
    failover = next(scenario for scenario in SCENARIOS if scenario.name == "failover")
    names = await effects_of(failover)
    fences = [at for at, name in enumerate(names, 1) if name.startswith("Fence(") and "term=2" in name]
    for at in fences:
        run = await begin(failover)
        await sleep_and_wake(run, Effects(at, Fate.ASLEEP))
        assert run.issued == 2
        assert [term for term, _ in run.world.promoted] == [2]
