"""A member dies right before any one effect of a change, and returns: the shard comes to rest, and loses nothing."""

import pytest

from tests.unit.topology.scenarios import SCENARIOS, Run, Scenario, begin, effects_of, promised
from tests.unit.topology.service import Effects, Service

AWAY = 8
"""Passes for which it is away."""
NAMES = {
    "bootstrap",
    "switchover",
    "failover with a tail",
    "failover of two members with a tail",
    "failover after all restarted",
    "reseed",
    "reseed of the only ack-giver",
    "a replica leaves",
    "the primary leaves",
}
CHANGES = tuple(scenario for scenario in SCENARIOS if scenario.name in NAMES)


ERRANT = tuple(scenario for scenario in SCENARIOS if "errant" in scenario.name)


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        *((scenario, f"m{number}") for scenario in CHANGES for number in range(1, scenario.members + 1)),
        *((scenario, name) for scenario in ERRANT for name in ("m2", "m3")),
    ],
    ids=str,
)
async def test_a_member_dies_at_any_effect(scenario: Scenario, name: str) -> None:
    names = await effects_of(scenario)
    for at, effect in enumerate(names, 1):
        try:
            await die(await begin(scenario), at, name)
        except AssertionError as error:
            raise AssertionError(f"{name} dies before effect {at}, {effect}: {error}") from error


async def die(run: Run, at: int, name: str) -> None:
    effects = Effects(at, before=lambda: run.world.kill(name))
    async with Service(run.world, run.records, effects) as service:
        died = None
        for _ in range(300):
            last = await run.one_pass(service)
            if died is None and len(effects.done) >= at:
                died = run.passes
            if died is not None and run.passes == died + AWAY:
                run.world.start(name)
            if died is not None and run.passes > died + AWAY and run.rests(last):
                await promised(run, last)
                return
        await run.until_rest(service, 1)
