"""Members that an older flyball served have noted no reign: they are told of it, and nobody is interrupted."""

from tests.unit.topology.scenarios import SCENARIOS, begin, finish
from tests.unit.topology.service import Service
from tests.unit.topology.world import World

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
