"""A keyspace becomes mysqld processes that run, and that nothing has opened yet."""

import asyncio
import contextlib
import json
import socket
import stat

import pytest

from flyball.conditions import MEMBERS_RUNNING
from flyball.errors import Code, EngineError, FlyballError
from flyball.records import Keyspace, Shard
from flyball.store.sqlite import SqliteRecords
from flyball_local import engine_state, mysqld
from flyball_local.background import is_running
from flyball_local.engine import Setup, start_in_background
from flyball_local.home import Home
from flyball_local.identity import Identity, identities, write_identity
from flyball_local.up import add, up


async def test_three_members_come_up_closed_and_are_declared_with_their_addresses(home: Home, bring_up, connect, probe):
    await bring_up(home, replicas=3)
    async with await SqliteRecords.open(home.records) as records:
        shard = await records.get(Shard, "commerce-x-x")
    assert shard is not None
    assert [member.name for member in shard.spec.members] == ["commerce-x-x-1", "commerce-x-x-2", "commerce-x-x-3"]
    known = identities(home.members)
    assert [member.port for member in shard.spec.members] == [known[m.name].port for m in shard.spec.members]
    assert len({identity.server_id for identity in known.values()}) == 3
    uuids = set()
    for member in shard.spec.members:
        session = await connect(home, member.name)
        row = await probe(session)
        assert (row["super_read_only"], row["read_only"], row["offline_mode"]) == ("1", "1", "1")
        assert (row["gtid_executed"], row["fence_term"], row["source_host"]) == ("", None, None)
        uuids.add(row["server_uuid"])
    assert len(uuids) == 3


async def test_nobody_else_may_read_what_the_engine_keeps(home: Home, bring_up):
    await bring_up(home)
    member = home.member("commerce-x-x-1")
    private = [home.root, home.secrets, home.members, home.certificates, home.logs, member]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}
    files = [home.records, mysqld.init_file(member), member / "identity.json", mysqld.error_log(member)]
    files += [*home.secrets.iterdir(), *home.certificate("commerce-x-x-1").iterdir(), home.root / "engine.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_a_further_keyspace_joins_the_running_engine(home: Home, bring_up, keyspace):
    first = await bring_up(home)
    spec = {"replicas": 1, "durability": {"policy": "none"}}
    second = await up(home, [keyspace("other", **spec)], background=True, until=MEMBERS_RUNNING, setup=Setup(home, ()))
    assert (second.engine, second.started) == (first.engine, False)
    assert set(identities(home.members)) == {"commerce-x-x-1", "other-x-x-1"}


async def test_adding_to_no_engine_is_an_error(home: Home, keyspace):
    with pytest.raises(EngineError) as caught:
        await add(home, [keyspace()])
    assert caught.value.code is Code.ENGINE_RUNNING


async def test_a_port_that_is_taken_is_named_and_the_member_starts_once_it_is_free(home: Home, bring_up, until):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        await bring_up(home, wait=0, paused=True)  # a record; nothing is made of it yet
        async with await SqliteRecords.open(home.records) as records:
            uid = (await records.list(Keyspace))[0].metadata.uid
        home.prepare_member("commerce-x-x-1")
        identity = Identity("commerce", uid, "commerce-x-x", "commerce-x-x-1", 1, port, 1)
        write_identity(home.member("commerce-x-x-1"), identity)
        with pytest.raises(FlyballError) as caught:
            await bring_up(home)
        assert caught.value.code is Code.PORT_IN_USE
        assert str(port) in str(caught.value)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)

    async def is_up() -> bool:
        with contextlib.suppress(EngineError):  # until the engine has tried once more
            await bring_up(home)
            return True
        return False

    await until(is_up)
    assert mysqld.is_running(mysqld.read_state(home.member("commerce-x-x-1")))


async def test_two_engines_never_run_for_one_home(home: Home, bring_up, until):
    first = await bring_up(home)
    second = start_in_background(Setup(home, ()))
    await until(lambda: not is_running(second))
    assert "FB5004" in (home.logs / "engine.log").read_text()
    running = engine_state.running_engine(home)
    assert running is not None
    assert running.pid == first.engine


async def test_in_the_foreground_a_running_engine_is_an_error_and_nothing_is_applied(home: Home, bring_up, keyspace):
    await bring_up(home)
    with pytest.raises(EngineError) as caught:
        await up(home, [keyspace("other")], background=False)
    assert caught.value.code is Code.ENGINE_RUNNING
    async with await SqliteRecords.open(home.records) as records:
        assert [k.name for k in await records.list(Keyspace)] == ["commerce"]
    assert json.loads((home.root / "engine.json").read_text())["pid"] > 0
