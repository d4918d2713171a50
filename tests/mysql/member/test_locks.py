"""Any account may take any lock by its name; none of them holds up an act."""

import asyncio

import pytest

from flyball.session import ServerError, SessionLostError, call
from tests.mysql.member.conftest import ONE, TERM, TWO
from tests.mysql.waiting import until

REFUSED = 33002
THREADS = "SELECT 1 FROM performance_schema.threads"
HASH = "SHA2(REPEAT('x', 60000000), 512)"
"""A tenth of a second or more in which a session does not look whether it was killed."""


async def test_a_client_that_takes_the_fence_s_lock_is_ended(start):
    pair = await start()
    client, other = await pair.app(ONE), await pair.app(ONE)
    assert await client.query("SELECT GET_LOCK('flyball.fence', 0) AS held") == [{"held": "1"}]
    await pair.act(ONE, "fence", TERM + 1, 0, "")
    await until(lambda: not client.alive)
    assert (await pair.probe(ONE))["fence_term"] == str(TERM + 1)
    assert not other.alive  # by offline_mode


async def test_an_act_of_flyball_s_own_is_waited_for_not_ended(start):
    pair = await start(reign=False, replicas=1)
    busy = await pair.topology(ONE)
    await busy.query("SELECT GET_LOCK('flyball.fence', 0) AS held")
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "fence", TERM, 0, "")
    assert caught.value.errno == REFUSED
    assert await busy.query("SELECT RELEASE_LOCK('flyball.fence') AS held") == [{"held": "1"}]
    await pair.act(ONE, "fence", TERM, 0, "")


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


async def test_who_leaves_the_ack_set_and_does_not_end_keeps_a_member_from_opening(start):
    """Rule 11: its session was killed, and has not noticed yet: it might acknowledge still."""
    pair = await start()
    account, password = pair.account
    stubborn = await pair.login_as(ONE, account, password)
    busy = asyncio.ensure_future(stubborn.query(f"SELECT {', '.join([HASH] * 60)}"))
    look = f"{THREADS} WHERE processlist_user = '{account}' AND processlist_info LIKE '%SHA2%'"
    await until(lambda: pair.engine(ONE, look))
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "admit", TERM, 0, "", "", None)
    assert (caught.value.errno, "has not ended yet" in caught.value.message) == (REFUSED, True)
    assert pair.engine(ONE, look)  # its client is told at once, and it goes on
    await pair.act(ONE, "fence", TERM + 1, 0, "")
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "promote", TERM + 1, 0, "", "", 0, "", None)
    assert "has not ended yet" in caught.value.message
    seen = await pair.probe(ONE)
    assert (seen["opened"], seen["super_read_only"], seen["read_only"], seen["offline_mode"]) == ("0", "1", "1", "1")
    with pytest.raises(SessionLostError):
        await busy
    await until(lambda: not pair.engine(ONE, look))
    await pair.act(ONE, "promote", TERM + 1, 0, "", "", 0, "", None)
    assert (await pair.probe(ONE))["opened"] == str(TERM + 1)
