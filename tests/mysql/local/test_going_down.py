"""Down means down, in order; purged means gone; and what is not flyball's is never touched."""

import asyncio
import os
import signal
import sys

import pytest

from flyball.conditions import MEMBERS_RUNNING, READY
from flyball.errors import Code, EngineError, FlyballError
from flyball.records import Keyspace, Shard
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, engine_state, mysqld, ports
from flyball_local.down import down
from flyball_local.home import Home
from flyball_local.identity import identities

ONE = "commerce-x-x-1"


async def condition(home: Home, kind: str) -> str:
    async with await SqliteRecords.open(home.records) as records:
        keyspace = await records.get(Keyspace, "commerce")
    assert keyspace is not None
    return next(c.reason for c in keyspace.status.conditions if c.type == kind)


async def test_down_leaves_no_process_and_keeps_the_data(home, bring_up, process):
    await bring_up(home, replicas=2)
    engine = engine_state.running_engine(home)
    states = [process(home, name) for name in identities(home.members)]
    result = await down(home)
    assert result.was_running
    assert not background.is_running(engine)
    assert not any(mysqld.is_running(state) for state in states)
    assert "Shutdown complete" in mysqld.error_log(home.member(ONE)).read_text()
    assert await condition(home, READY) == "Down"
    port = identities(home.members)[ONE].port
    await bring_up(home, replicas=2)
    assert identities(home.members)[ONE].port == port


async def test_down_works_where_the_engine_was_killed(home, bring_up, process):
    await bring_up(home)
    engine = engine_state.running_engine(home)
    background.send(engine, signal.SIGKILL)
    state = process(home, ONE)
    await background.wait_until_ended(engine, 60)
    result = await down(home)
    assert not result.was_running
    assert not mysqld.is_running(state)


async def test_purge_leaves_no_process_and_no_directory(home, bring_up, process):
    await bring_up(home, replicas=2)
    states = [process(home, name) for name in identities(home.members)]
    result = await down(home, purge=True)
    assert not any(mysqld.is_running(state) for state in states)
    assert result.removed == (ONE, "commerce-x-x-2")
    assert result.left == ()
    assert not home.root.exists()


async def test_purge_leaves_what_is_not_ours(home, bring_up):
    await bring_up(home)
    foreign = home.members / "somebody"
    foreign.mkdir()
    (foreign / "data").write_text("theirs")
    result = await down(home, purge=True)
    assert result.left == (foreign / "data",)
    assert (foreign / "data").read_text() == "theirs"
    assert not home.member(ONE).exists()


async def test_a_directory_that_is_no_home_is_not_purged(home):
    (home.root / "precious").write_text("theirs")
    with pytest.raises(EngineError) as caught:
        await down(home, purge=True)
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    assert (home.root / "precious").read_text() == "theirs"


async def test_a_foreign_directory_is_not_touched_and_holds_up_the_keyspace(home, bring_up):
    home.prepare()
    home.member(ONE).mkdir()
    (home.member(ONE) / "theirs").write_text("precious")
    with pytest.raises(FlyballError) as caught:
        await bring_up(home)
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    assert [path.name for path in home.member(ONE).iterdir()] == ["theirs"]


async def delete(home: Home, until) -> None:
    """Delete the keyspace, and wait until it is gone."""
    async with await SqliteRecords.open(home.records) as records:

        async def is_gone() -> bool:
            return await records.get(Keyspace, "commerce") is None

        await records.delete(Keyspace, "commerce")
        await until(is_gone)
        assert await records.list(Shard) == ()


async def test_a_later_keyspace_of_the_same_name_gets_the_data_only_when_told(home, bring_up, process, until):
    await bring_up(home)
    state = process(home, ONE)
    uuid = (home.member(ONE) / "data/auto.cnf").read_text()
    await delete(home, until)
    assert not mysqld.is_running(state)
    assert (home.member(ONE) / "data/mysql.ibd").exists()
    with pytest.raises(FlyballError) as caught:
        await bring_up(home)
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    assert process(home, ONE) == state
    result = await bring_up(home, adopt=True)
    assert result.adopted == (ONE,)
    assert (home.member(ONE) / "data/auto.cnf").read_text() == uuid


async def test_a_deleted_keyspace_that_is_not_retained_leaves_nothing(home, bring_up, process, until):
    await bring_up(home, replicas=2, reclaim_policy="Delete")
    states = [process(home, name) for name in identities(home.members)]
    await delete(home, until)
    assert not any(mysqld.is_running(state) for state in states)
    assert list(home.members.iterdir()) == []
    assert list(home.certificates.iterdir()) == []
    assert list(home.secrets.iterdir()) == []


async def test_a_paused_keyspace_is_not_touched(home, bring_up, process, until):
    await bring_up(home, replicas=2)
    await bring_up(home, replicas=2, paused=True)

    async def is_paused() -> bool:
        async with await SqliteRecords.open(home.records) as records:
            return (await records.list(Shard))[0].spec.paused

    async def has_looked() -> bool:
        return await condition(home, MEMBERS_RUNNING) != "AllRunning"

    await until(is_paused)
    before = process(home, ONE)
    mysqld.kill(before)
    await until(has_looked)
    assert process(home, ONE) == before
    await bring_up(home, replicas=2)
    assert process(home, ONE) != before


FOREGROUND = """
import asyncio, sys
from pathlib import Path
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball_local.home import Home
from flyball_local.up import Setup, up

home = Home(Path(sys.argv[1]))
spec = KeyspaceSpec.model_validate({"replicas": 1, "durability": {"policy": "none"}})
keyspace = Keyspace(metadata=Metadata(name="commerce"), spec=spec)
def report(progress):
    print(progress.condition.status, flush=True)
try:
    asyncio.run(up(home, [keyspace], until="MembersRunning", report=report, setup=Setup(home, ())))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ending_what_runs_in_the_foreground_takes_everything_down(home, until, number):
    shell = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FOREGROUND, str(home.root), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    assert shell.stdout is not None
    try:
        async with asyncio.timeout(120):
            while await shell.stdout.readline() != b"True\n":
                assert shell.returncode is None
        port = identities(home.members)[ONE].port
        assert not ports.is_free(port)
        shell.send_signal(number)
        async with asyncio.timeout(120):
            await shell.wait()
    finally:
        if shell.returncode is None:
            shell.kill()
            await shell.wait()
    assert engine_state.running_engine(home) is None
    assert ports.is_free(port)
