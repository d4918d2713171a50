"""Applications that have taken all their connections keep neither flyball nor a replica out."""

import asyncio

import pytest

from flyball.errors import MemberError
from flyball.session import SessionLostError
from tests.mysql.member.conftest import ONE, TERM, TWO
from tests.mysql.waiting import LIMIT, until

THREADS = "SELECT COUNT(*) FROM performance_schema.threads"
COMMITTING = f"{THREADS} WHERE processlist_info LIKE 'INSERT%' AND processlist_time > 0"
"""One of a group that commits together waits for the acknowledgement, the others for that one."""


async def test_when_clients_hold_every_connection_that_they_may_have_flyball_gets_in(start):
    pair = await start(mysql={"config": {"max-connections": 10}})
    clients = [await pair.app(ONE) for _ in range(9)]  # beside the one that made the table
    with pytest.raises((MemberError, SessionLostError)):
        await pair.app(ONE)
    for _ in range(15):
        assert (await pair.probe(ONE))["opened"] == str(TERM)
    assert pair.engine(ONE, "SELECT 1") == ((1,),)
    assert all(client.alive for client in clients)


async def test_commits_that_wait_for_an_acknowledgement_do_not_keep_out_the_replica_that_gives_it(start):
    pair = await start(mysql={"config": {"max-connections": 10}})
    clients = [await pair.app(ONE) for _ in range(9)]  # beside the one that made the table
    await pair.act(TWO, "fence", TERM, 0, "")  # it receives nothing
    writes = [
        asyncio.ensure_future(client.query(f"INSERT INTO commerce.t VALUES ({number})"))
        for number, client in enumerate(clients)
    ]

    await until(lambda: pair.engine(ONE, COMMITTING) == ((9,),))
    await pair.follow(ONE)
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*writes)
