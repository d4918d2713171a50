"""Logins are not begun anew by each probe: all members at once want one when a network comes back."""

import asyncio
import random
from pathlib import Path

import pytest

from flyball.records import Shard
from flyball.secrets import FileSecrets
from flyball.store.sqlite import SqliteRecords
from flyball_topology.sql_members import SqlMembers
from tests.simulation.fleet.fleet import Fleet, Home


async def test_a_login_outlives_the_probe_that_asked_for_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    fleet = Fleet(home, 1, random.randint(20_000, 30_000))
    await fleet.declare(reigning=True)
    await fleet.listen()
    async with await SqliteRecords.open(home.records) as records:
        (shard,) = await records.list(Shard)
    members, spec = SqlMembers(FileSecrets(home.secrets)), shard.spec.members[0]
    member = fleet.member(shard.name, spec.name)
    try:
        member.stop()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await members.probe(shard, spec, lambda: None)
        await member.go_on()
        async with asyncio.timeout(10):
            assert (await members.probe(shard, spec, lambda: None)).opened == 1
        assert member.connected == 1
    finally:
        members.close()
        await fleet.close()
