"""Accounts live in their keyspace's database, and nowhere else."""

import pytest

from flyball.errors import Code, MemberError
from flyball.session import ServerError
from tests.mysql.member.conftest import APP_PASSWORD, ONE, TERM

RESERVED = ["mysql", "sys", "performance_schema", "information_schema", "flyball", "flyball_shard", "FLYBALL"]
PATTERNS = ["%", "flybal%", "a`b", ""]


async def refused(act) -> None:
    with pytest.raises(ServerError) as caught:
        await act
    assert caught.value.code is Code.MEMBER_REFUSED
    assert "FB3002" in caught.value.message


async def test_no_account_gets_a_right_outside_of_a_keyspace(start):
    pair = await start()
    for database in (*RESERVED, *PATTERNS):
        await refused(pair.act(ONE, "ensure_user", TERM, "eve", APP_PASSWORD, database, True))
        await refused(pair.act(ONE, "ensure_database", TERM, database))
    for user in ("root", "mysql", "mysql.sys", "flyball_topology", "flyball_engine", "flyball_x", ""):
        await refused(pair.act(ONE, "ensure_user", TERM, user, APP_PASSWORD, "commerce", True))
    await refused(pair.act(ONE, "ensure_replica_account", TERM, "app", APP_PASSWORD))
    accounts = (await pair.probe(ONE))["accounts"]
    assert "eve" not in accounts
    assert "root" not in accounts


async def test_an_underscore_in_a_database_s_name_stands_for_itself(start):
    """``flybal_`` would be flyball's own schema else."""
    pair = await start()
    for database in ("a_b", "axb"):
        await pair.act(ONE, "ensure_database", TERM, database)
    await pair.act(ONE, "ensure_user", TERM, "ann", APP_PASSWORD, "a_b", True)
    await pair.act(ONE, "ensure_user", TERM, "eve", APP_PASSWORD, "flybal_", True)
    ann, eve = await pair.login(ONE, "ann"), await pair.login(ONE, "eve")
    await ann.query("CREATE TABLE a_b.t (id INT PRIMARY KEY)")
    for session, statement in (
        (ann, "CREATE TABLE axb.t (id INT PRIMARY KEY)"),
        (eve, f"CALL flyball.freeze({TERM}, 1, 0)"),
    ):
        with pytest.raises(MemberError) as caught:
            await session.query(statement)
        assert "denied" in caught.value.message
