"""What a crossing says and reads: guards, prunes, and the row that a member answers with."""

import json

import pytest

from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.keyspaceid import KeyKind
from flyball.records.keyspace import TableSpec
from flyball_topology.crossing import guards, pruning
from flyball_topology.crossing.looking import line_of, read
from flyball_topology.crossing.sql_crossing import channel_of

UUID = "00000001-0000-4000-8000-000000000001"
OTHER = "00000002-0000-4000-8000-000000000002"


def row(**changes: object) -> dict[str, object]:
    """What ``probe_reshard`` returns of a primary that serves and takes part in nothing."""
    return {
        "server_uuid": UUID, "gtid_executed": f"{UUID}:1-9", "read_only": "0", "super_read_only": "0",
        "offline_mode": "0", "exec_mode": "STRICT", "opened": "3", "has_mover": "0",
        "mover_may_write": "0", "guards": None, "moves": None,
        "imports": None, **changes,
    }  # fmt: skip


def channel(**changes: object) -> str:
    told = {
        "channel": "move-a", "host": "h", "port": 3306, "receiver": "ON", "applier": "ON", "error": "",
        "behind": "0.250000", "filtered": 1, **changes,
    }  # fmt: skip
    return json.dumps([told])


def test_every_sharded_table_has_two_guards_and_a_reference_table_none() -> None:
    tables = {"orders": TableSpec(shard_by="customer"), "country": TableSpec(reference=True)}
    made = guards.guards(tables)
    assert len(made) == 2
    assert all("`orders`" in text and "NEW.`customer` IS NULL" in text for text in made.values())
    (update,) = (text for text in made.values() if "BEFORE UPDATE" in text)
    assert "CAST(NEW.`customer` AS BINARY) <=> CAST(OLD.`customer` AS BINARY)" in update


def test_the_names_of_guards_fit_and_differ_for_tables_of_long_names() -> None:
    names = {name for last in "ab" for name in guards.guards({"t" * 63 + last: TableSpec(shard_by="id")})}
    assert len(names) == 4
    assert max(map(len, names)) <= 64


def test_only_guards_are_taken_away() -> None:
    made = guards.guards({"t": TableSpec(shard_by="id")})
    statements = guards.drop(frozenset({*made, "audit"}))
    assert len(statements) == 2
    assert not any("audit" in text for text in statements)


@pytest.mark.parametrize(("part", "ends"), [("-", 0), ("-80", 1), ("80-", 1), ("40-80", 2)])
def test_a_prune_looks_beyond_each_end_that_is_not_open(part: str, ends: int) -> None:
    conditions = pruning.outside("id", KeyKind.INTEGER, KeyRange.parse(part))
    assert len(conditions) == ends
    assert len(pruning.delete("t", conditions)) == ends
    assert pruning.count("t", conditions).count("COUNT(*)") == ends


def test_the_ends_of_a_range_are_told_apart() -> None:
    below, above = pruning.outside("id", KeyKind.INTEGER, KeyRange.parse("40-80"))
    assert below.endswith(f"< {1 << 62}")
    assert above.endswith(f">= {1 << 63}")


def test_a_round_of_prunes_is_as_long_as_what_the_one_before_left_asks_for() -> None:
    assert [pruning.batches(left) for left in (None, 0, 3, 5000)] == [1, 1, 1, pruning.BATCHES]


def test_housekeeping_and_prunes_are_no_part_of_what_a_consumer_must_have() -> None:
    executed = GtidSet.parse(f"{UUID}:1-9:flyball:1-4:prune:1-2,{OTHER}:1-3")
    assert line_of(executed) == GtidSet.parse(f"{UUID}:1-9,{OTHER}:1-3")


def test_a_member_that_takes_part_in_nothing() -> None:
    seen = read(row())
    assert (seen.opened, seen.strict, seen.has_mover, seen.guards, seen.moves, seen.imports) == (
        3, True, False, frozenset(), {}, {},
    )  # fmt: skip


def test_a_channel_that_lacks_nothing_is_not_behind_however_old_its_last_transaction_is() -> None:
    seen = read(row(imports=channel(behind="3600.5"))).imports["move-a"]
    assert seen.seen(GtidSet()).lag == 0.0
    assert seen.seen(GtidSet.parse(f"{UUID}:1")).lag == 3600.5
    assert seen.seen(None).lag == 3600.5


@pytest.mark.parametrize(
    "changes", [{"receiver": "CONNECTING"}, {"applier": "OFF"}, {"error": "1032"}, {"filtered": 0}]
)
def test_a_channel_that_carries_nothing_does_not_run(changes: dict[str, object]) -> None:
    """One without its filter would carry what is not the keyspace's: a restart forgets filters."""
    assert read(row(imports=channel())).imports["move-a"].seen(GtidSet()).runs
    assert not read(row(imports=channel(**changes))).imports["move-a"].seen(GtidSet()).runs


def test_a_channel_has_a_name_that_mysql_and_the_members_take() -> None:
    name = channel_of("w" * 63, "s" * 63)
    assert len(name) <= 64
    assert name != channel_of("w" * 63, "t" * 63)
    assert name.replace("-", "").isalnum()
