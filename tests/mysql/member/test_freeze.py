"""Freezing a primary: open transactions get a grace, so that a planned change is a pause and no error."""

import asyncio

import pytest

from flyball.session import ServerError, Session
from tests.mysql.member.conftest import ONE, TERM
from tests.mysql.waiting import LIMIT, until

READ_ONLY = 1290
LONG = 10 * LIMIT
"""A grace that no test would sit out."""


async def freezing(pair) -> "asyncio.Task[None]":
    """A freeze that has begun to wait, or has ended."""
    task = asyncio.create_task(pair.act(ONE, "freeze", TERM, 1, LONG))
    looks = "SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep' AND info LIKE '%SLEEP(0.005)%'"
    await until(lambda: task.done() or pair.engine(ONE, looks))
    return task


async def writing(pair) -> Session:
    session = await pair.app(ONE)
    await session.query("BEGIN")
    await session.query("INSERT INTO commerce.t VALUES (1)")
    return session


async def test_an_open_transaction_may_end_first(start):
    pair = await start()
    session = await writing(pair)
    task = await freezing(pair)
    assert not task.done()
    await session.query("INSERT INTO commerce.t VALUES (2)")
    await session.query("COMMIT")
    async with asyncio.timeout(LIMIT):
        await task
    with pytest.raises(ServerError) as caught:
        await session.query("INSERT INTO commerce.t VALUES (3)")
    assert caught.value.errno == READ_ONLY
    assert len(await session.query("SELECT id FROM commerce.t")) == 2


async def test_the_grace_ends_and_the_transaction_is_refused_as_a_whole(start):
    pair = await start()
    session = await writing(pair)
    async with asyncio.timeout(LIMIT):
        await pair.act(ONE, "freeze", TERM, 1, 0.05)
    with pytest.raises(ServerError) as caught:
        await session.query("COMMIT")
    assert caught.value.errno == READ_ONLY
    await session.query("ROLLBACK")
    assert await session.query("SELECT id FROM commerce.t") == []


async def test_a_transaction_that_only_reads_is_not_waited_for(start):
    pair = await start()
    session = await pair.app(ONE)
    await session.query("BEGIN")
    await session.query("SELECT id FROM commerce.t")
    async with asyncio.timeout(LIMIT):
        await pair.act(ONE, "freeze", TERM, 1, LONG)
    await session.query("COMMIT")
