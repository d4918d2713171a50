"""Keyspace ids: fixed points that no release may move, and what has none."""

import datetime as dt
import decimal
import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.errors import Code, InputError
from flyball.keyspaceid import KeyKind, keyspace_id, sql_expression


class Color(enum.IntEnum):
    RED = 7


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        # The first 16 digits of sha256sum's answer to the canonical bytes.
        ("", 0xE3B0C44298FC1C14),
        ("abc", 0xBA7816BF8F01CFEA),
        (b"abc", 0xBA7816BF8F01CFEA),
        (42, 0x73475CB40A568E8D),
        ("42", 0x73475CB40A568E8D),
        (-7, 0xA770D3270C9DCDED),
        (Color.RED, 0x7902699BE42C8A8E),
        ("é", 0x4A99557E4033C353),
    ],
)
def test_a_key_has_the_id_it_always_had(key, expected):
    assert keyspace_id(key) == expected


@given(st.one_of(st.integers(-(2**63), 2**64 - 1), st.binary(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_key_has_an_id_of_64_bits(key):
    assert 0 <= keyspace_id(key) < 2**64


@pytest.mark.parametrize(
    "key",
    [None, True, False, 1.0, decimal.Decimal(1), dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
     ("a",), bytearray(b"abc"), 2**64, -(2**63) - 1, "\ud800"],
)  # fmt: skip
def test_a_key_without_canonical_bytes_is_refused(key):
    with pytest.raises(InputError) as refused:
        keyspace_id(key)
    assert refused.value.code is Code.NOT_HASHABLE


def test_an_enumeration_out_of_bounds_is_refused_at_once():
    huge = enum.IntEnum("huge", {"ONE": 2**70}).ONE
    with pytest.raises(InputError):
        keyspace_id(huge)


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [("bigint", KeyKind.INTEGER), ("INT", KeyKind.INTEGER), ("varbinary", KeyKind.BYTES), ("varchar", KeyKind.TEXT)],
)
def test_a_column_type_has_its_kind(data_type, kind):
    assert KeyKind.of_column(data_type) is kind


@pytest.mark.parametrize("data_type", ["decimal", "float", "datetime", "json", "enum", "bit", "year", ""])
def test_a_column_type_that_two_sides_could_write_differently_is_refused(data_type):
    with pytest.raises(InputError) as refused:
        KeyKind.of_column(data_type)
    assert refused.value.code is Code.NOT_HASHABLE


@pytest.mark.parametrize("kind", KeyKind)
def test_the_column_stands_in_the_sql_as_given(kind):
    assert "`we{i}rd %s`" in sql_expression("`we{i}rd %s`", kind)
