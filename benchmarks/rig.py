"""What the benchmarks run on: a keyspace of real MySQL servers in a temporary home, with everything at its default.

Importing this makes the components importable from a fresh clone's root.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "topology"), str(ROOT / "local")]

from flyball.addressing import in_order  # noqa: E402
from flyball.client import ShardClient  # noqa: E402
from flyball.records import Keyspace, Metadata, Shard  # noqa: E402
from flyball.records.keyspace import KeyspaceSpec  # noqa: E402
from flyball.store.sqlite import SqliteRecords  # noqa: E402
from flyball_local.home import Home  # noqa: E402
from flyball_local.mysql_install import find_mysql  # noqa: E402
from flyball_local.trial import ledger  # noqa: E402
from flyball_local.trial.changes import is_whole, wait_for  # noqa: E402
from flyball_local.trial.place import temporary_home  # noqa: E402
from flyball_local.trial.writer import Login, login_of  # noqa: E402
from flyball_local.up import up  # noqa: E402

KEYSPACE = "bench"
USER = "app"


@dataclass(frozen=True, slots=True)
class Rig:
    """A keyspace that serves, whole, with the ledger's table on every shard."""

    home: Home
    records: SqliteRecords
    login: Login
    shards: tuple[Shard, ...]
    mysql: str


def say(text: str) -> None:
    """Tell what happens; the last line on stdout is the result's alone, so this goes to stderr."""
    print(text, file=sys.stderr, flush=True)


@asynccontextmanager
async def rig(shards: int, replicas: int, *, with_ledger: bool = True, **more: object) -> AsyncIterator[Rig]:
    """Bring the keyspace up, and take it down whatever happens; ``more`` is what else its spec says."""
    mysql = find_mysql(report=say)
    spec = {"shards": shards, "replicas": replicas, "users": [{"name": USER, "ddl": True}], **more}
    keyspace = Keyspace(metadata=Metadata(name=KEYSPACE), spec=KeyspaceSpec.model_validate(spec))
    async with temporary_home("flyball-bench-") as home:
        home.prepare()
        say(f"bringing up {shards} shard(s) of {replicas} members")
        await up(home, [keyspace], background=True)
        login = await login_of(home, KEYSPACE, USER)
        async with await SqliteRecords.open(home.records) as records:
            found = [await wait_for(records, s.name, is_whole, "whole") for s in in_order(await records.list(Shard))]
            for shard in found if with_ledger else ():
                with ShardClient(
                    home.records, KEYSPACE, shard.name, user=login.user, password=login.password, ca=login.ca
                ) as client:
                    client.execute(ledger.CREATE)
            yield Rig(home, records, login, tuple(found), ".".join(map(str, mysql.version)))
