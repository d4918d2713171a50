"""Members stop without telling a client of a write that may be lost (rule 1)."""

import asyncio

import pytest

from flyball.errors import Code, EngineError, InputError, MemberError
from flyball.member.accounts import credentials_name, replica_account, replica_password
from flyball.secrets import FileSecrets
from flyball.session import ServerError, Session, SessionLostError, call
from flyball_local import members, mysqld
from flyball_local.down import down
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.ports import HOST
from flyball_local.stopping import Limits, Stopped, quieten

ONE, TWO = "commerce-x-x-1", "commerce-x-x-2"
APP_PASSWORD = "an-app's-password"
TERM = 1


async def reign(home: Home, connect) -> Session:
    """Make ONE the primary with TWO as its only ack-giver, by hand; returns a session of an application."""
    secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
    assert secret is not None
    account, password = replica_account(TWO), replica_password(secret["replica-seed"], TWO)
    primary, replica = await connect(home, ONE), await connect(home, TWO)
    await primary.query(call("establish", TERM))
    await primary.query(call("ensure_database", TERM, "commerce"))
    await primary.query(call("ensure_user", TERM, "app", APP_PASSWORD, "commerce", True))
    await primary.query(call("ensure_replica_account", TERM, account, password))
    await primary.query(call("promote", TERM, 0, "", "", 1, account, None))
    port = identities(home.members)[ONE].port
    await replica.query(call("follow", TERM, 0, "", HOST, port, account, password, True, None))
    async with asyncio.timeout(60):
        await primary.query(call("journal", TERM, ONE, "bootstrap"))  # waits for its acknowledgement
    app: Session = await connect(home, ONE, "app", APP_PASSWORD)
    await app.query("CREATE TABLE commerce.t (id INT PRIMARY KEY)")
    return app


async def somebody_waits(home: Home, connect, probe, until) -> None:
    """Return once a commit waits for its acknowledgement on ONE."""
    session = await connect(home, ONE)

    async def waits() -> bool:
        return (await probe(session))["waiting"] != "0"

    await until(waits)
    session.close()


async def test_a_commit_that_waits_for_its_acknowledgement_never_hears_ok(
    home, bring_up, connect, probe, process, until
):
    await bring_up(home, replicas=2)
    app = await reign(home, connect)
    await app.query("INSERT INTO commerce.t VALUES (1)")
    members.hang(home, TWO)  # nobody acknowledges now
    before = process(home, ONE)
    waiting = asyncio.create_task(app.query("INSERT INTO commerce.t VALUES (2)"))
    await somebody_waits(home, connect, probe, until)
    assert not waiting.done()
    await members.stop(home, ONE)
    assert not mysqld.is_running(before)
    with pytest.raises(SessionLostError):
        await waiting


async def test_nor_does_one_whose_session_offline_mode_does_not_cut(home, bring_up, connect, probe, process, until):
    """The topology service's own: it may conclude from an OK that a reign has begun."""
    await bring_up(home, replicas=2)
    await reign(home, connect)
    members.hang(home, TWO)
    topology = await connect(home, ONE)
    waiting = asyncio.create_task(topology.query(call("beat", TERM, 1, 10)))
    await somebody_waits(home, connect, probe, until)
    await members.stop(home, ONE)
    with pytest.raises(SessionLostError):
        await waiting
    assert "Shutdown complete" not in mysqld.error_log(home.member(ONE)).read_text()


async def test_clients_are_cut_off_and_the_member_shuts_down_cleanly(home, bring_up, connect):
    await bring_up(home, replicas=2)
    app = await reign(home, connect)
    await members.stop(home, ONE)
    assert "Shutdown complete" in mysqld.error_log(home.member(ONE)).read_text()
    assert not app.alive


async def test_nobody_opens_a_member_that_is_being_stopped(home, bring_up, connect, process):
    """Between the last look and SIGTERM, clients would be let in again, and told of writes that may be lost."""
    await bring_up(home, replicas=2)
    await reign(home, connect)
    topology = await connect(home, ONE)
    secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
    assert secret is not None
    holding = await quieten(home.socket(ONE), secret["engine"], Limits())
    assert holding is not None
    with pytest.raises(ServerError) as caught:
        await topology.query(call("thaw", TERM))
    assert "another act holds this member" in caught.value.message
    with pytest.raises(MemberError):
        await connect(home, ONE, "app", APP_PASSWORD)
    holding.close()
    await topology.query(call("thaw", TERM))
    await connect(home, ONE, "app", APP_PASSWORD)


async def test_one_that_is_opened_while_the_lock_is_awaited_is_closed_again(home, bring_up, connect, probe, until):
    await bring_up(home, replicas=2)
    await reign(home, connect)
    secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
    assert secret is not None
    act = await connect(home, ONE)
    await act.query("SELECT GET_LOCK('flyball.fence', 0) AS held")
    stopping = asyncio.create_task(quieten(home.socket(ONE), secret["engine"], Limits()))

    async def closed() -> bool:
        return (await probe(act))["offline_mode"] == "1"

    await until(closed)
    await act.query(call("thaw", TERM))
    await act.query("SELECT RELEASE_LOCK('flyball.fence') AS free")
    holding = await stopping
    assert holding is not None
    with pytest.raises(MemberError):
        await connect(home, ONE, "app", APP_PASSWORD)
    holding.close()


async def test_the_same_commit_hears_ok_from_a_bare_sigterm(home, bring_up, connect, probe, process, until):
    """Why there is an order at all: if this ever fails, rule 1 may be looked at again."""
    await bring_up(home, replicas=2)
    app = await reign(home, connect)
    members.hang(home, TWO)
    waiting = asyncio.create_task(app.query("INSERT INTO commerce.t VALUES (2)"))
    await somebody_waits(home, connect, probe, until)
    mysqld.terminate(process(home, ONE))
    assert await waiting == []


async def test_a_stopped_member_stays_down_until_it_is_started(home, bring_up, process, until):
    await bring_up(home, replicas=2)
    before = process(home, ONE)
    await members.stop(home, ONE)
    assert not mysqld.is_running(before)
    assert "Shutdown complete" in mysqld.error_log(home.member(ONE)).read_text()
    mysqld.kill(process(home, TWO))  # a pass of the engine in which it starts what is down
    await until(lambda: mysqld.is_running(process(home, TWO)))
    assert process(home, ONE) == before
    await members.start(home, ONE)
    assert mysqld.is_running(process(home, ONE))
    assert process(home, ONE) != before


async def test_a_member_that_does_not_answer_is_killed(home, bring_up, process):
    await bring_up(home)
    before = process(home, ONE)
    members.hang(home, ONE)
    await members.stop(home, ONE)
    assert not mysqld.is_running(before)
    assert "Shutdown complete" not in mysqld.error_log(home.member(ONE)).read_text()


async def test_a_frozen_member_goes_on_when_it_is_resumed(home, bring_up, process, connect):
    await bring_up(home)
    before = process(home, ONE)
    members.hang(home, ONE)
    members.resume(home, ONE)
    assert (await (await connect(home, ONE)).query("SELECT 1 AS one")) == [{"one": "1"}]
    assert process(home, ONE) == before


async def test_a_killed_member_comes_back(home, bring_up, process, runs_anew, until):
    await bring_up(home)
    before = process(home, ONE)
    assert await members.kill(home, ONE)
    await until(lambda: runs_anew(home, ONE, before))


async def test_members_are_known_by_name(home, bring_up):
    with pytest.raises(InputError) as caught:
        await members.kill(home, "nobody")
    assert caught.value.code is Code.NO_SUCH_OBJECT


async def test_starting_needs_an_engine(home, bring_up, process):
    await bring_up(home)
    await down(home)
    with pytest.raises(EngineError) as caught:
        await members.start(home, ONE)
    assert caught.value.code is Code.ENGINE_RUNNING
    assert await members.stop(home, ONE) is Stopped.WAS_DOWN


async def test_root_cannot_log_in(home, bring_up, connect):
    await bring_up(home)
    with pytest.raises(MemberError) as caught:
        await connect(home, ONE, user="root", password="x")
    assert caught.value.code is Code.MEMBER_LOGIN
