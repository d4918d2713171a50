"""What forbids a move, by name, all at once."""

from dataclasses import replace

import pytest

from flyball.errors import Code
from flyball.records.keyspace import TableSpec
from flyball_topology.moving.definitions import INDEX, Definitions, TableSeen, UniqueKey, without_indexes
from flyball_topology.moving.refusals import cautions, moving, refusals
from flyball_topology.moving.tables import Column

CREATE = """CREATE TABLE `orders` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `customer` bigint NOT NULL,
  `note` text,
  PRIMARY KEY (`customer`,`id`),
  UNIQUE KEY `one` (`customer`,`note`(10)),
  KEY `counter` (`id`),
  KEY `odd``name, it is` (`note`(3)) COMMENT 'KEY `x`'
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4"""
COLUMNS = (
    Column("id", "bigint", auto_increment=True),
    Column("customer", "bigint"),
    Column("note", "text", nullable=True, charset="utf8mb4", collation="utf8mb4_0900_ai_ci"),
)
KEY = UniqueKey("PRIMARY", ("customer", "id"))
ORDERS = TableSeen("orders", "InnoDB", COLUMNS, (KEY,), CREATE, rows=10, size=1000)
BY_CUSTOMER = {"orders": TableSpec(shard_by="customer")}


def of(*tables: TableSeen, **more: object) -> dict[str, Definitions]:
    return {"shop-x-x": Definitions("shop", "9.7.4", tables, **more)}  # type: ignore[arg-type]


def test_a_table_that_can_be_moved_is_not_refused() -> None:
    assert refusals(of(ORDERS), BY_CUSTOMER) == ()


def with_column(**change: object) -> TableSeen:
    customer = replace(COLUMNS[1], **change)  # type: ignore[arg-type]
    return replace(ORDERS, columns=(COLUMNS[0], customer, COLUMNS[2]))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (replace(ORDERS, unique=()), "orders: has no primary key"),
        (replace(ORDERS, foreign_keys=("fk_customer",)), "fk_customer"),
        (replace(ORDERS, engine="MyISAM"), "MyISAM"),
        (replace(ORDERS, columns=COLUMNS[:1], unique=(UniqueKey("PRIMARY", ("id",)),)), "no column customer"),
        (with_column(nullable=True), "customer may be NULL"),
        (with_column(type="double"), "'double'"),
        (with_column(type="varchar", collation="utf8mb4_0900_ai_ci"), "utf8mb4_0900_ai_ci"),
        (replace(ORDERS, columns=(*COLUMNS, Column("x", "mystery"))), "x is of type mystery"),
        (replace(ORDERS, create=CREATE + " DATA DIRECTORY='/elsewhere'"), "directory"),
        (replace(with_column(type="enum"), unique=(KEY,)), "begins with customer of type enum"),
    ],
)
def test_a_table_that_would_come_out_wrong_is_refused_by_name(table: TableSeen, named: str) -> None:
    found = refusals(of(table), BY_CUSTOMER)
    assert any(named in one.text for one in found), found
    assert all(one.next_step for one in found)


def test_everything_that_forbids_a_move_is_told_at_once() -> None:
    bad = replace(with_column(nullable=True), unique=(), foreign_keys=("fk",))
    found = refusals(of(bad, replace(ORDERS, name="stray"), events=("nightly",)), BY_CUSTOMER)
    assert len(found) == 5
    assert {one.code for one in found} == {Code.RESHARD_REFUSED}


def test_a_key_that_has_no_keyspace_id_has_a_code_of_its_own() -> None:
    assert {one.code for one in refusals(of(with_column(type="double")), BY_CUSTOMER)} >= {Code.NOT_HASHABLE}


def test_a_unique_key_without_the_sharding_column_refuses_a_merge_and_warns_of_a_split() -> None:
    table = replace(ORDERS, unique=(KEY, UniqueKey("email", ("note",))))
    assert refusals(of(table), BY_CUSTOMER) == ()
    assert "email" in cautions(of(table)["shop-x-x"], BY_CUSTOMER)[0]
    (found,) = refusals(of(table), BY_CUSTOMER, merged=("shop-x-80-i2",))
    assert "email" in found.text
    assert "shop-x-80-i2" in found.text


def test_a_unique_key_on_a_prefix_of_the_sharding_column_does_not_contain_it() -> None:
    table = replace(ORDERS, unique=(KEY, UniqueKey("start", ("customer",), prefixes=True)))
    assert len(refusals(of(table), BY_CUSTOMER, merged=("shop-x-x-i2",))) == 1


def test_sources_whose_definitions_differ_are_refused_with_the_table() -> None:
    other = replace(ORDERS, create=CREATE.replace("bigint NOT NULL,", "int NOT NULL,"))
    found = refusals({**of(ORDERS), "shop-80-x": of(other)["shop-x-x"]}, BY_CUSTOMER)
    assert "shop-80-x" in found[0].text
    assert "orders" in found[0].text


def test_a_counter_that_went_on_is_no_difference() -> None:
    other = replace(ORDERS, create=CREATE.replace("AUTO_INCREMENT=7", "AUTO_INCREMENT=9000"))
    assert refusals({**of(ORDERS), "shop-80-x": of(other)["shop-x-x"]}, BY_CUSTOMER) == ()
    assert of(ORDERS)["shop-x-x"].fingerprint == of(other)["shop-x-x"].fingerprint


def test_an_older_target_and_a_small_disk_are_refused() -> None:
    found = refusals(of(ORDERS), BY_CUSTOMER, versions={"new": "8.4.2"}, room={"new": (1000, 1100)})
    assert [one.text.split(":")[0] for one in found] == ["new", "new"]
    assert refusals(of(ORDERS), BY_CUSTOMER, versions={"new": "9.7.9"}, room={"new": (1000, 1400)}) == ()


def test_indexes_are_taken_off_but_the_one_that_the_counter_needs() -> None:
    create, indexes = without_indexes(ORDERS)
    assert indexes == (
        "UNIQUE KEY `one` (`customer`,`note`(10))",
        "KEY `odd``name, it is` (`note`(3)) COMMENT 'KEY `x`'",
    )
    assert "  KEY `counter` (`id`)\n) ENGINE=InnoDB" in create


def test_the_index_on_the_keyspace_id_is_ours_and_no_part_of_a_definition() -> None:
    marked = CREATE.replace("  KEY `counter`", f"  KEY `{INDEX}` ((cast(1 as unsigned))),\n  KEY `counter`")
    assert of(replace(ORDERS, create=marked))["shop-x-x"].fingerprint == of(ORDERS)["shop-x-x"].fingerprint


def test_the_largest_tables_move_first() -> None:
    small = replace(ORDERS, name="small", size=1)
    found = moving(of(small, ORDERS)["shop-x-x"], {**BY_CUSTOMER, "small": BY_CUSTOMER["orders"]})
    assert [table.name for table in found] == ["orders", "small"]
