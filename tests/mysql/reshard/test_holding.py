"""A shard that does not serve: applications are kept out, everything else goes on (rule 18)."""

import asyncio

import pytest

from flyball.session import ServerError
from tests.mysql.reshard.conftest import S1, S2, T1, TERM
from tests.mysql.waiting import LIMIT, until

READ_ONLY = 1290


async def refusal(two, member: str, sql: str = "INSERT INTO commerce.t VALUES (9, 9, 9)") -> int:
    with pytest.raises(ServerError) as caught:
        await two.app(member, sql)
    return caught.value.errno


async def test_applications_are_refused_and_housekeeping_goes_on(start):
    two = await start()
    await two.do(S1, "hold", 1, 0.0, version=1)
    assert await refusal(two, S1) == READ_ONLY
    await two.act(S1, "beat", TERM, 77, 5)
    probe = await two.probe(S1)
    assert (probe["beat"], probe["read_only"], probe["super_read_only"], probe["offline_mode"]) == ("77", "1", "0", "0")
    await two.do(S1, "serve", version=2)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 1, 1)")


async def test_an_open_transaction_may_end_within_the_grace_and_none_commits_later(start):
    two = await start()
    session = await two.session(S1, "app")
    await session.query("BEGIN")
    await session.query("INSERT INTO commerce.t VALUES (1, 1, 1)")
    async with asyncio.timeout(LIMIT):
        await two.do(S1, "hold", 1, 0.05, version=1)
    before = await two.line(S1)
    with pytest.raises(ServerError) as caught:
        await session.query("COMMIT")
    assert caught.value.errno == READ_ONLY
    await session.query("ROLLBACK")
    assert await two.line(S1) == before


async def test_what_was_decided_before_does_not_let_applications_in(start):
    two = await start()
    await two.do(S1, "hold", 1, 0.0, version=5)
    assert "FB3006" in await two.refused(S1, "serve", version=4)
    await two.act(S1, "thaw", TERM)  # carries no version: it respects what was noted
    assert await refusal(two, S1) == READ_ONLY
    with pytest.raises(ServerError, match="FB3006"):
        await two.act(S1, "promote", TERM, 4, "", "", 0, "", None)
    await two.do(S1, "serve", version=6)
    assert "FB3006" in await two.refused(S1, "hold", 1, 0.0, version=5)


async def test_a_new_primary_of_a_held_shard_opens_closed(start):
    two = await start(replicas=2)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 1, 1)")
    await two.do(S1, "hold", 1, 0.0, version=1)
    await until(lambda: two.caught_up(S2, S1))
    await two.act(S1, "fence", 4, 1, "")
    await two.act(S2, "promote_closed", 4, 1, "", "", 0, "", None)
    assert await refusal(two, S2) == READ_ONLY
    await two.act(S2, "journal", 4, S2, "emergency")
    await two.act(S2, "freeze", 4, 1, 0.0)
    await two.act(S2, "thaw", 4)
    assert await refusal(two, S2) == READ_ONLY
    await two.act(S2, "serve", 4, 2, "")
    await two.app(S2, "INSERT INTO commerce.t VALUES (2, 2, 2)")


async def test_sessions_of_applications_are_ended_where_they_are_kept_out(start):
    two = await start()
    session = await two.session(S1, "app")
    await two.act(S1, "part", TERM)
    assert session.alive, "the shard serves"
    await two.do(S1, "hold", 1, 0.0, version=1)
    await two.act(S1, "part", TERM)
    with pytest.raises(Exception):  # noqa: B017, PT011 - however it is told
        await session.query("SELECT 1")
    await two.act(T1, "beat", TERM, 1, 5)
