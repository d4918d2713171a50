"""``flyball verify``: members of shards that serve are compared while a client writes; what differs is named."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from flyball.client import KeyspaceClient
from flyball.client.shard import Tuning
from flyball.conditions import READY
from flyball.errors import Code, MemberError
from flyball.keyspaceid import keyspace_id
from flyball.member.accounts import (
    credentials_name,
    mover_account,
    mover_password,
    reader_account,
    reader_password,
)
from flyball.records import Shard
from flyball.secrets import FileSecrets
from flyball.session import call
from flyball.store.sqlite import SqliteRecords
from flyball_local.background import python_environment
from flyball_local.home import Home
from flyball_local.trial.writer import login_of
from flyball_local.up import up
from tests.mysql.waiting import LIMIT

TABLE = """CREATE TABLE orders (
  customer BIGINT NOT NULL, id BIGINT NOT NULL, note VARCHAR(100), PRIMARY KEY (customer, id), KEY (note))"""
ROWS = 300
TINKERER = "tinkering"


def verified(home: Home, *words: str) -> tuple[int, dict]:
    """The exit code, and the record."""
    options = ("-o", "json", "--timeout", str(LIMIT), "--home", str(home.root))
    command = [sys.executable, "-m", "flyball.cli.main", "verify", *words, *options]
    done = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@contextmanager
def written_to(client: KeyspaceClient):
    """Writes all the while, from a thread of its own."""
    ended, failed = threading.Event(), []

    def go_on() -> None:
        number = 10_000
        while not ended.wait(0.002):
            number += 1
            try:
                client.execute(number, "INSERT INTO orders VALUES (%s, %s, 'meanwhile')", (number, number))
                client.execute(1, "UPDATE orders SET note = %s WHERE customer = 1", (str(number),), idempotent=True)
            except Exception as error:  # noqa: BLE001 - for the test
                failed.append(str(error))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield failed
    finally:
        ended.set()
        thread.join(LIMIT)


async def tinker(home: Home, secret, connect, shard: Shard, *statements: str) -> None:
    """Change rows of a primary behind replication's back."""
    account, password = mover_account(TINKERER), mover_password(secret["replica-seed"], TINKERER)
    status = shard.status
    stamp = (status.reign.term, status.version, status.issue_of(status.reign.term))
    topology = await connect(home, status.reign.primary)
    await topology.query(call("ensure_mover", *stamp, account, password, "commerce"))
    session = await connect(home, status.reign.primary, account, password)
    for statement in ("SET sql_log_bin = 0", "USE commerce", *statements):
        await session.query(statement)


@pytest.mark.timeout(4 * LIMIT)
async def test_members_are_compared_while_a_client_writes_and_what_differs_is_named(home: Home, keyspace, connect):
    wanted = keyspace(
        shards=2,
        replicas=2,
        durability={"policy": "semi-sync", "acks": 1},
        tables={"orders": {"shardBy": "customer"}},
        users=[{"name": "app", "ddl": True}],
    )
    await up(home, [wanted], background=True, wait=LIMIT, until=READY)
    login = await login_of(home, "commerce", "app")
    with KeyspaceClient(
        home.records, "commerce", user="app", password=login.password, ca=login.ca, tuning=Tuning(LIMIT)
    ) as client:
        for shard in client.shards:
            shard.execute(TABLE)
            shard.execute("CREATE TABLE keyless (v INT)")
        for number in range(1, ROWS + 1):
            client.execute(number, "INSERT INTO orders VALUES (%s, %s, 'at first')", (number, number))
        with written_to(client) as failed:
            code, record = verified(home, "commerce")
        assert failed == []
        assert (code, record["status"]["outcome"]) == (0, "Succeeded"), record["status"]
        both = record["status"]["verified"]
        assert [len(one["replicas"]) for one in both] == [1, 1]
        assert sum(one["rows"] for one in both) >= ROWS
        assert all("keyless" in one["skipped"][0] for one in both)

        secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
        lower = await _shard(home, "commerce-x-80")
        mine = [number for number in range(1, ROWS + 1) if keyspace_id(number) < 1 << 63]
        gone, changed = mine[0], mine[1]
        await tinker(
            home, secret, connect, lower,
            f"DELETE FROM orders WHERE customer = {gone}",
            f"UPDATE orders SET note = 'tinkered with' WHERE customer = {changed}",
            "INSERT INTO orders VALUES (-5, -5, 'new')",
        )  # fmt: skip
        astray = next(number for number in range(20_000, 30_000) if keyspace_id(number) < 1 << 63)
        client.shard("commerce-80-x").execute(f"INSERT INTO orders VALUES ({astray}, {astray}, 'astray')")

    code, record = verified(home, "commerce")
    assert (code, record["status"]["code"]) == (5, "FB4012")
    first, second = record["status"]["verified"]
    (replica,) = first["replicas"]
    assert [one for one in first["differences"] if "out of its range" not in one] == [
        f"{replica}: orders: 1 row it lacks: (-5, -5)",
        f"{replica}: orders: 1 row the primary lacks: ({gone}, {gone})",
        f"{replica}: orders: 1 row differ: ({changed}, {changed})",
    ]
    assert second["differences"] == [f"commerce-80-x: orders: 1 row out of its range 80-: ({astray}, {astray})"]
    account = reader_account(record["metadata"]["name"])
    password = reader_password(secret["replica-seed"], record["metadata"]["name"])
    for member in (lower.status.reign.primary, replica):
        with pytest.raises(MemberError) as refused:  # the readers are gone
            await connect(home, member, account, password)
        assert refused.value.code is Code.MEMBER_LOGIN, "who it does not know may be asked for any method of login"


async def _shard(home: Home, name: str) -> Shard:
    async with await SqliteRecords.open(home.records) as records:
        found = await records.get(Shard, name)
    assert found is not None
    return found
