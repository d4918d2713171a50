"""A keyspace as a user has it, with a client that writes while its rows move; the commands, and what is told."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pymysql

from flyball.client import KeyspaceClient
from flyball.client.shard import OutcomeUnknownError, Tuning
from flyball.errors import FlyballError
from flyball.records import Keyspace, Reshard
from flyball.records.reshard import ReshardStatus, Stage, StepName
from flyball.session.packets import Row
from flyball.store.sqlite import SqliteRecords
from flyball_local.background import python_environment
from flyball_local.home import Home
from flyball_local.trial.writer import login_of

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
    unknown: set[int] = field(default_factory=set)
    """Numbers whose connection broke before the answer came: they are there, or not."""
    failed: list[str] = field(default_factory=list)

    def write(self, number: int) -> None:
        try:
            self.client.execute(number, "INSERT INTO orders VALUES (%s, %s, 'written once')", (number, number))
            self.acknowledged.add(number)
        except OutcomeUnknownError:
            self.unknown.add(number)
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

    def begin(self) -> None:
        """The table, with some rows."""
        for shard in self.client.shards:
            shard.execute(TABLE, idempotent=True)
        for number in range(BEFORE):
            self.write(number)

    def check(self) -> None:
        """Nothing is lost, nothing is there twice, and nobody was told of an error."""
        held = self.held()
        assert self.failed == []
        assert len(self.acknowledged) > BEFORE
        assert self.acknowledged - set(held) == set(), "acknowledged, and lost"
        assert set(held) - self.acknowledged - self.unknown == set(), "nobody wrote that"
        assert len(held) == len(set(held)), "there twice"

    def held(self) -> list[int]:
        """The numbers on all shards that serve; one that stands twice is there twice."""
        rows: list[Row] = [
            row for shard in self.client.shards for row in shard.execute("SELECT id FROM orders", idempotent=True).rows
        ]
        return sorted(int(row[0]) for row in rows)


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


@asynccontextmanager
async def traffic_of(home: Home, user: str = "app") -> AsyncIterator[Traffic]:
    """A client of the keyspace, with a table and rows in it."""
    login = await login_of(home, "commerce", user)
    place, tuning = (home.records, "commerce"), Tuning(give_up_after=LIMIT)
    with KeyspaceClient(*place, user=user, password=login.password, ca=login.ca, tuning=tuning) as client:
        traffic = Traffic(client)
        traffic.begin()
        yield traffic
