"""Members that an older flyball served have noted no reign: they are told of it, and nobody is interrupted.

Nor are those whose program is older than notes still; they change their primary as ever.
"""

from flyball.records import Shard
from tests.unit.topology.scenarios import SCENARIOS, Scenario, begin, finish, of_older_members, planned
from tests.unit.topology.service import Service
from tests.unit.topology.world import SHARD, World

NOTED = next(scenario for scenario in SCENARIOS if scenario.name == "members without notes")


def connections(world: World) -> list[object]:
    """Who replicates from whom, by the connection that it has."""
    return [server.channel for server in world.servers.values() if server.channel and server.channel.state == "ON"]


async def test_members_without_notes_are_told_of_the_reign_while_writes_go_on() -> None:
    run = await begin(NOTED)
    primary, before = run.world["m1"], connections(run.world)
    async with Service(run.world, run.records) as service:
        while not all(server.row and server.row.note for server in run.world.servers.values()):
            heard = run.world.acknowledged.count
            done = await run.one_pass(service)
            assert done.error is None
            assert run.world.acknowledged.count > heard, "a write waits"
            assert primary.takes_writes
            assert all(now is then for now, then in zip(connections(run.world), before, strict=True)), "interrupted"
    await finish(run)
    assert primary.opened == 1
    assert run.world.promoted == [], "nobody was promoted since it was established"


async def test_members_whose_program_is_older_than_notes_are_left_alone_and_can_change_their_primary() -> None:
    run = await begin(Scenario("older members", of_older_members))
    await finish(run)
    assert run.steps == [], "there is nothing to tell them"
    await planned()(run.world, run.records)
    await finish(run)
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    assert (shard.status.reign.primary, run.world["m2"].takes_writes) == ("m2", True)


async def test_one_that_was_started_anew_is_told_while_the_others_are_older() -> None:
    run = await begin(Scenario("older members", of_older_members))
    anew = run.world["m3"]
    anew.takes_notes = True
    await finish(run)
    assert [server.name for server in run.world.servers.values() if server.attached] == ["m3"]
    await planned("m3")(run.world, run.records)
    await finish(run)
    assert anew.takes_writes
