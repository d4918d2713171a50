"""What can go wrong with the SQLite file, and that it is said with a code."""

import asyncio
import sqlite3
import stat
from contextlib import aclosing, closing

import pytest

from flyball.errors import Code, FlyballError
from flyball.records import Keyspace
from flyball.store import Added, Deleted, Modified, Synced, Unreadable
from flyball.store.sqlite import SqliteRecords, Tuning
from tests.contract.records import LIMIT, keyspace, next_of, until, with_observed, with_replicas

IMPATIENT = Tuning(limit=0.2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "records.db"


@pytest.fixture
async def open_store(path):
    opened = []

    async def open_store(tuning=None):
        opened.append(await SqliteRecords.open(path, tuning))
        return opened[-1]

    yield open_store
    for records in opened:
        await records.close()


async def make(path, *records):
    async with await SqliteRecords.open(path) as store:
        return [await store.create(record) for record in records]


def edit(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


async def raises(code, awaitable) -> FlyballError:
    with pytest.raises(FlyballError) as caught:
        await awaitable
    assert caught.value.code is code, caught.value
    return caught.value


# --- the file ------------------------------------------------------------------------------------------


async def test_the_file_is_this_users_alone(path, open_store):
    records = await open_store()
    await records.create(keyspace())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("records.db", "records.db-wal", "records.db-shm"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_directory_that_was_there_keeps_its_mode(path):
    path.parent.mkdir(mode=0o750)
    await make(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


async def test_a_path_may_hold_what_a_uri_would_not(tmp_path):
    path = tmp_path / "a b?c#d%20" / "records.db"
    (created,) = await make(path, keyspace())
    assert path.stat().st_size > 0
    async with await SqliteRecords.open(path) as records:
        assert await records.get(Keyspace, "commerce") == created


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("my notes, " * 1000)
    error = await raises(Code.STORE_CORRUPT, SqliteRecords.open(path))
    assert str(path) in error.message
    assert error.next_step
    assert path.read_text() == "my notes, " * 1000


async def test_a_database_of_something_else_is_refused_and_left_alone(path):
    path.parent.mkdir()
    edit(path, "CREATE TABLE t (x)")
    before = path.read_bytes()
    await raises(Code.STORE_CORRUPT, SqliteRecords.open(path))
    assert path.read_bytes() == before


async def test_a_damaged_file_is_refused(path):
    await make(path, *(keyspace(f"k{number}") for number in range(50)))
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 3] = b"\xa5" * 4096 * 2
    path.write_bytes(content)
    await raises(Code.STORE_CORRUPT, SqliteRecords.open(path))


async def test_a_file_that_is_cut_short_is_refused(path):
    await make(path, *(keyspace(f"k{number}") for number in range(50)))
    path.write_bytes(path.read_bytes()[:5000])
    await raises(Code.STORE_CORRUPT, SqliteRecords.open(path))


async def test_a_newer_layout_is_refused(path):
    await make(path)
    edit(path, "PRAGMA user_version = 2")
    error = await raises(Code.STORE_TOO_NEW, SqliteRecords.open(path))
    assert "layout 2" in error.message


async def test_a_directory_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    await raises(Code.STORE_AWAY, SqliteRecords.open(tmp_path / "file" / "records.db"))


async def test_a_full_disk_is_said_and_harms_nothing(open_store):
    records = await open_store()
    first = await records.create(keyspace())
    pages = records._writer._connection.execute("PRAGMA page_count").fetchone()[0]
    records._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    big = keyspace("big", labels={"x": "y" * 100_000})
    error = await raises(Code.STORE_UNWRITABLE, records.create(big))
    assert "disk is full" in error.message
    assert await records.list(Keyspace) == (first,)
    records._writer._connection.execute("PRAGMA max_page_count = 100000")
    await records.create(big)


async def test_a_read_only_store_is_said_and_can_be_read(open_store):
    records = await open_store()
    first = await records.create(keyspace())
    records._writer._connection.execute("PRAGMA query_only = ON")
    await raises(Code.STORE_UNWRITABLE, records.delete(Keyspace, "commerce"))
    assert await records.get(Keyspace, "commerce") == first


# --- a store that is locked or gone ----------------------------------------------------------------------


async def test_a_locked_store_fails_writers_and_stops_nothing_else(path, open_store):
    records = await open_store(IMPATIENT)
    first = await records.create(keyspace())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(records.replace_spec(with_replicas(first, 5)))
        turns = 0
        while not write.done():
            assert await records.get(Keyspace, "commerce") == first
            turns += 1
        assert turns > 5, "the event loop stood still while the store was locked"
        await raises(Code.STORE_AWAY, write)
        assert "database is locked" in str(write.exception())
        other.execute("ROLLBACK")
    assert (await records.replace_spec(with_replicas(first, 5))).spec.replicas == 5


async def test_callers_of_a_locked_store_fail_together(path, open_store):
    records = await open_store(IMPATIENT)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(IMPATIENT.limit * 20):
            writes = [records.create(keyspace(f"k{number}")) for number in range(100)]
            failures = await asyncio.gather(*writes, return_exceptions=True)
    assert {failure.code for failure in failures} == {Code.STORE_AWAY}
    assert all("database is locked" in failure.message for failure in failures), "some gave up before their turn came"
    assert await records.list(Keyspace) == ()


async def test_a_lock_that_is_let_go_in_time_is_waited_for(path, open_store):
    records = await open_store()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(records.create(keyspace()))
        assert await records.get(Keyspace, "commerce") is None
        assert not write.done()
        other.execute("ROLLBACK")
        await asyncio.wait_for(write, LIMIT)


async def test_a_disk_that_does_not_answer_is_given_up(open_store, monkeypatch):
    records = await open_store(IMPATIENT)
    monkeypatch.setattr("flyball.store.sqlite_lane.GRACE", 0.1)
    stalled = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stall(connection):
        asyncio.run_coroutine_threadsafe(stalled.wait(), loop).result()

    error = await raises(Code.STORE_AWAY, records._writer.run(stall))
    assert "may land" in error.message
    stalled.set()


async def test_a_watch_hears_its_own_process_without_looking(open_store, monkeypatch):
    def no_bell(log):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("flyball.store.sqlite_pulse.Bell", no_bell)
    records = await open_store(Tuning(interval=1000))
    async with aclosing(records.watch(Keyspace)) as watch:
        assert await next_of(watch) == Synced()
        news = asyncio.create_task(anext(watch))
        assert await records.list(Keyspace) == ()
        created = await records.create(keyspace())
        assert await asyncio.wait_for(news, LIMIT) == Added(created)


async def test_a_deleted_file_is_noticed(path, open_store):
    records = await open_store()
    await records.create(keyspace())
    path.rename(path.with_name("old"))
    await raises(Code.STORE_AWAY, records.get(Keyspace, "commerce"))
    async with await SqliteRecords.open(path) as fresh:
        await fresh.create(keyspace("other"))
        await raises(Code.STORE_AWAY, records.create(keyspace("other")))


async def test_a_closed_store_says_so_and_ends_its_watches(open_store):
    records = await open_store()
    await records.acquire("topology", "one", 60)
    watch = records.watch(Keyspace)
    assert await next_of(watch) == Synced()
    following = asyncio.create_task(anext(watch, "the end"))
    waiting = asyncio.create_task(records.acquire("topology", "two", 60))
    assert await records.list(Keyspace) == ()
    await records.close()
    await records.close()
    assert await asyncio.wait_for(following, LIMIT) == "the end"
    await raises(Code.STORE_AWAY, asyncio.wait_for(waiting, LIMIT))
    await raises(Code.STORE_AWAY, records.get(Keyspace, "commerce"))


async def test_a_watch_outlives_a_store_that_was_away(path, open_store):
    records = await open_store(Tuning(limit=0.2, retry=0.01))
    first = await records.create(keyspace())
    async with aclosing(records.watch(Keyspace)) as watch:
        await until(watch, Synced())
        path.rename(path.with_name("away"))
        news = asyncio.create_task(anext(watch))
        records._pulse.beat()
        for _ in range(5):
            await raises(Code.STORE_AWAY, records.get(Keyspace, "commerce"))
        assert not news.done()
        path.with_name("away").rename(path)
        first = await records.replace_spec(with_replicas(first, 5))
        assert await asyncio.wait_for(news, LIMIT) == Modified(first)


# --- what a newer version wrote --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "put", "code", "seen"),
    [
        ('"replicas":3', '"replicas":3,"colour":"red"', Code.STORE_TOO_NEW, "spec.colour"),
        ('"policy":"semi-sync"', '"policy":"quorum"', Code.STORE_TOO_NEW, "spec.durability.policy"),
        ("flyball.dev/v1alpha1", "flyball.dev/v2", Code.STORE_TOO_NEW, "flyball.dev/v2"),
        ('"replicas":3', '"replicas":"many"', Code.STORE_CORRUPT, "spec.replicas"),
        ('"replicas":3', '"replicas":1', Code.STORE_CORRUPT, "replicas: 1"),
        ('"kind":"Keyspace"', '"kind":"Shard"', Code.STORE_CORRUPT, "Shard"),
        ("{", "", Code.STORE_CORRUPT, "no record"),
    ],
)
async def test_a_record_that_cannot_be_read_is_refused_and_kept(path, open_store, found, put, code, seen):
    (created,) = await make(path, keyspace())
    edit(path, "UPDATE records SET document = replace(document, ?, ?)", found, put)
    records = await open_store()
    assert seen in (await raises(code, records.get(Keyspace, "commerce"))).message
    await raises(code, records.list(Keyspace))
    await raises(code, records.replace_status(with_observed(created, 1)))
    await raises(code, records.delete(Keyspace, "commerce"))
    with closing(sqlite3.connect(path)) as connection:
        (text,) = connection.execute("SELECT document FROM records").fetchone()
    assert put in text


async def test_a_record_that_cannot_be_read_leaves_the_others_watched(path, open_store):
    (first, second) = await make(path, keyspace("a"), keyspace("b"))
    edit(path, "UPDATE records SET document = replace(document, '3', '\"x\"') WHERE name = 'a'")
    records = await open_store()
    async with aclosing(records.watch(Keyspace)) as watch:
        event = await next_of(watch)
        assert isinstance(event, Unreadable)
        assert (event.name, event.error.code) == ("a", Code.STORE_CORRUPT)
        assert await next_of(watch) == Added(second)
        assert await next_of(watch) == Synced()
        second = await records.replace_spec(with_replicas(second, 5))
        assert await next_of(watch) == Modified(second)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE records SET document = replace(document, '\"x\"', '3') WHERE name = 'a'")
            connection.execute("INSERT INTO changes (kind, name) VALUES ('Keyspace', 'a')")
        assert await next_of(watch) == Added(first)


# --- the log of changes ----------------------------------------------------------------------------------


async def test_a_watcher_that_the_log_left_behind_catches_up(path, open_store):
    records = await open_store(Tuning(log_length=5))
    kept, gone = [await records.create(keyspace(name)) for name in ("kept", "gone")]
    async with aclosing(records.watch(Keyspace)) as watch:
        await until(watch, Synced())
        await records.delete(Keyspace, "gone")
        kept = await records.replace_spec(with_replicas(kept, 5))
        counter = await records.create(keyspace("zcounter"))
        for number in range(200):
            counter = await records.replace_status(with_observed(counter, number + 1))
        with closing(sqlite3.connect(path)) as connection:
            (lines,) = connection.execute("SELECT count(*) FROM changes").fetchone()
        assert lines < 200, "the log was never trimmed; the test shows nothing"
        assert await until(watch, Added(counter)) == [Deleted(gone), Modified(kept), Added(counter)]


async def test_a_store_put_back_to_an_older_copy_is_told_as_it_is(path, open_store):
    records = await open_store()
    first = await records.create(keyspace("a"))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy"))) as copy:
        source.backup(copy)
    newer = await records.replace_spec(with_replicas(first, 5))
    extra = await records.create(keyspace("b"))
    async with aclosing(records.watch(Keyspace)) as watch:
        assert await until(watch, Synced()) == [Added(newer), Added(extra), Synced()]
        with closing(sqlite3.connect(path)) as target, closing(sqlite3.connect(path.with_name("copy"))) as copy:
            copy.backup(target)
        assert await next_of(watch) == Modified(first)
        assert await next_of(watch) == Deleted(extra)
    await raises(Code.CONFLICT, records.replace_spec(newer))
    again = await records.replace_spec(with_replicas(first, 7))
    assert again.metadata.revision != newer.metadata.revision
    await raises(Code.CONFLICT, records.replace_spec(newer))
