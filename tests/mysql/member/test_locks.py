"""Any account may take any lock by its name; none of them holds up an act."""

import pytest

from flyball.session import ServerError, call
from tests.mysql.member.conftest import ONE, TERM, TWO, until

REFUSED = 33002


async def test_a_client_that_takes_the_fence_s_lock_is_ended(start):
    pair = await start()
    client, other = await pair.app(ONE), await pair.app(ONE)
    assert await client.query("SELECT GET_LOCK('flyball.fence', 0) AS held") == [{"held": "1"}]
    await pair.act(ONE, "fence", TERM + 1, 0)
    await until(lambda: not client.alive)
    assert (await pair.probe(ONE))["fence_term"] == str(TERM + 1)
    assert not other.alive  # by offline_mode


async def test_an_act_of_flyball_s_own_is_waited_for_not_ended(start):
    pair = await start(reign=False, replicas=1)
    busy = await pair.topology(ONE)
    await busy.query("SELECT GET_LOCK('flyball.fence', 0) AS held")
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "fence", TERM, 0)
    assert caught.value.errno == REFUSED
    assert await busy.query("SELECT RELEASE_LOCK('flyball.fence') AS held") == [{"held": "1"}]
    await pair.act(ONE, "fence", TERM, 0)


async def test_a_client_that_takes_the_pulse_s_lock_is_ended(start):
    """The pulse finds out whether anybody acknowledges, once nobody watches."""
    pair = await start()
    client = await pair.app(ONE)
    await client.query("SELECT GET_LOCK('flyball.pulse', 0) AS held")
    before = await pair.executed(ONE)
    await pair.act(ONE, "watch", TERM, 0)
    await until(lambda: not client.alive)

    async def pulse():
        return await pair.executed(ONE) != before

    await until(pulse)


async def test_a_kept_session_waits_as_long_as_before(start):
    pair = await start()
    session = await pair.topology(TWO)
    before = await session.query("SELECT @@SESSION.lock_wait_timeout AS seconds")
    await session.query(call("isolate", TERM))
    assert await session.query("SELECT @@SESSION.lock_wait_timeout AS seconds") == before
