"""The movers' account: on every member, unlogged, and only while a workflow lives."""

import pytest

from flyball.session import ServerError
from tests.mysql.reshard.conftest import S1, S2


async def test_the_movers_account_is_unlogged_and_gone_at_the_end(start):
    two = await start(replicas=2)
    before = await two.line(S1)
    await two.movers(S1, S2, fills=False)
    await two.movers(S1, S2, fills=False)
    session = await two.session(S2, "mover")
    with pytest.raises(ServerError):
        await session.query("DELETE FROM commerce.t")
    assert (await two.look(S2))["has_mover"] == "1"
    for member in (S1, S2):
        await two.do(member, "drop_mover", two.account)
        await two.do(member, "drop_mover", two.account)
        assert (await two.look(member))["has_mover"] == "0"
    assert await two.line(S1) == before
    with pytest.raises(Exception):  # noqa: B017, PT011 - its session was ended
        await session.query("SELECT 1")
