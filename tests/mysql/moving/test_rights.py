"""The rights that a movers' account has are enough for everything that the data plane does, under ``read_only`` too."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from flyball.gtid import GtidSet
from flyball.records.keyspace import TableSpec
from flyball.session import Login
from flyball_topology.moving import building, notes
from flyball_topology.moving.copying import Copying, declare_executed
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.verifying import Verifying
from flyball_topology.moving.wire import Link
from tests.mysql.moving.alike import check_alike
from tests.mysql.moving.feeds import RootFeed
from tests.mysql.moving.servers import DATABASE, MOVER, Server, follow, job, unverified, wait_for

ACCOUNT = Login("flyball_m_least", "least")
ANYWHERE = (
    "REPLICATION SLAVE, REPLICATION CLIENT, CONNECTION_ADMIN, SESSION_VARIABLES_ADMIN, TRANSACTION_GTID_TAG, "
    "SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SHOW_ROUTINE"
)
IN_THE_DATABASE = (
    "SELECT, INSERT, UPDATE, DELETE, LOCK TABLES, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, EXECUTE, TRIGGER, EVENT"
)
IN_THE_NOTES = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP"


@pytest.fixture
def least(servers: list[Server]) -> Iterator[list[Server]]:
    """The servers, with such an account; the targets are under ``read_only``."""
    name = f"'{ACCOUNT.user}'@'%'"
    for server in servers:
        server.run(
            "SET SESSION sql_log_bin = 0",
            f"CREATE USER {name} IDENTIFIED BY '{ACCOUNT.password}' REQUIRE SSL",
            f"GRANT {ANYWHERE} ON *.* TO {name}",
            f"GRANT {IN_THE_DATABASE} ON {DATABASE}.* TO {name}",
            f"GRANT {IN_THE_NOTES} ON `flyball\\_moving`.* TO {name}",
            "SET SESSION sql_log_bin = 1",
        )
    for target in servers[1:]:
        # No account of ours may have SUPER, and without it MySQL takes triggers and functions only so (error 1419).
        target.run("SET GLOBAL read_only = ON", "SET GLOBAL log_bin_trust_function_creators = ON")
    yield servers
    for server in servers:
        server.run(
            "SET GLOBAL read_only = OFF",
            "SET GLOBAL log_bin_trust_function_creators = OFF",
            "SET SESSION sql_log_bin = 0",
            f"DROP USER {name}",
            "SET SESSION sql_log_bin = 1",
        )


def test_a_mover_copies_compares_mends_and_cleans_up(least: list[Server]) -> None:
    source, low, high = least
    source.run(
        f"USE {DATABASE}",
        "CREATE TABLE orders (id INT PRIMARY KEY, note TEXT, KEY by_note (note(9)))",
        "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
        "CREATE DEFINER = app@`%` VIEW ids AS SELECT id FROM orders",
        "CREATE DEFINER = app@`%` FUNCTION twice (n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
        "CREATE DEFINER = app@`%` PROCEDURE nothing () BEGIN DO 1; END",
        "CREATE TABLE cut (id INT PRIMARY KEY, note TEXT)",
        "CREATE DEFINER = app@`%` TRIGGER cut BEFORE INSERT ON cut FOR EACH ROW SET NEW.note = LEFT(NEW.note, 9)",
    )
    tables = {"orders": TableSpec(shard_by="id"), "cut": TableSpec(shard_by="id")}
    split: Job = replace(job([source.place()], [low.place("-80"), high.place("80-")], tables), login=ACCOUNT)

    def declare(place: Place, _link: Link, begin: GtidSet) -> None:
        link = Link.open(place.target, MOVER, unverified())
        declare_executed(link, begin)
        link.close()

    Copying(split, declare=declare).run()
    check_alike(split)
    for target in (low, high):
        follow(target, source)
        wait_for(target, source)
        target.run("SET SESSION sql_log_bin = 0", f"UPDATE {DATABASE}.orders SET note = 'harm'")
    verdict = Verifying(split, RootFeed([source], [low, high])).run()
    assert {one.consumer for one in verdict.differed} <= {"low", "high"}
    assert verdict.differed
    for place in split.targets:
        link = split.source(place)
        building.drop_indexes(link, DATABASE)
        notes.forget(link, split.workflow)
        assert not notes.exist(link)
        link.close()
