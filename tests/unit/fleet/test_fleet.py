"""The topology service, unchanged, on a fleet of twenty shards in one process: TLS sessions, the real store."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest

from flyball.records import Shard
from flyball.secrets import FileSecrets
from flyball.stability import Turns
from flyball.store.sqlite import SqliteRecords
from flyball_topology import controller
from flyball_topology.metrics import Metrics
from flyball_topology.service import Means, State, lead
from flyball_topology.sql_members import SqlMembers
from tests.simulation.fleet.fleet import Fleet, Home

SHARDS = 20


@dataclass(frozen=True)
class Led:
    """A fleet, its records, and a service that leads."""

    fleet: Fleet
    records: SqliteRecords

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110 - the fleet has no event to wait for
                await asyncio.sleep(0.02)

    async def statuses(self, names: list[str]) -> list[Shard]:
        return [shard for shard in await self.records.list(Shard) if shard.name in names]


@asynccontextmanager
async def led(root: Path, *, reigning: bool, noted: bool = True) -> AsyncIterator[Led]:
    home = Home(root)
    fleet = Fleet(home, SHARDS, random.randint(20_000, 30_000))
    await fleet.declare(reigning=reigning, noted=noted)
    await fleet.listen()
    async with await SqliteRecords.open(home.records) as records:
        means = Means(records, lambda: SqlMembers(FileSecrets(home.secrets)), Metrics())
        leading = asyncio.create_task(lead(means, State()))
        try:
            yield Led(fleet, records)
        finally:
            leading.cancel()
            with suppress(asyncio.CancelledError):
                await leading
            means.kept.close()
            await fleet.close()


async def test_empty_shards_come_to_serve(tmp_path: Path) -> None:
    async with led(tmp_path, reigning=False) as world:
        await world.until(lambda: world.fleet.whole() == SHARDS)
        assert {s.status.reign.term for s in await world.records.list(Shard)} <= {0, 1}


async def test_dead_primaries_are_replaced_and_follow_when_they_return(tmp_path: Path) -> None:
    async with led(tmp_path, reigning=True) as world:
        await world.until(lambda: world.fleet.watched() == 3 * SHARDS)
        taken = world.fleet.take(5, "kill")
        await world.until(lambda: all(took is not None for took in world.fleet.took().values()))
        assert world.fleet.serving() == SHARDS
        await world.fleet.restore()
        await world.until(lambda: world.fleet.whole() == SHARDS)
        async with asyncio.timeout(60):
            while True:
                if not any(shard.status.findings for shard in await world.statuses(taken)):
                    break  # the former primaries have settled
                await asyncio.sleep(0.05)


async def test_members_whose_program_is_older_than_notes_are_failed_over(tmp_path: Path) -> None:
    """Their acts have no parameter for a note, and their probe tells of none."""
    async with led(tmp_path, reigning=True, noted=False) as world:
        world.fleet.make_older()
        await world.until(lambda: world.fleet.watched() == 3 * SHARDS)
        world.fleet.take(3, "kill")
        await world.until(lambda: all(took is not None for took in world.fleet.took().values()))
        await world.fleet.restore()
        await world.until(lambda: world.fleet.whole() == SHARDS)


@pytest.mark.parametrize("noted", [True, False], ids=["at rest", "while each is told of its reign"])
async def test_many_silent_primaries_at_once_are_held_said_and_let_go_once_replicas_lose_them_too(
    tmp_path: Path,
    noted: bool,
) -> None:
    """Without notes each shard has an act under way on its primary when that falls silent."""
    async with led(tmp_path, reigning=True, noted=noted) as world:
        await world.until(lambda: world.fleet.watched() == 3 * SHARDS)
        world.fleet.gives_up_after = None
        taken = world.fleet.take(6, "stop")
        async with asyncio.timeout(60):
            while True:
                shards = await world.statuses(taken)
                if all(any("look dead at once" in text for text in s.status.decision.refused) for s in shards):
                    break
                await asyncio.sleep(0.05)
        assert {s.status.decision.why for s in shards} == {"when so many look dead at once, the observer is suspect"}
        assert all(s.status.issued == 1 for s in shards)
        world.fleet.give_up()
        await world.until(lambda: all(took is not None for took in world.fleet.took().values()))
        assert world.fleet.serving() == SHARDS


async def test_very_many_deaths_take_turns_and_each_that_waits_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"elsewhere": inf}
    monkeypatch.setattr(controller, "FAILOVERS", Turns(at_once=1, patience=5.0, holders=places))
    async with led(tmp_path, reigning=True) as world:
        await world.until(lambda: world.fleet.watched() == 3 * SHARDS)
        taken = world.fleet.take(5, "kill")
        async with asyncio.timeout(60):
            while True:
                shards = await world.statuses(taken)
                if all(any("fleet's budget" in text for text in s.status.decision.refused) for s in shards):
                    break
                await asyncio.sleep(0.05)
        assert all(s.status.issued == 1 for s in shards)
        places["elsewhere"] = -inf  # its place is kept no longer
        await world.until(lambda: all(took is not None for took in world.fleet.took().values()))
        assert world.fleet.serving() == SHARDS
