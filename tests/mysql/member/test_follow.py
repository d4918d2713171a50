"""What a member has received, and said so, it keeps, wherever it replicates from next (rule 2)."""

import pytest

from flyball.errors import Code
from flyball.session import ServerError
from flyball_local import members
from tests.mysql.member.conftest import ONE, THREE, TWO
from tests.mysql.waiting import until

OPEN = ("SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", "SET GLOBAL offline_mode = OFF")

DUMPS = "SELECT processlist_id FROM performance_schema.threads WHERE processlist_command = 'Binlog Dump GTID'"


@pytest.fixture
async def failing(start):
    """TWO has received and acknowledged what its applier cannot apply: somebody wrote the same row there before."""
    pair = await start(replicas=3)
    await until(pair.in_step)
    pair.engine(TWO, *OPEN)
    await (await pair.app(TWO)).query("INSERT INTO commerce.t VALUES (7)")
    pair.engine(TWO, "SET GLOBAL super_read_only = ON")
    await (await pair.app(ONE)).query("INSERT INTO commerce.t VALUES (7)")  # acknowledged by TWO

    async def failed() -> bool:
        seen = await pair.probe(TWO)
        return seen["applier_state"] == "OFF" and seen["applier_errno"] == "1062"

    await until(failed)
    return pair


async def backlog(pair):
    """What TWO alone may hold."""
    return (await pair.received(TWO)).subtract(await pair.executed(TWO))


async def test_a_member_whose_applier_fails_keeps_its_source_and_what_it_received(failing):
    before = await backlog(failing)
    assert not before.is_empty
    members.hang(failing.home, ONE)
    for _ in range(2):
        with pytest.raises(ServerError) as caught:
            await failing.follow(THREE)
        assert caught.value.code is Code.MEMBER_REFUSED
        assert "the applier does not run" in caught.value.message
        assert await backlog(failing) == before


async def test_nor_does_it_lose_anything_when_both_threads_rest(failing):
    """As after a restart: nothing runs until it is told to follow."""
    before = await backlog(failing)
    await members.stop(failing.home, TWO)
    await members.start(failing.home, TWO)
    with pytest.raises(ServerError):
        await failing.follow(THREE)
    assert await backlog(failing) == before
    await failing.follow(ONE)
    assert (await backlog(failing)).contains(before)


@pytest.mark.parametrize("acks", [True, False])
async def test_to_follow_the_same_source_again_loses_nothing(failing, acks):
    before = await backlog(failing)
    members.hang(failing.home, ONE)
    await failing.follow(ONE, acks=acks)
    seen = await failing.probe(TWO)
    assert seen["semi_sync_replica"] == str(int(acks))
    assert (await backlog(failing)).contains(before)


async def test_a_repaired_applier_lets_it_go_elsewhere(failing):
    """Nothing is left over then that a change of source could throw away."""
    failing.engine(TWO, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    await (await failing.app(TWO)).query("DELETE FROM commerce.t WHERE id = 7")
    failing.engine(TWO, "SET GLOBAL super_read_only = ON")
    await failing.follow(THREE)
    assert (await failing.probe(TWO))["source_port"] != (await failing.probe(ONE))["source_port"]

    async def applied() -> bool:
        return (await backlog(failing)).is_empty

    await until(applied)


async def test_a_receiver_that_runs_is_left_alone(start):
    """Following the same source again, as a repair does, interrupts nobody's acknowledgements."""
    pair = await start()

    async def connected() -> bool:
        return (await pair.probe(TWO))["receiver_state"] == "ON"

    await until(connected)
    before = pair.engine(ONE, DUMPS)
    assert len(before) == 1
    await pair.follow(ONE)
    assert (await pair.probe(TWO))["receiver_state"] == "ON"
    assert pair.engine(ONE, DUMPS) == before
    await pair.follow(ONE, acks=False)
    await until(lambda: pair.engine(ONE, DUMPS) not in ((), before))
