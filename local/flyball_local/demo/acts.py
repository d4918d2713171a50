"""The demo, act by act. Whatever ends it, its processes and its directory are gone afterwards, unless they are kept.

The order matters once: the switchover comes before the kill, since a shard rests from planned changes for a minute
after a failover. They happen on different shards, so each shard also shows that it does not feel the other's event.
"""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass

from flyball.addressing import in_order
from flyball.client import KeyspaceClient
from flyball.errors import Code, EngineError
from flyball.records import Keyspace, Metadata, Shard
from flyball.records.keyspace import KeyspaceSpec, ShardRoute
from flyball.store import Selector
from flyball.store.sqlite import SqliteRecords
from flyball_local import members
from flyball_local.demo.check import check
from flyball_local.demo.load import Loaded, load
from flyball_local.demo.results import Result, result_of
from flyball_local.demo.tables import TABLES
from flyball_local.demo.words import Words
from flyball_local.home import Home
from flyball_local.mysql_install import find_mysql
from flyball_local.trial import ledger
from flyball_local.trial.audit import numbers_everywhere
from flyball_local.trial.changes import is_whole, switch_over, wait_for
from flyball_local.trial.place import make_home, signals_cancel, take_down
from flyball_local.trial.writer import Login, Writer, login_of, start_writer
from flyball_local.up import Progress, up

KEYSPACE = "flights"
USER = "app"
BUG = "this is a bug: please report it, with the lines above."
WRITES = 200
"""Acknowledged writes before an event, and after it: about a second each."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How the demo is asked for.

    :param keep: leave the keyspace running at the end.
    :param flights: rows of the source's flights to load; all when None.
    """

    keep: bool = False
    flights: int | None = None


def keyspace() -> Keyspace:
    """What the demo declares: two shards, the tables, one user that may make them."""
    spread = {table.name: {"shardBy": table.key} if table.key else {"reference": True} for table in TABLES}
    spec = {
        "shards": 2,
        "replicas": 3,
        "tables": {**spread, ledger.TABLE: {"shardBy": "id"}},
        "users": [{"name": USER, "ddl": True}],
    }
    return Keyspace(metadata=Metadata(name=KEYSPACE), spec=KeyspaceSpec.model_validate(spec))


async def run(wish: Wish, words: Words) -> Home:
    """Run the demo; return its home, which exists still when it was to be kept.

    :raises FlyballError: when anything is not as it must be: a wrong count, a lost write, a change that failed.
    """
    home = make_home("flyball-demo-")
    done = False
    try:
        with signals_cancel():
            await _Demo(wish, words, home).play()
        done = True
    finally:
        if not (done and wish.keep):
            words.title("Taking everything down")
            result = await take_down(home)
            left = f"; left: {', '.join(map(str, result.left))}" if result.left else ", and nothing is left"
            words.say(f"the servers are stopped, their data is removed{left}")
    return home


class _Demo:
    """One run: the acts share the home, the login and the shards."""

    def __init__(self, wish: Wish, words: Words, home: Home) -> None:
        self._wish = wish
        self._words = words
        self._home = home

    async def play(self) -> None:
        """All acts in order."""
        login = await self._up()
        async with await SqliteRecords.open(self._home.records) as records:
            found = await records.get(Keyspace, KEYSPACE)
            routes = found.status.routing if found is not None else ()
            loaded = await self._load(login, routes)
            await self._check(records, login, loaded)
            results = await self._change(records, login)
        self._words.results(results)
        for wrong in (result for result in results if not result.is_right):
            message = (
                f"{wrong.shard}: {wrong.lost} acknowledged writes are lost, {wrong.strange} are there that must not be"
            )
            raise EngineError(Code.PROCESS_FAILED, message, BUG)

    async def _up(self) -> Login:
        words = self._words
        words.title("1. Up: a keyspace of two shards, each one primary and its replicas")
        mysql = await asyncio.to_thread(find_mysql, report=words.say)
        words.say(f"MySQL {'.'.join(map(str, mysql.version))}; everything lies in {self._home.root}")
        words.say("starting six servers; the topology service gives each shard its first primary")
        self._home.prepare()

        with words.waiting() as show:

            def report(progress: Progress) -> None:
                show(progress.condition.message or progress.condition.reason)

            await up(self._home, [keyspace()], background=True, report=report)
        words.say("every shard has a primary, and its replicas follow it")
        return await login_of(self._home, KEYSPACE, USER)

    async def _load(self, login: Login, routes: tuple[ShardRoute, ...]) -> list[Loaded]:
        words = self._words
        words.title("2. Load: every flight that left New York City in 2013")
        words.say("flights and planes go to the shard of their tail number, airlines and airports to both")

        def connect() -> KeyspaceClient:
            return KeyspaceClient(self._home.records, KEYSPACE, user=login.user, password=login.password, ca=login.ca)

        def create() -> None:
            with connect() as client:
                for shard in client.shards:
                    for statement in (*(table.create for table in TABLES), ledger.CREATE):
                        shard.execute(statement)

        await asyncio.to_thread(create)
        loaded = []
        began = time.monotonic()
        for table in TABLES:
            limit = self._wish.flights if table.name == "flights" else None
            with words.progress(table.name, None) as bar:
                advance = lambda rows, bar=bar: bar.advance(bar.task_ids[0], rows)  # noqa: E731
                loaded.append(await asyncio.to_thread(load, table, routes, connect, advance, limit))
        rows = sum(each.rows for each in loaded)
        words.say(f"{rows:,} rows in {time.monotonic() - began:.1f} s, each acknowledged by a replica before its ok")
        words.loaded(loaded, [route.shard for route in routes])
        for each in loaded:
            if each.keyless:
                words.say(f"{each.keyless:,} {each.table.name} have no {each.table.key}, hence no shard: left out")
        return loaded

    async def _check(self, records: SqliteRecords, login: Login, loaded: list[Loaded]) -> None:
        words = self._words
        words.title("3. Check: every table on every server against its source")
        for shard in in_order(await records.list(Shard, Selector(keyspace=KEYSPACE))):
            found = await asyncio.to_thread(check, shard, login, loaded)
            wrong = [str(each) for each in found if not each.is_right]
            if wrong:
                raise EngineError(Code.PROCESS_FAILED, "; ".join(wrong), BUG)
            rows = sum(each.rows for each in found)
            servers = len({each.member for each in found})
            words.say(f"{shard.name}: {rows:,} rows on {servers} servers: counts, checksums and key ranges agree")

    async def _change(self, records: SqliteRecords, login: Login) -> list[Result]:
        """Both events, each under writes on both shards; then the ledgers."""
        first, second = in_order(await records.list(Shard, Selector(keyspace=KEYSPACE)))
        with ExitStack() as writers:
            writing = {}
            for shard in (first, second):
                path = self._home.root / f"{shard.name}.ledger"
                writing[shard.name] = start_writer(self._home, KEYSPACE, shard.name, user=USER, ledger=path)
                writers.callback(writing[shard.name].kill)
            switched = await self._switch(records, first, writing)
            killed = await self._kill(records, second, writing)
            ledgers = {name: await writer.stop() for name, writer in writing.items()}
            for writer in writing.values():
                writer.path.unlink()  # a home that is kept holds nothing but its keyspace
        self._words.title("6. The ledger: is every acknowledged write on every server?")
        results = []
        events = ((first, "switchover", switched), (second, "kill -9 of the primary", killed))
        for shard, event, when in events:
            now = await wait_for(records, shard.name, is_whole, "whole again")
            there = await asyncio.to_thread(numbers_everywhere, now, login)
            results.append(result_of(shard.name, event, ledgers[shard.name], when, there))
            self._words.say(f"{shard.name}: compared with {', '.join(there)}")
        return results

    async def _switch(self, records: SqliteRecords, shard: Shard, writing: dict[str, Writer]) -> tuple[float, float]:
        words, primary = self._words, shard.status.reign.primary
        words.title("4. Switchover: another primary, planned, under writes")
        words.say("a writer for each shard inserts a row every 5 ms, and notes in a ledger what it was told")
        for writer in writing.values():
            await writer.wait_for(WRITES)
        began = time.monotonic()
        asked = await switch_over(records, shard, "demo-switchover", "the demo shows a switchover")
        words.say(
            f"{shard.name}: {asked.status.to_primary} reigns instead of {primary}, under term {asked.status.term}"
        )
        ended = time.monotonic()
        await writing[shard.name].wait_for(WRITES)
        await wait_for(records, shard.name, is_whole, "whole again")
        words.say(f"{primary} follows it as a replica")
        return began, ended

    async def _kill(self, records: SqliteRecords, shard: Shard, writing: dict[str, Writer]) -> tuple[float, float]:
        words, primary, term = self._words, shard.status.reign.primary, shard.status.reign.term
        words.title("5. A crash: kill -9 of a primary, under writes")
        for writer in writing.values():
            await writer.wait_for(WRITES)
        began = time.monotonic()
        if not await members.kill(self._home, primary):
            raise EngineError(Code.PROCESS_FAILED, f"{primary} was down already", "run the demo again.")
        words.say(f"{primary} is dead; nobody asked for anything")
        now = await wait_for(records, shard.name, lambda now: now.status.reign.term > term, "failed over")
        ended = time.monotonic()
        words.say(
            f"{now.status.reign.primary} holds every acknowledged write, and reigns under term {now.status.reign.term}"
        )
        await writing[shard.name].wait_for(WRITES)
        await wait_for(records, shard.name, is_whole, "whole again")
        words.say(f"{primary} was started again, and is back as a replica")
        return began, ended
