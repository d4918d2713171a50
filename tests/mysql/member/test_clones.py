"""A member that came to its data by a clone has its donor's fence row and has promised nothing itself (rule 6)."""

import pytest

from flyball.errors import Code
from flyball.session import ServerError
from flyball_local import members, mysqld
from tests.mysql.member.conftest import ONE, TERM, TWO


@pytest.fixture
async def clone(start):
    """TWO is another server from now on: as a clone has, it has another uuid and the row of the one before."""
    pair = await start()
    await members.stop(pair.home, TWO)
    (mysqld.data_directory(pair.home.member(TWO)) / "auto.cnf").unlink()
    await members.start(pair.home, TWO)
    seen = await pair.probe(TWO)
    assert seen["fence_uuid"] != seen["server_uuid"]
    return pair


async def refused(act) -> str:
    with pytest.raises(ServerError) as caught:
        await act
    assert caught.value.code is Code.TERM_TOO_OLD
    return caught.value.message


async def test_it_obeys_nothing_but_a_fence(clone):
    for term in (TERM, TERM + 1):
        assert "fence it first" in await refused(clone.follow(ONE, term=term))
        assert "fence it first" in await refused(clone.act(TWO, "isolate", term))
        assert "fence it first" in await refused(clone.act(TWO, "promote", term, 0, "", "", 0, "", None))
        assert "fence it first" in await refused(clone.act(TWO, "arm_clone", term, 0, "", "127.0.0.1", 1))
    await clone.act(TWO, "fence", TERM, 0, "")
    seen = await clone.probe(TWO)
    assert (seen["fence_uuid"], seen["fence_term"], seen["opened"]) == (seen["server_uuid"], str(TERM), "0")
    await clone.follow(ONE)
    assert (await clone.probe(TWO))["offline_mode"] == "0"


async def test_its_donor_s_term_is_the_least_that_it_obeys(clone):
    assert "below the fence" in await refused(clone.act(TWO, "fence", TERM - 1, 0, ""))
    assert "below the fence" in await refused(clone.follow(ONE, term=TERM - 1))
    await clone.act(TWO, "fence", TERM + 1, 0, "")
    assert (await clone.probe(TWO))["fence_term"] == str(TERM + 1)


async def test_a_new_member_follows_at_once(start):
    """At bootstrap nobody has promised anything."""
    pair = await start()
    seen = await pair.probe(TWO)
    assert (seen["fence_uuid"], seen["fence_term"]) == (seen["server_uuid"], str(TERM))
