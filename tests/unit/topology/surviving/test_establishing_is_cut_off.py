"""The first primary dies between any two transactions of what it makes for everybody: half a shard is no shard.

It comes back at once, later, or never; with one other member, or with two. It, or another one, makes the rest, and what
was half made elsewhere is made anew.
"""

from dataclasses import replace

import pytest

from flyball_topology.findings import Kind
from tests.unit.topology.scenarios import SCENARIOS, Run, Scenario, begin, promised
from tests.unit.topology.service import Service

THREE = next(scenario for scenario in SCENARIOS if scenario.name == "bootstrap")
TWO = Scenario("bootstrap of two members", new=True, members=2)
WITHOUT_IT = replace(THREE, name="bootstrap without it", stays=frozenset({Kind.MEMBER_UNREACHABLE}))
AT_ONCE, LATER, NEVER = 0, 8, 10_000
"""Passes after which it is back."""


@pytest.mark.parametrize(
    ("scenario", "away"), [(TWO, AT_ONCE), (TWO, LATER), (THREE, AT_ONCE), (THREE, LATER), (WITHOUT_IT, NEVER)], ids=str
)
async def test_the_first_primary_dies_while_it_makes_what_all_members_share(scenario: Scenario, away: int) -> None:
    parts = scenario.members + 4  # the members' accounts and app's, two databases, the journal row
    for made in range(parts):
        try:
            await die_inside(await begin(scenario), made, away)
        except AssertionError as error:
            raise AssertionError(f"it dies after {made} of {parts} transactions: {error}") from error


async def die_inside(run: Run, made: int, away: int) -> None:
    server = run.world["m1"]
    server.writes_left = made
    async with Service(run.world, run.records) as service:
        while server.running:
            await run.one_pass(service)
        server.writes_left = None
        for _ in range(away if away < NEVER else 0):
            await run.one_pass(service)
        if away < NEVER:
            run.world.start("m1")
        await promised(run, await run.until_rest(service, 300))
