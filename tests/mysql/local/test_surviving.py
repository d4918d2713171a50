"""Whoever is killed comes back: members by the engine, the engine by the next ``up``; and nothing runs twice."""

import contextlib
import os
import signal
import sqlite3

from flyball_local import background, engine_state, mysqld
from flyball_local.engine import Setup, start_in_background
from flyball_local.home import Home

MEMBER = "commerce-x-x-1"


def kill_engine(home: Home) -> background.Background:
    engine = engine_state.running_engine(home)
    assert engine is not None
    assert background.send(engine, signal.SIGKILL)
    return engine


async def test_a_killed_member_is_started_again_closed(home: Home, bring_up, process, runs_anew, until, connect, probe):
    await bring_up(home)
    before = process(home, MEMBER)
    assert mysqld.kill(before)
    await until(lambda: runs_anew(home, MEMBER, before))
    await bring_up(home)
    session = await connect(home, MEMBER)
    row = await probe(session)
    assert (row["super_read_only"], row["offline_mode"]) == ("1", "1")


async def test_members_outlive_the_engine_and_the_next_engine_adopts_them(home: Home, bring_up, process, until):
    first = await bring_up(home, replicas=2)
    before = [process(home, name) for name in (MEMBER, "commerce-x-x-2")]
    engine = kill_engine(home)
    await until(lambda: not background.is_running(engine))
    assert all(mysqld.is_running(state) for state in before)
    second = await bring_up(home, replicas=2)
    assert second.started
    assert second.engine != first.engine
    assert [process(home, name) for name in (MEMBER, "commerce-x-x-2")] == before


async def test_a_member_that_died_with_the_engine_is_started_by_the_next_one(home: Home, bring_up, process, until):
    await bring_up(home)
    engine = kill_engine(home)
    await until(lambda: not background.is_running(engine))
    before = process(home, MEMBER)
    mysqld.kill(before)
    await until(lambda: not mysqld.is_running(before))
    await bring_up(home)
    assert mysqld.is_running(process(home, MEMBER))
    assert process(home, MEMBER).pid != before.pid or process(home, MEMBER).began != before.began


async def test_an_engine_that_starts_while_the_store_is_locked_waits_for_it(
    home: Home, bring_up, process, runs_anew, until
):
    await bring_up(home)
    engine, before = kill_engine(home), process(home, MEMBER)
    await until(lambda: not background.is_running(engine))
    log = home.logs / "engine.log"
    held = log.stat().st_size
    with contextlib.closing(sqlite3.connect(home.records, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = start_in_background(Setup(home, topology=()))
        await until(lambda: "locked" in log.read_text()[held:])
        other.execute("ROLLBACK")
    assert mysqld.kill(before)
    await until(lambda: runs_anew(home, MEMBER, before))
    assert engine_state.running_engine(home) == waiting


async def test_a_process_that_took_over_a_process_id_is_not_touched(home: Home, bring_up, process, until):
    """The state file names this test's own process: not a mysqld, so it counts as ended."""
    await bring_up(home)
    engine = kill_engine(home)
    await until(lambda: not background.is_running(engine))
    mine = process(home, MEMBER)
    assert mysqld.kill(mine)
    await until(lambda: not mysqld.is_running(mine))
    file = home.member(MEMBER) / "mysqld.json"
    file.write_text(file.read_text().replace(f'"pid": {mine.pid}', f'"pid": {os.getpid()}'))
    await bring_up(home)
    assert process(home, MEMBER).pid != os.getpid()
