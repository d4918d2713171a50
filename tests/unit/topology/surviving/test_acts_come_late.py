"""Acts of the reigning term that come late: a leader slept right before one of them, and the shard has moved on since.

The term does not tell such an act from a present one. The version of the record does: whoever changes what the act
stands on raises it first, and goes on only once the members that matter have noted it (rule 4).
"""

import asyncio
from collections.abc import Callable

from flyball.records import Shard
from flyball.records.shard import Intent
from tests.unit.topology.scenarios import SCENARIOS, Run, begin, effects_of, with_intent
from tests.unit.topology.service import Effects, Fate, Service
from tests.unit.topology.surviving.sleepers import until_asleep
from tests.unit.topology.world import SHARD


async def test_an_ack_set_of_before_unlocks_nobody_who_has_left() -> None:
    """Else that member acknowledges a write, is not looked for when the primary dies, and the write is gone."""
    scenario = next(s for s in SCENARIOS if s.name == "a replica is away, and returns")
    names = await effects_of(scenario)
    at = max(number for number, name in enumerate(names, 1) if name.startswith("Admit("))
    assert "m3" in names[at - 1], "the last one lets m3 in again"
    run = await begin(scenario)
    effects = Effects(at, Fate.ASLEEP)
    async with Service(run.world, run.records, effects) as sleeper:
        sleeping = asyncio.create_task(until_asleep(run, sleeper))
        await effects.asleep.wait()
        async with Service(run.world, run.records) as other:
            await run.until_rest(other, 300)
            await with_intent(run.records, "m3", Intent.LEAVE)
            while "m3" in await ackers(run):
                await other.one_pass()
        effects.woken.set()
        await sleeping
    run.world.held = {"m2"}  # whatever is acknowledged now, m3 alone has acknowledged
    run.world.client_writes()
    run.world.kill("m1")
    run.world.kill("m3")  # which does not count, so nobody waits for it
    run.world.held = set()
    async with Service(run.world, run.records) as third:
        await until(run, third, lambda: (2, "m2") in run.world.promoted)
    assert run.world.lost("m2").is_empty


async def ackers(run: Run) -> tuple[str, ...]:
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    return shard.status.ackers


async def until(run: Run, service: Service, wanted: Callable[[], bool], within: int = 100) -> None:
    for _ in range(within):
        await run.one_pass(service)
        if wanted():
            return
    raise AssertionError(f"not within {within} passes")
