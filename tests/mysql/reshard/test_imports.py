"""Imports: filtered channels between shards, that follow a source's primary and never acknowledge."""

import json

from tests.mysql.reshard.conftest import S1, T1, T2, TERM
from tests.mysql.waiting import until


async def test_rows_of_the_keyspace_come_and_nothing_else(start):
    two = await start()
    await two.movers(S1, T1)
    await two.begin_at(T1, S1)
    await two.import_from(T1, S1)
    await two.act(S1, "ensure_user", 3, "other", "a password", "commerce", False)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 10, 1), (2, 20, 2)")
    await until(lambda: two.caught_up(T1, S1))
    assert await two.mover(T1, "SELECT id, owner, v FROM commerce.t") == [("1", "10", "1"), ("2", "20", "2")]
    probe = await two.probe(T1)
    assert probe["journal_term"] == "3", "the source's journal was filtered out"
    assert "other" not in json.loads(probe["accounts"])
    look = await two.look(T1)
    assert (look["exec_mode"], look["semi_sync_replica"]) == ("IDEMPOTENT", "0")
    (channel,) = json.loads(look["imports"])
    assert (channel["receiver"], channel["applier"], channel["filtered"], channel["error"]) == ("ON", "ON", 1, "")


async def test_a_row_that_is_not_there_does_not_stop_an_import_and_an_ended_one_leaves_strictness(start):
    two = await start()
    await two.movers(S1, T1)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 10, 1), (2, 20, 2)")
    await two.begin_at(T1, S1)
    await two.mover(
        T1, "SET gtid_next = 'AUTOMATIC:prune'", "DELETE FROM commerce.t WHERE id = 2", "SET gtid_next = 'AUTOMATIC'"
    )
    await two.import_from(T1, S1)
    await two.app(S1, "UPDATE commerce.t SET v = 9")
    await until(lambda: two.caught_up(T1, S1))
    assert await two.mover(T1, "SELECT id, v FROM commerce.t") == [("1", "9")]
    await two.import_from(T1, S1)  # once more: nothing changes
    await two.do(T1, "end_import", "move-s")
    await two.do(T1, "end_import", "move-s")
    look = await two.look(T1)
    assert (look["exec_mode"], look["imports"]) == ("STRICT", None)


async def test_an_import_never_acknowledges(start):
    """Its source would answer clients for what only another shard holds."""
    two = await start(replicas=2, acks=1)
    await two.movers(S1, T1)
    await two.begin_at(T1, S1)
    assert (await two.look(T1))["semi_sync_replica"] == "1"
    await two.import_from(T1, S1)
    await until(lambda: two.caught_up(T1, S1))
    session = await two.session(S1, "mover")
    (row,) = await session.query("SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'")
    assert row["Value"] == "1"


async def test_a_former_primary_imports_nothing_any_more(start):
    """Fencing stops imports, and following drops them: a member that follows is never IDEMPOTENT (rule 22)."""
    two = await start(replicas=2)
    await two.movers(S1, T1, T2)
    await two.begin_at(T1, S1)
    await two.import_from(T1, S1)
    await until(lambda: two.caught_up(T1, S1))
    await two.act(T1, "fence", 4, 0, "")
    (channel,) = json.loads((await two.look(T1))["imports"])
    assert (channel["receiver"], channel["applier"]) == ("OFF", "OFF")
    assert (await two.probe(T1))["super_read_only"] == "1"
    await two.follow(T1, T2, term=4)
    look = await two.look(T1)
    assert (look["imports"], look["exec_mode"]) == (None, "STRICT")
    assert (await two.probe(T1))["source_port"] == str(two.port(T2))


async def test_a_member_that_holds_still_imports_nothing(start):
    """Its only ack-giver may be being cloned: a commit would wait for that, and the clone for the commit."""
    two = await start()
    await two.movers(S1, T1)
    await two.begin_at(T1, S1)
    await two.act(T1, "freeze", TERM, 1, 0.0)
    where = ("127.0.0.1", two.port(S1), two.account, two.password, "commerce")
    assert "holds still" in await two.refused(T1, "import", "move-s", *where)
    await two.act(T1, "thaw", TERM)
    await two.import_from(T1, S1)


async def test_an_import_of_an_older_version_is_refused(start):
    two = await start()
    await two.movers(S1, T1)
    await two.do(T1, "serve", version=2)
    assert "FB3006" in await two.refused(
        T1, "import", "move-s", "127.0.0.1", two.port(S1), two.account, two.password, "commerce", version=1
    )
