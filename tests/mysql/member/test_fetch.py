"""A member fetches what another one holds, but for the transactions that it holds as empty ones (rule 12)."""

import pytest

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.session import ServerError, call
from flyball_topology.declaring import declare
from tests.mysql.member.conftest import ONE, TERM, TWO
from tests.mysql.waiting import until


async def write(pair, *numbers: int) -> GtidSet:
    """Rows on ONE that nobody acknowledges; returns their GTIDs."""
    before = await pair.executed(ONE)
    app = await pair.app(ONE)
    for number in numbers:
        await app.query(f"INSERT INTO commerce.t VALUES ({number})")
    return (await pair.executed(ONE)).subtract(before).without_tag("flyball")


async def test_a_member_fetches_the_rest_and_leaves_out_what_it_declared(start):
    pair = await start()
    await until(pair.in_step)
    await pair.act(TWO, "fence", TERM, 0, "")
    pair.engine(ONE, "SET GLOBAL rpl_semi_sync_source_enabled = OFF")
    errant = await write(pair, 1, 2)
    rest = await write(pair, 3)
    await pair.act(ONE, "admit", TERM, 0, "", "", None)
    assert (await pair.probe(ONE))["accounts"]
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "lend", TERM, pair.account[0])
    assert caught.value.code is Code.MEMBER_REFUSED
    for member in (ONE, TWO):
        await pair.act(member, "fence", TERM + 1, 0, "")

    gtids = ",".join(declare(TWO, TERM + 1, errant).gtids)
    for _ in range(2):
        await pair.act(TWO, "declare_gtids", TERM + 1, gtids)
    held = await pair.executed(TWO)
    assert held.contains(errant)
    assert held.intersect(rest).is_empty

    before = await pair.executed(ONE)
    for _ in range(2):
        await pair.act(ONE, "lend", TERM + 1, pair.account[0])
    await pair.follow(ONE, term=TERM + 1, acks=False)
    await until(pair.in_step)
    assert (await pair.executed(ONE)) == before
    rows = await (await pair.app(TWO)).query("SELECT id FROM commerce.t")
    assert [row["id"] for row in rows] == ["3"]
    for member in (ONE, TWO):
        seen = await pair.probe(member)
        assert (seen["super_read_only"], seen["read_only"], seen["opened"]) == ("1", "1", "0"), member


async def test_a_large_set_is_declared_in_time(start):
    """Each GTID is a commit of its own, and the act has to end."""
    pair = await start()
    await pair.act(TWO, "fence", TERM + 1, 0, "")
    many = GtidSet.span("0000000a-0000-4000-8000-00000000000a", 1, 2000)
    missing = many
    while not missing.is_empty:
        act = declare(TWO, TERM + 1, missing)
        await pair.act(TWO, "declare_gtids", TERM + 1, ",".join(act.gtids))
        left = missing.subtract(await pair.executed(TWO))
        assert left.count < missing.count
        missing = left
    await (await pair.topology(TWO)).query(call("fence", TERM + 1, 0, ""))
    assert (await pair.probe(TWO))["super_read_only"] == "1"
