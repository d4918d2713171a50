"""What servers are told about values on their way."""

import hashlib

import pytest

from flyball.keyrange import KeyRange
from flyball.keyspaceid import keyspace_id
from flyball_topology.moving import tables
from flyball_topology.moving.chunks import Chunk, bounding, literals, next_bound
from flyball_topology.moving.tables import Carriage, Column, Marks, Table

MARKS = Marks("F", "R", "N")
ID = Column("id", "bigint")
CUSTOMER = Column("customer", "varchar", charset="latin1", collation="latin1_bin")
ORDERS = Table("orders", (ID, CUSTOMER, Column("note", "text", nullable=True)), (ID,), CUSTOMER, "")


def test_null_travels_as_a_mark_and_comes_back_as_null() -> None:
    column = Column("note", "varchar", nullable=True)
    assert column.read(MARKS) == "IFNULL(CAST(`note` AS BINARY), _binary'N')"
    assert column.stored("@f0", MARKS) == "NULLIF(@f0, _binary'N')"


def test_what_cannot_be_null_is_stored_as_it_comes() -> None:
    assert ID.read(MARKS) == "`id`"
    assert ID.stored("@f0", MARKS) is None


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        ("float", "CAST(CAST(`c` AS DOUBLE) AS CHAR(64))"),
        ("enum", "CAST(`c` AS UNSIGNED)"),
        ("bit", "CAST(`c` AS UNSIGNED)"),
    ],
)
def test_types_whose_text_says_less_than_the_value_travel_as_numbers(data_type: str, expected: str) -> None:
    assert Column("c", data_type).read(MARKS) == expected


def test_a_generated_column_is_compared_and_does_not_travel() -> None:
    made = Column("made", "int", generated=True)
    table = Table("t", (ID, made), (ID,), ID, "")
    assert "`made`" not in tables.packed("d", table, MARKS, "TRUE")
    assert "`made`" not in tables.loading("d", table, MARKS)
    assert "`made`" in tables.digest("d", table, "TRUE")


def test_the_text_of_two_fields_cannot_pass_for_that_of_two_others() -> None:
    pair = (Column("a", "varchar"), Column("b", "varchar"))
    question = tables.digest("d", Table("t", (ID, *pair), (ID,), ID, ""), "TRUE")
    assert "LENGTH(`a`), LENGTH(`b`), CAST(`a` AS BINARY), CAST(`b` AS BINARY)" in question


def test_a_large_value_is_hashed_before_it_is_joined_to_others() -> None:
    question = tables.digest("d", ORDERS, "TRUE")
    assert "IFNULL(SHA2(CAST(`note` AS BINARY), 256), 'N')" in question


def test_a_type_that_is_not_known_has_no_carriage() -> None:
    assert Column("c", "interval").carriage is None
    assert Column("c", "vector").carriage is Carriage.BYTES


@pytest.mark.parametrize("part", ["-80", "80-", "40-c0", "-"])
@pytest.mark.parametrize("key", [b"", b"a", b"Tilda", bytes(range(200, 256))])
def test_ranges_compare_by_digits_as_they_do_by_numbers(part: str, key: bytes) -> None:
    digits = hashlib.sha256(key).hexdigest()
    whole = KeyRange.parse(part)
    condition = (
        Table("t", (ID,), (ID,), Column("k", "varbinary"), "").in_range(whole).replace("SHA2(`k`, 256)", "digits")
    )
    held = all(
        digits >= bound if sign == ">=" else digits < bound
        for sign, bound in (term.split(" ")[1:] for term in condition.replace("'", "").split(" AND ") if term != "TRUE")
    )
    assert held == (keyspace_id(key) in whole)


def test_every_row_of_a_reference_table_is_in_range() -> None:
    assert Table("t", (ID,), (ID,), None, "").in_range(KeyRange.parse("-80")) == "TRUE"


def test_marks_are_drawn_anew_and_differ_from_one_another() -> None:
    first, second = Marks.draw(), Marks.draw()
    assert len({first.field, first.row, first.null, second.field, second.row, second.null}) == 6


def test_a_bound_is_written_in_the_columns_own_character_set() -> None:
    table = Table("t", (CUSTOMER, ID), (CUSTOMER, ID), CUSTOMER, "")
    assert literals(table, (b"C4", b"7")) == ("_latin1 x'C4' COLLATE latin1_bin", "7")
    assert "HEX(`customer`), `id`" in next_bound("d", table, (), 100)


def test_a_chunk_of_a_composite_key_ends_where_the_next_begins() -> None:
    table = Table("t", (ID, CUSTOMER), (ID, Column("n", "int")), CUSTOMER, "")
    assert Chunk(("1", "2"), ("3", "4")).condition(table) == (
        "(`id` > 1 OR (`id` = 1 AND (`n` > 2))) AND (`id` < 3 OR (`id` = 3 AND (`n` <= 4)))"
    )
    assert Chunk().condition(table) == "TRUE"


def test_bounds_end_before_a_column_that_sorts_by_another_value_than_it_shows() -> None:
    table = Table("t", (), (ID, Column("state", "enum"), Column("n", "int")), CUSTOMER, "")
    assert bounding(table) == (ID,)
