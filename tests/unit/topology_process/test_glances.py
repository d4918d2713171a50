"""Glances at a shard at rest: which answers are nothing new, and that everything else brings a pass."""

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from flyball.gtid import GtidSet
from flyball.records import Shard
from flyball.records.shard import ShardStatus
from flyball_topology.quiet import nothing_new
from flyball_topology.view import Channel, Snapshot
from tests.simulation.server import Channel as Receiver
from tests.unit.topology.scenarios import Run, Scenario, begin
from tests.unit.topology.service import Service, told
from tests.unit.topology.world import SHARD
from tests.unit.topology_process.test_watching import UUID, channel, snapshot

OTHER = "00000000-0000-0000-0000-000000000002"
GROWS = {"executed", "beat", "channel"}
CHANNEL_GROWS = {"received", "heartbeats"}


def another(value: object) -> object:
    """Something else of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case GtidSet():
            return GtidSet.span(OTHER, 1, 7)
        case str():
            return value + "x"
        case None:
            return 7
        case _:
            return frozenset({"x"})


@pytest.mark.parametrize("name", [f.name for f in fields(Snapshot) if f.name not in GROWS])
def test_each_fact_of_a_member_that_differs_is_news(name: str) -> None:
    before = snapshot()
    changes: dict[str, Any] = {name: another(getattr(before, name))}
    assert nothing_new(before, snapshot(), UUID)
    assert not nothing_new(before, replace(before, **changes), UUID)


@pytest.mark.parametrize("name", [f.name for f in fields(Channel) if f.name not in CHANNEL_GROWS])
def test_each_fact_of_a_channel_that_differs_is_news(name: str) -> None:
    before = channel()
    changes: dict[str, Any] = {name: another(getattr(before, name))}
    now = replace(before, **changes)
    assert not nothing_new(snapshot(channel=before), snapshot(channel=now), UUID)
    assert not nothing_new(snapshot(channel=before), snapshot(), UUID)
    assert not nothing_new(snapshot(), snapshot(channel=now), UUID)


def test_what_the_reigning_primary_writes_is_nothing_new_and_what_others_write_is() -> None:
    had = GtidSet.parse(f"{UUID}:1-5:flyball:1-9, {OTHER}:1-3")
    before = replace(snapshot(beat=4, channel=channel(received=had, heartbeats=1)), executed=had)
    more = GtidSet.parse(f"{UUID}:1-7:flyball:1-10, {OTHER}:1-3")
    other = GtidSet.parse(f"{UUID}:1-5:flyball:1-9, {OTHER}:1-4")
    less = GtidSet.parse(f"{UUID}:1-4:flyball:1-9, {OTHER}:1-3")
    tag = GtidSet.parse(f"{UUID}:1-5:flyball:1-9:app:1, {OTHER}:1-3")
    now = replace(snapshot(beat=5, channel=channel(received=more, heartbeats=2)), executed=more)
    assert nothing_new(before, now, UUID)
    assert not nothing_new(before, now, OTHER)
    for found in (other, less, tag):
        assert not nothing_new(before, replace(now, executed=found), UUID)
        assert not nothing_new(before, replace(now, channel=channel(received=found)), UUID)


async def resting(service: Service, run: Run) -> None:
    await run.until_rest(service, 20)
    for _ in range(3):
        await service.one_pass()
    await told()
    assert service.controller._of(SHARD).quiet


async def glance(service: Service) -> bool | None:
    """Whether nothing is new; None where a pass is due without a glance."""
    await told()
    found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    if not service.controller.glance(SHARD, found.set_result):
        return None
    return await found


async def test_a_glance_at_a_healthy_shard_shows_nothing_new_however_much_is_written() -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await resting(service, run)
        primary = run.world[(await status(run)).reign.primary]
        for _ in range(5):
            run.world.client_writes()
            run.world.settle()
            before = primary.beat
            run.world.now += 1.0
            assert await glance(service) is True
            await told()
            run.world.settle()
            assert primary.beat > before, "a glance writes the heartbeat as a pass does"


async def status(run: Run) -> ShardStatus:
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    return shard.status


def errs(run: Run, name: str) -> None:
    run.world.errant_write(name)


def does_not_apply(run: Run, name: str) -> None:
    channel_of(run, name).applier = False


def tries_to_connect(run: Run, name: str) -> None:
    channel_of(run, name).state = "CONNECTING"
    channel_of(run, name).wanted = False


def dies(run: Run, name: str) -> None:
    run.world.kill(name)


def hangs(run: Run, name: str) -> None:
    run.world[name].stalled = True


def is_closed(run: Run, name: str) -> None:
    run.world[name].take_offline()


def channel_of(run: Run, name: str) -> Receiver:
    found = run.world[name].channel
    assert found is not None
    return found


@pytest.mark.parametrize("happens", [errs, does_not_apply, tries_to_connect, dies, hangs, is_closed])
async def test_whatever_happens_to_a_replica_is_news_at_the_next_glance(happens: Callable[[Run, str], None]) -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await resting(service, run)
        reigning = (await status(run)).reign.primary
        replica = next(name for name in run.world.servers if name != reigning)
        happens(run, replica)
        run.world.now += 1.0
        assert await glance(service) is False
        await service.one_pass()
        assert await glance(service) is None, "and from then on the shard is looked at in full"


@pytest.mark.parametrize("happens", [dies, hangs, is_closed])
async def test_whatever_happens_to_the_primary_is_news_at_the_next_glance(happens: Callable[[Run, str], None]) -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await resting(service, run)
        happens(run, (await status(run)).reign.primary)
        assert await glance(service) is False


async def test_a_record_that_changed_is_not_glanced_past() -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await resting(service, run)
        shard = await run.records.get(Shard, SHARD)
        assert shard is not None
        spec = shard.spec.model_copy(update={"paused": True})
        await run.records.replace_spec(shard.model_copy(update={"spec": spec}))
        assert await glance(service) is None
        for _ in range(5):
            await service.one_pass()
        assert await glance(service) is None, "what waits for something is looked at in full"


async def test_a_primary_whose_heartbeat_hangs_is_looked_at_in_full() -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await resting(service, run)
        for name in run.world.servers:
            if name != (await status(run)).reign.primary:
                channel_of(run, name).semi = False  # no acknowledgement comes
        run.world.now += 1.0
        await glance(service)
        await told()
        run.world.now += 1.0
        assert service.controller._of(SHARD).watch.beats.hung() > 0
        assert await glance(service) is None
