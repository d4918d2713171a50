"""What a comparison finds and mends, on real servers."""

import threading

import pytest

from flyball.errors import Code, MemberError
from flyball.records.keyspace import TableSpec
from flyball_topology.moving.copying import Copying
from flyball_topology.moving.job import Job
from flyball_topology.moving.verifying import Verdict, Verifying
from tests.mysql.moving.alike import check_alike
from tests.mysql.moving.feeds import RootFeed
from tests.mysql.moving.servers import DATABASE, Server, follow, job, wait_for

ORDERS = {"orders": TableSpec(shard_by="customer")}


@pytest.fixture
def copied(servers: list[Server]) -> Job:
    """A split that was copied and streams."""
    source, low, high = servers
    source.run(
        f"USE {DATABASE}",
        "CREATE TABLE orders (id INT NOT NULL, customer INT NOT NULL, a VARCHAR(20), b VARCHAR(20), j JSON, "
        "PRIMARY KEY (id, customer))",
        "INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
        "SELECT i, i, CONCAT('a', i), CONCAT('b', i), JSON_OBJECT('n', i) FROM n",
    )
    split = job([source.place()], [low.place("-80"), high.place("80-")], ORDERS)
    Copying(split).run()
    for target in (low, high):
        follow(target, source)
        wait_for(target, source)
        target.run(f"USE {DATABASE}")
    return split


def compare(split: Job, servers: list[Server], **more: object) -> Verdict:
    source, low, high = servers
    verdict = Verifying(split, RootFeed([source], [low, high]), **more).run()  # type: ignore[arg-type]
    for target in (low, high):
        states = target.ask("SELECT SERVICE_STATE FROM performance_schema.replication_applier_status")
        assert ("ON",) in states, "the channels go on"
    return verdict


def test_rows_that_are_the_same_are_found_the_same(servers: list[Server], copied: Job) -> None:
    verdict = compare(copied, servers)
    assert (verdict.rows, verdict.differed) == (900, ())


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE orders SET a = 'other' LIMIT 1",
        "UPDATE orders SET a = NULL LIMIT 1",
        "UPDATE orders SET a = CONCAT(a, b), b = '' LIMIT 1",
        "DELETE FROM orders LIMIT 3",
        "UPDATE orders SET j = JSON_SET(j, '$.n', 0) LIMIT 1",
    ],
)
def test_a_row_that_differs_is_found_told_and_mended(servers: list[Server], copied: Job, harm: str) -> None:
    low = servers[1]
    low.run(harm)
    verdict = compare(copied, servers)
    assert [one.consumer for one in verdict.differed] == ["low"]
    assert "orders at low" in str(verdict.differed[0])
    assert compare(copied, servers).differed == ()
    check_alike(copied)


def test_values_that_changed_places_are_found(servers: list[Server], copied: Job) -> None:
    low = servers[1]
    (one, a), (other, b) = low.ask("SELECT id, a FROM orders WHERE LENGTH(a) = 4 ORDER BY id LIMIT 2")
    low.run(f"UPDATE orders SET a = '{b}' WHERE id = {one}", f"UPDATE orders SET a = '{a}' WHERE id = {other}")
    assert len(compare(copied, servers).differed) == 1


def test_what_is_mended_is_logged_for_the_replicas_under_the_tag_of_prunes(servers: list[Server], copied: Job) -> None:
    low = servers[1]
    low.run("DELETE FROM orders LIMIT 1")
    compare(copied, servers)
    assert ":prune:" in low.ask("SELECT @@GLOBAL.gtid_executed")[0][0]


def test_rows_are_compared_while_the_application_writes(servers: list[Server], copied: Job) -> None:
    source, stop = servers[0], threading.Event()

    def write() -> None:
        connection = source.connect(database=DATABASE)
        with connection.cursor() as cursor:
            number = 1000
            while not stop.is_set():
                number += 1
                cursor.execute(f"INSERT INTO orders VALUES ({number}, {number}, 'x', 'y', NULL)")
                cursor.execute(f"UPDATE orders SET a = 'hot {number}' WHERE id IN (1, 2, 3)")
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert compare(copied, servers).differed == ()
    finally:
        stop.set()
        writer.join()


def test_json_that_its_text_does_not_carry_is_told_by_name(servers: list[Server], copied: Job) -> None:
    source = servers[0]
    source.run("UPDATE orders SET j = JSON_OBJECT('n', CAST(1.10 AS DECIMAL(5, 2))) WHERE id = 5")
    for target in servers[1:]:
        wait_for(target, source)
        target.run("UPDATE orders SET j = NULL WHERE id = 5", "UPDATE orders SET j = '{\"n\": 1.10}' WHERE id = 5")
    with pytest.raises(MemberError) as found:
        compare(copied, servers)
    assert found.value.code is Code.ROWS_DIFFER
    assert "orders" in found.value.message


def test_rows_are_not_mended_where_that_would_fire_a_trigger(servers: list[Server], copied: Job) -> None:
    source, low, high = servers
    source.run(
        "CREATE TABLE told (id INT PRIMARY KEY, n INT)",
        "CREATE TRIGGER tell AFTER INSERT ON orders FOR EACH ROW INSERT INTO told VALUES (NEW.id, 1)",
    )
    for target in (low, high):
        wait_for(target, source)
    low.run("DELETE FROM orders LIMIT 1")
    both = job(copied.sources, copied.targets, {**ORDERS, "told": TableSpec(shard_by="id")})
    with pytest.raises(MemberError) as found:
        compare(both, servers)
    assert found.value.code is Code.ROWS_DIFFER
    assert "tell" in found.value.message
    assert low.ask("SELECT COUNT(*) FROM told") == ((0,),)


def test_the_way_back_is_compared_with_the_sides_changed(servers: list[Server], copied: Job) -> None:
    source, low, high = servers
    for target in (low, high):
        for (channel,) in target.ask(
            "SELECT CHANNEL_NAME FROM performance_schema.replication_connection_configuration"
        ):
            target.run(f"STOP REPLICA FOR CHANNEL '{channel}'", f"RESET REPLICA ALL FOR CHANNEL '{channel}'")
        follow(source, target)
    back = job([low.place("-80"), high.place("80-")], [source.place()], ORDERS)
    low.run("INSERT INTO orders SELECT 5000, customer, 'new', 'new', NULL FROM orders LIMIT 1")
    wait_for(source, low)
    source.run("UPDATE orders SET a = 'harmed' WHERE id = 5000")
    verdict = Verifying(back, RootFeed([low, high], [source])).run()
    assert [(one.producer, one.consumer) for one in verdict.differed] == [("low", "source")]
