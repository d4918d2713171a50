"""What a copy brings to its targets, on real servers."""

import contextlib
import threading
from typing import Any

import pytest

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.keyspaceid import KeyKind, keyspace_id
from flyball.records.keyspace import TableSpec
from flyball.session import ServerError
from flyball_topology.crossing import pruning
from flyball_topology.moving.copying import Copying
from flyball_topology.moving.definitions import INDEX
from flyball_topology.moving.job import Job, Lane
from flyball_topology.moving.notes import LaneNote
from tests.mysql.moving.alike import check_alike
from tests.mysql.moving.fire import copy_under_fire
from tests.mysql.moving.servers import DATABASE, Server, follow, job, wait_for

SAMPLE = range(4)
ORDERS = {"orders": TableSpec(shard_by="customer")}


def make_orders(server: Server, rows: int, first: int = 1) -> None:
    """A table of orders, a few hundred bytes each."""
    server.run(
        f"USE {DATABASE}",
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE IF NOT EXISTS orders (id INT NOT NULL, customer INT NOT NULL, note TEXT, "
        "PRIMARY KEY (id, customer), KEY by_note (note(20), customer)) AUTO_INCREMENT = 1000",
        f"INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {first + rows - 1}) SELECT i, i * 7, REPEAT(SHA2(i, 256), 4) FROM n",
    )


def split(servers: list[Server], tables: dict[str, TableSpec] = ORDERS, **more: Any) -> Job:
    source, low, high = servers
    return job([source.place()], [low.place("-80"), high.place("80-")], tables, **more)


@pytest.mark.parametrize("seed", SAMPLE)
def test_hostile_rows_arrive_byte_by_byte_while_the_application_writes(servers: list[Server], seed: int) -> None:
    copy_under_fire(servers, seed)


class InterruptedHereError(Exception):
    pass


def test_a_copy_that_was_interrupted_goes_on_above_the_last_chunk_that_landed(servers: list[Server]) -> None:
    make_orders(servers[0], 3000)
    landed: list[int] = []

    def interrupt(note: LaneNote, lane: Lane) -> None:
        landed.append(note.rows)
        if len(landed) == 3:
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        Copying(split(servers), interrupt).run()
    begun: list[int] = []
    servers[0].run("DELETE FROM orders WHERE id = 3000")
    Copying(split(servers), lambda note, lane: begun.append(note.rows)).run()
    assert min(begun) > min(landed), "nothing was copied twice"
    servers[0].run("INSERT INTO orders SELECT 3000, 21000, REPEAT(SHA2(3000, 256), 4)")
    for target in servers[1:]:
        follow(target, servers[0])
        wait_for(target, servers[0])
    check_alike(split(servers))


def test_a_copy_that_is_done_is_not_begun_again(servers: list[Server]) -> None:
    make_orders(servers[0], 100)
    Copying(split(servers)).run()
    servers[0].run("UPDATE orders SET note = 'later'")
    Copying(split(servers), lambda note, lane: pytest.fail("a chunk was copied again")).run()


def test_the_stream_begins_where_the_oldest_snapshot_ends(servers: list[Server]) -> None:
    source, low, _ = servers
    make_orders(source, 10)
    before = source.ask("SELECT @@GLOBAL.gtid_executed")[0][0]
    Copying(split(servers)).run()
    executed = GtidSet.parse(low.ask("SELECT @@GLOBAL.gtid_executed")[0][0])
    assert executed == GtidSet.parse(before), (
        "what was copied is in no binary log, and what it holds counts as executed"
    )


def test_rows_too_large_for_one_text_arrive_one_by_one(servers: list[Server]) -> None:
    source = servers[0]
    source.run(f"USE {DATABASE}", "CREATE TABLE blobs (id INT PRIMARY KEY, b LONGBLOB, n TEXT)")
    for number in range(4):
        source.run(f"INSERT INTO blobs VALUES ({number}, REPEAT(x'00FF0A09', {3_000_000 + number}), NULL)")
    Copying(split(servers, {"blobs": TableSpec(shard_by="id")})).run()
    check_alike(split(servers, {"blobs": TableSpec(shard_by="id")}))


def test_floating_numbers_arrive_with_every_bit(servers: list[Server]) -> None:
    source = servers[0]
    source.run(
        f"USE {DATABASE}",
        "CREATE TABLE numbers (id INT PRIMARY KEY, d DOUBLE NOT NULL, f FLOAT, g DOUBLE(20, 3))",
        "INSERT INTO numbers VALUES (1, -2.2250738585072014e-308, -1.17549435e-38, -12345678901234567.891), "
        "(2, 5.2323094012231454e-204, 16777217, 0.1), (3, 1.7976931348623157e308, 3.4028234e38, NULL), "
        "(4, -0e0, NULL, 1)",
    )
    Copying(split(servers, {"numbers": TableSpec(shard_by="id")})).run()
    rows = "SELECT id, d, CAST(f AS DOUBLE), g FROM numbers ORDER BY id"
    there = sorted(row for target in servers[1:] for row in (target.run(f"USE {DATABASE}"), *target.ask(rows)) if row)
    assert [tuple(map(repr, row)) for row in there] == [tuple(map(repr, row)) for row in source.ask(rows)]


def test_what_belongs_to_tables_arrives_as_well(servers: list[Server]) -> None:
    source, low, _ = servers
    make_orders(source, 10)
    source.run(
        "CREATE TABLE country (code CHAR(2) PRIMARY KEY, name VARCHAR(50))",
        "INSERT INTO country VALUES ('de', 'Germany'), ('fr', 'France')",
        "CREATE VIEW z_view AS SELECT id, customer FROM orders",
        "CREATE VIEW a_view AS SELECT id FROM z_view",
        "CREATE FUNCTION twice (n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
        "CREATE PROCEDURE nothing () BEGIN DO 1; END",
        "CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = CONCAT('t ', NEW.note)",
        "CREATE TRIGGER flyball_guard BEFORE UPDATE ON orders FOR EACH ROW SET NEW.customer = OLD.customer",
    )
    tables = {**ORDERS, "country": TableSpec(reference=True)}
    Copying(split(servers, tables)).run()
    check_alike(split(servers, tables))
    assert low.ask(f"SELECT COUNT(*) FROM {DATABASE}.country") == ((2,),)
    triggers = low.ask(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{DATABASE}'")
    assert triggers == (("stamped",),)


def test_two_sources_become_one_target(servers: list[Server]) -> None:
    low, high, whole = servers
    high.run(f"CREATE DATABASE {DATABASE}")
    for server, bound in ((low, "<"), (high, ">=")):
        make_orders(server, 500)
        server.run(f"DELETE FROM orders WHERE NOT SHA2(customer, 256) {bound} '80'")
    merge = job([low.place("-80"), high.place("80-")], [whole.place()], ORDERS)
    Copying(merge).run()
    assert whole.ask(f"SELECT COUNT(*) FROM {DATABASE}.orders") == ((500,),)
    check_alike(merge)


def test_a_target_that_holds_a_row_already_stops_the_copy(servers: list[Server]) -> None:
    source, low, high = servers
    make_orders(source, 10)
    for target in (low, high):
        target.run(f"CREATE DATABASE {DATABASE}")
        make_orders(target, 10)
    with pytest.raises(MemberError) as refused:
        Copying(split(servers)).run()
    assert refused.value.code is Code.ROWS_DIFFER


def test_definitions_that_changed_since_the_check_stop_the_copy(servers: list[Server]) -> None:
    make_orders(servers[0], 10)
    with pytest.raises(MemberError) as refused:
        Copying(split(servers, fingerprint="another")).run()
    assert refused.value.code is Code.SCHEMA_CHANGED


@pytest.mark.parametrize(
    "key", ["BIGINT NOT NULL", "BINARY(8) NOT NULL", "VARCHAR(40) COLLATE utf8mb4_0900_bin NOT NULL"]
)
def test_rows_out_of_range_are_found_by_the_index_whatever_the_size_of_the_table(
    servers: list[Server], key: str
) -> None:
    servers[0].run(
        f"USE {DATABASE}",
        f"CREATE TABLE big (id INT PRIMARY KEY, owner {key}, note TEXT)",
        "INSERT INTO big WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
        "SELECT i, RIGHT(CONCAT('00000000', i), 8), 'here' FROM n",
        "ANALYZE TABLE big",
    )
    move = split(servers, {"big": TableSpec(shard_by="owner")})
    Copying(move).run()
    kind = KeyKind.of_column(key.partition("(")[0].partition(" ")[0].lower())
    for target, place in zip(servers[1:], move.targets, strict=True):
        conditions = pruning.outside("owner", kind, place.range)
        statements = (pruning.count("big", conditions), *pruning.delete("big", conditions))
        with contextlib.closing(move.source(place)) as link:
            link.run(f"USE {DATABASE}")
            for statement in statements:
                plan = link.run(f"EXPLAIN FORMAT=TRADITIONAL {statement}").rows
                used = {row[6] for row in plan if row[2] == b"big"}  # the column "key" of each look at the table
                assert used == {INDEX.encode()}, f"{target.name}: {statement}: {plan}"


def test_a_prune_that_waits_for_a_row_keeps_no_applier_from_another_one(servers: list[Server]) -> None:
    make_orders(servers[0], 10)
    move = split(servers)
    Copying(move).run()
    low = servers[1]
    above = sorted((n for n in range(1000, 1100) if keyspace_id(n) >= 1 << 63), key=keyspace_id)
    between, pruned, held = above[0], above[1], above[2]
    row = "INSERT INTO orders VALUES ({0}, {0}, 'slipped in')"
    low.run(f"USE {DATABASE}", row.format(pruned))
    ended: list[int] = []

    def prune() -> None:
        with contextlib.closing(move.source(move.targets[0])) as link:
            link.run(f"USE {DATABASE}")
            link.run(f"SET SESSION {pruning.IMPATIENT}")
            try:
                link.run(*pruning.delete("orders", pruning.outside("customer", KeyKind.INTEGER, move.targets[0].range)))
            except ServerError as error:
                ended.append(error.errno)

    worker, other = low.connect(database=DATABASE), low.connect(database=DATABASE)
    with contextlib.closing(worker), contextlib.closing(other), worker.cursor() as first, other.cursor() as second:
        first.execute("BEGIN")
        first.execute(row.format(held))
        thread = threading.Thread(target=prune)
        thread.start()
        try:
            waits = "SELECT COUNT(*) FROM performance_schema.data_lock_waits"
            while thread.is_alive() and not low.ask(waits)[0][0]:
                pass
            second.execute("SET SESSION innodb_lock_wait_timeout = 5")
            second.execute(row.format(between))
        finally:
            first.execute("ROLLBACK")
            thread.join()
    assert set(ended) <= pruning.BUSY
