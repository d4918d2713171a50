"""A keyspace that serves is resharded by an edit of a number, while a client writes: there, back again, and for good.

Everything is as a user has it: an engine, a topology service and members of their own, and the commands.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pymysql
import pytest

from flyball.client import KeyspaceClient
from flyball.client.shard import Tuning
from flyball.conditions import READY
from flyball.errors import FlyballError
from flyball.records import Keyspace, Reshard, Shard
from flyball.records.failover import Outcome
from flyball.records.reshard import ReshardStatus, Stage, StepName
from flyball.session.packets import Row
from flyball.store.sqlite import SqliteRecords
from flyball_local.background import python_environment
from flyball_local.home import Home
from flyball_local.trial.writer import login_of
from flyball_local.up import up

LIMIT = 240.0
"""Seconds that anything awaited may take on a busy machine."""
TABLE = """CREATE TABLE orders (
  customer BIGINT NOT NULL, id BIGINT NOT NULL, note VARCHAR(100), PRIMARY KEY (customer, id), KEY (note))"""
BEFORE = 500


@dataclass
class Traffic:
    """What a client was told. Each number is written once; a pause is no error."""

    client: KeyspaceClient
    acknowledged: set[int] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def write(self, number: int) -> None:
        try:
            self.client.execute(number, "INSERT INTO orders VALUES (%s, %s, 'written once')", (number, number))
            self.acknowledged.add(number)
        except (FlyballError, pymysql.Error) as error:
            self.failed.append(f"{number}: {error}")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Writes all the while, from a thread of its own."""
        ended = threading.Event()

        def go_on() -> None:
            number = BEFORE
            while not ended.wait(0.01):
                self.write(number)
                number += 1

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(LIMIT)

    def held(self) -> list[int]:
        """The numbers on all shards that serve; one that stands twice is there twice."""
        rows: list[Row] = [
            row for shard in self.client.shards for row in shard.execute("SELECT id FROM orders", idempotent=True).rows
        ]
        return sorted(int(row[0]) for row in rows)


@pytest.fixture
async def serving(home: Home, keyspace) -> Home:
    wanted = keyspace(
        shards=1,
        replicas=2,
        durability={"policy": "semi-sync", "acks": 1},
        tables={"orders": {"shardBy": "customer"}},
        users=[{"name": "app", "ddl": True}],
        reclaim_policy="Delete",
    )
    await up(home, [wanted], background=True, wait=LIMIT, until=READY)
    return home


def flyball(home: Home, *words: str) -> None:
    command = [sys.executable, "-m", "flyball.cli.main", *words, "--home", str(home.root)]
    done = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def reshard_until(home: Home, condition: Callable[[ReshardStatus], bool], *, after: int = 0) -> ReshardStatus:
    """Wait until the newest of more than ``after`` reshards is as wanted."""
    seen = None
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                async with await SqliteRecords.open(home.records) as records:
                    found = sorted(await records.list(Reshard), key=lambda one: one.metadata.created)
                if len(found) > after:
                    seen = found[-1].status
                    if condition(seen):
                        return seen
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not reached: {json.dumps(seen and seen.model_dump(mode='json'), indent=1)}") from None


def keeps_way_back(status: ReshardStatus) -> bool:
    step = status.step(StepName.KEEP_WAY_BACK)
    return status.stage is Stage.SWITCHED and step is not None and not status.code


def is_over(status: ReshardStatus) -> bool:
    return status.outcome.ended


async def routed(home: Home) -> list[str]:
    async with await SqliteRecords.open(home.records) as records:
        found = await records.get(Keyspace, "commerce")
    assert found is not None
    return [route.shard for route in found.status.routing]


@pytest.mark.timeout(4 * LIMIT)  # three cutovers, each with copies and comparisons before it
async def test_rows_move_by_an_edit_of_a_number_and_back_and_for_good_while_a_client_writes(serving: Home):
    login = await login_of(serving, "commerce", "app")
    tuning = Tuning(give_up_after=LIMIT)
    place = (serving.records, "commerce")
    with (
        KeyspaceClient(*place, user="app", password=login.password, ca=login.ca, tuning=tuning) as first,
        KeyspaceClient(*place, user="app", password=login.password, ca=login.ca, tuning=tuning) as second,
    ):
        for shard in first.shards:
            shard.execute(TABLE, idempotent=True)
        traffic = Traffic(first)
        for number in range(BEFORE):
            traffic.write(number)
        before = await routed(serving)
        with traffic.going_on():
            flyball(serving, "reshard", "commerce", "--shards", "2")
            await reshard_until(serving, lambda status: keeps_way_back(status) or is_over(status))
            assert len(await routed(serving)) == 2

            flyball(serving, "workflow", "reverse", "commerce", "--no-wait")
            back = await reshard_until(serving, is_over)
            assert back.stage is Stage.REVERSED
            assert await routed(serving) == before

            flyball(serving, "reshard", "commerce")
            await reshard_until(serving, lambda status: keeps_way_back(status) or is_over(status), after=1)
            flyball(serving, "workflow", "complete", "commerce", "--no-wait", "--yes")
            ended = await reshard_until(serving, is_over, after=1)
            assert ended.outcome is Outcome.SUCCEEDED
        assert traffic.failed == []
        assert len(traffic.acknowledged) > BEFORE
        assert Traffic(second).held() == sorted(traffic.acknowledged)
    serves = await routed(serving)
    assert len(serves) == 2
    async with asyncio.timeout(LIMIT):
        while True:
            async with await SqliteRecords.open(serving.records) as records:
                if {shard.name for shard in await records.list(Shard)} == set(serves):
                    break
            await asyncio.sleep(0.2)
