"""Members come and go by the protocol; here the test plays the topology service."""

import sys

from flyball.conditions import MEMBERS_RUNNING
from flyball.records import Shard
from flyball.records.shard import Intent, MemberStatus, Release, Role
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, mysqld, topology_process
from flyball_local.down import down
from flyball_local.engine import Setup
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.up import up

ONE, TWO, THREE = (f"commerce-x-x-{ordinal}" for ordinal in (1, 2, 3))


async def shard(home: Home) -> Shard:
    async with await SqliteRecords.open(home.records) as records:
        found = await records.get(Shard, "commerce-x-x")
    assert found is not None
    return found


async def release(home: Home, name: str) -> None:
    """Say what the topology service says when the member holds nothing that anybody waits for."""
    async with await SqliteRecords.open(home.records) as records:
        found = await records.get(Shard, "commerce-x-x")
        assert found is not None
        spec = found.spec.member(name)
        assert spec is not None
        release = Release(incarnation=spec.incarnation, generation=found.metadata.generation)
        told = MemberStatus(name=name, incarnation=spec.incarnation, role=Role.REPLICA, released_for=release)
        status = found.status.model_copy(update={"members": (told,)})
        await records.replace_status(found.model_copy(update={"status": status}))


async def test_a_member_leaves_when_it_is_released_and_its_data_goes_by_the_policy(home, bring_up, process, until):
    await bring_up(home, replicas=2, reclaim_policy="Delete")
    leaving = process(home, TWO)
    await bring_up(home, replicas=1, reclaim_policy="Delete")

    async def is_told() -> bool:
        member = (await shard(home)).spec.member(TWO)
        return member is not None and member.intent is Intent.LEAVE

    async def is_gone() -> bool:
        return (await shard(home)).spec.member(TWO) is None

    await until(is_told)
    assert mysqld.is_running(leaving)
    await release(home, TWO)
    await until(is_gone)
    assert not mysqld.is_running(leaving)
    assert f"{TWO}: it shut down" in (home.logs / "engine.log").read_text()
    await until(lambda: not home.member(TWO).exists())
    assert mysqld.is_running(process(home, ONE))
    assert set(identities(home.members)) == {ONE}


async def test_a_new_member_is_declared_when_it_runs(home, bring_up, process, until):
    await bring_up(home, replicas=2)
    before = process(home, ONE)
    await bring_up(home, replicas=3)

    async def is_declared() -> bool:
        return (await shard(home)).spec.member(THREE) is not None

    await until(is_declared)
    assert mysqld.is_running(process(home, THREE))
    assert process(home, ONE) == before


WAITS = "import signal, sys; print(*sys.argv[1:], flush=True); signal.pause()"


async def test_the_topology_service_is_started_again_when_it_ends_and_goes_down_with_the_rest(home, keyspace, until):
    command = (sys.executable, "-c", WAITS)
    spec = keyspace(replicas=1, durability={"policy": "none"})
    await up(home, [spec], background=True, until=MEMBERS_RUNNING, setup=Setup(home, command))
    file = topology_process.state_file(home)
    first = await until(lambda: background.read(file))
    assert "--store" in first.command
    background.send(first, background.signal.SIGKILL)
    await until(lambda: background.read(file) != first and background.is_running(background.read(file)))
    second = background.read(file)
    listens = [state.command[state.command.index("--listen") + 1] for state in (first, second)]
    assert listens[0] == listens[1]
    await down(home)
    assert not background.is_running(second)
