"""What the first primary makes for everybody is made to its end, wherever it was cut off, and nowhere else."""

import pytest

from flyball.errors import Code
from flyball.member.accounts import replica_account
from flyball.session import ServerError, call
from flyball_local import members
from tests.mysql.member.conftest import APP_PASSWORD, ONE, TERM, TWO
from tests.mysql.waiting import until


async def is_refused_as_not_empty(pair, term: int) -> None:
    with pytest.raises(ServerError) as caught:
        await pair.act(ONE, "establish", term)
    assert caught.value.code is Code.NOT_EMPTY


async def test_it_goes_on_where_the_member_ended_and_no_reign_had_begun(start):
    pair = await start(reign=False)
    await pair.act(ONE, "establish", TERM)
    await pair.act(ONE, "ensure_database", TERM, "commerce")
    before = await pair.executed(ONE)
    assert not before.is_empty
    await members.stop(pair.home, ONE)
    await members.start(pair.home, ONE)
    assert (await pair.probe(ONE))["opened"] == "0"
    await pair.act(ONE, "establish", TERM + 1)
    assert (await pair.probe(ONE))["opened"] == str(TERM + 1)
    assert (await pair.executed(ONE)).contains(before)


async def test_it_goes_on_at_another_member_that_received_a_part(start):
    pair = await start(reign=False)
    account, password = pair.account
    primary = await pair.topology(ONE)
    await primary.query(call("establish", TERM))
    await primary.query(call("ensure_replica_account", TERM, account, password))
    await primary.query(call("catch_up", TERM, 0, "", "", 0, None))  # lets followers in
    await pair.follow(ONE)
    await until(pair.in_step)
    await pair.act(TWO, "fence", TERM + 1, 0, "")
    await pair.act(TWO, "establish", TERM + 1)
    other = await pair.topology(TWO)
    await other.query(call("ensure_user", TERM + 1, "app", APP_PASSWORD, "commerce", True))
    await other.query(call("promote", TERM + 1, 0, "", "", 0, "", None))
    await other.query(call("journal", TERM + 1, TWO, "bootstrap"))
    seen = await pair.probe(TWO)
    assert seen["journal_term"] == str(TERM + 1)
    assert replica_account(TWO) in seen["accounts"]


async def test_not_where_a_reign_has_begun(start):
    pair = await start()
    await pair.act(ONE, "fence", TERM + 1, 0, "")
    await is_refused_as_not_empty(pair, TERM + 1)


async def test_not_where_somebody_else_has_written(start):
    pair = await start(reign=False, replicas=1)
    password = pair.secret["engine"]
    pair.engine(ONE, "SET GLOBAL super_read_only = OFF", f"ALTER USER CURRENT_USER() IDENTIFIED BY '{password}'")
    assert not (await pair.executed(ONE)).is_empty
    await is_refused_as_not_empty(pair, TERM)
    assert (await pair.probe(ONE))["opened"] is None or (await pair.probe(ONE))["opened"] == "0"


async def test_what_it_makes_is_no_housekeeping(start):
    """Half of it, left behind by a member that ended, would be declared, and its rows would then stand in the way."""
    pair = await start(reign=False, replicas=1)
    await pair.act(ONE, "establish", TERM)
    assert (await pair.executed(ONE)).only_tag("flyball").is_empty
