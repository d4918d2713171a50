"""What no client may do while rows move: take a row out of its shard."""

import json

import pytest

from flyball.records.keyspace import TableSpec
from flyball.session import ServerError
from flyball_topology.crossing.guards import drop, guards
from tests.mysql.reshard.conftest import S1, S2
from tests.mysql.waiting import until


async def test_a_sharding_key_cannot_be_changed_nor_be_null(start):
    two = await start(replicas=2)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 10, 1)")
    before = await two.line(S1)
    await two.movers(S1, S2)
    made = guards({"t": TableSpec(shard_by="owner"), "country": TableSpec(reference=True)})
    for member in (S2, S1):
        await two.change_guards(member, *made.values())
        assert set(json.loads((await two.look(member))["guards"])) == made.keys()
    assert await two.line(S1) == before, "nothing of it is binlogged"
    assert (await two.probe(S2))["super_read_only"] == "1"
    for statement in (
        "UPDATE commerce.t SET owner = 11 WHERE id = 1",
        "INSERT INTO commerce.t VALUES (2, NULL, 2)",
        "INSERT INTO commerce.t VALUES (1, 12, 1) ON DUPLICATE KEY UPDATE owner = 12",
    ):
        with pytest.raises(ServerError) as caught:
            await two.app(S1, statement)
        assert "FB4017" in str(caught.value)
    await two.app(S1, "UPDATE commerce.t SET v = 2, owner = 10 WHERE id = 1")
    await until(lambda: two.caught_up(S2, S1))
    assert await two.app(S2, "SELECT id, owner, v FROM commerce.t") == [("1", "10", "2")]
    for member in (S2, S1):
        await two.change_guards(member, *drop(frozenset(made)))
        await two.change_guards(member, *drop(frozenset(made)))
        assert (await two.look(member))["guards"] is None
    await two.app(S1, "UPDATE commerce.t SET owner = 11 WHERE id = 1")


async def test_the_movers_account_is_unlogged_and_gone_at_the_end(start):
    two = await start(replicas=2)
    before = await two.line(S1)
    await two.movers(S1, S2)
    await two.movers(S1, S2)
    session = await two.session(S2, "mover")
    for forbidden in ("SET GLOBAL read_only = OFF", "DELETE FROM flyball.fence", "DELETE FROM mysql.user"):
        with pytest.raises(ServerError):
            await session.query(forbidden)
    assert (await two.look(S2))["has_mover"] == "1"
    for member in (S1, S2):
        await two.do(member, "drop_mover", two.account)
        await two.do(member, "drop_mover", two.account)
        assert (await two.look(member))["has_mover"] == "0"
    assert await two.line(S1) == before
    with pytest.raises(Exception):  # noqa: B017, PT011 - its session was ended
        await session.query("SELECT 1")
