"""The way back: a source follows its target from the first write on that the target takes (rules 21, 23)."""

import json

from tests.mysql.reshard.conftest import S1, S2, T1, TERM, WORKFLOW
from tests.mysql.waiting import until


async def switched(two) -> None:
    """The source is held, the target has everything and one prune of its own."""
    await two.movers(S1, S2, T1)
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 10, 1), (2, 20, 2)")
    await two.begin_at(T1, S1)
    await two.import_from(T1, S1)
    await two.mover(
        T1, "SET gtid_next = 'AUTOMATIC:prune'", "DELETE FROM commerce.t WHERE id = 2", "SET gtid_next = 'AUTOMATIC'"
    )
    await two.do(S1, "hold", 1, 0.0, version=1)
    await two.act(T1, "await", str(await two.line(S1)), 60.0)
    assert await two.caught_up(T1, S1)


async def test_the_journal_row_is_written_while_applications_are_kept_out(start):
    two = await start()
    await two.act(T1, "journal_move", TERM, WORKFLOW, "switch")
    await two.act(T1, "journal_move", TERM, WORKFLOW, "switch")
    assert json.loads((await two.look(T1))["moves"]) == {"switch": TERM}
    await two.act(T1, "journal_move", TERM, WORKFLOW, "")
    assert (await two.look(T1))["moves"] is None


async def test_a_source_follows_its_target_and_lacks_nothing_of_before(start):
    two = await start(replicas=2)
    await switched(two)
    await two.do(T1, "end_import", "move-s")
    before = str(await two.executed(T1))
    for member in (S2, S1):
        await two.do(member, "declare_foreign", before, version=1)
        await two.do(member, "declare_foreign", before, version=1)
    await two.do(T1, "serve", version=1)
    await two.do(S1, "import", "move-back", "127.0.0.1", two.port(T1), two.account, two.password, "commerce", version=1)
    await two.app(T1, "INSERT INTO commerce.t VALUES (3, 30, 3)")
    await until(lambda: two.caught_up(S1, T1))
    await until(lambda: two.caught_up(S2, T1))
    for member in (S1, S2):
        assert await two.app(member, "SELECT id FROM commerce.t ORDER BY id") == [("1",), ("2",), ("3",)]


async def test_a_member_does_not_declare_its_own_transactions_away(start):
    two = await start()
    uuid = (await two.probe(S1))["server_uuid"]
    assert "FB3002" in await two.refused(S1, "declare_foreign", f"{uuid}:1000-1001")
