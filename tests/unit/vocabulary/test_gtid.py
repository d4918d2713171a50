"""GTID sets: the algebra against plain sets of numbers, the text against what MySQL prints."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.errors import Code, InputError
from flyball.gtid import LAST_NUMBER, NOTHING, GtidSet

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "4d22fa47-71ca-11e1-9e33-c80aa9429562"

gtids = st.tuples(st.sampled_from([A, B]), st.sampled_from(["", "a", "prune"]), st.integers(1, 25))
members = st.frozensets(gtids, max_size=40)


def text_of(numbers) -> str:
    return ",".join(f"{uuid}:{tag}:{number}" if tag else f"{uuid}:{number}" for uuid, tag, number in numbers)


def set_of(numbers) -> GtidSet:
    return GtidSet.parse(text_of(numbers))


@given(members)
def test_a_set_reads_back_what_it_prints(some):
    assert GtidSet.parse(str(set_of(some))) == set_of(some)


@given(members, members)
def test_union_subtraction_and_intersection_are_those_of_sets(some, others):
    assert set_of(some).union(set_of(others)) == set_of(some | others)
    assert set_of(some).subtract(set_of(others)) == set_of(some - others)
    assert set_of(some).intersect(set_of(others)) == set_of(some & others)


@given(members, members)
def test_containment_is_that_of_sets(some, others):
    assert set_of(some).contains(set_of(others)) == (others <= some)
    assert set_of(some | others).contains(set_of(others))


@given(members, members)
def test_a_set_grew_from_another_where_nothing_but_one_uuids_numbers_came_to_it(some, others):
    came = others - some
    grew = {uuid for uuid, _, _ in came} <= {A} and {source[:2] for source in came} <= {source[:2] for source in some}
    assert set_of(some | others).grew_from(set_of(some), A) == grew
    assert set_of(some).grew_from(set_of(some | others), A) == (not came)


@given(members, members)
def test_equal_sets_have_equal_hashes_and_texts(some, others):
    left, right = set_of(some), set_of(others)
    assert (left == right) == (some == others) == (str(left) == str(right))
    assert hash(left) == hash(set_of(sorted(some, reverse=True)))


@given(members)
def test_count_and_emptiness_are_those_of_sets(some):
    assert set_of(some).count == len(some)
    assert set_of(some).is_empty == (not some)


@given(members)
def test_sids_tags_and_last_numbers_are_those_of_sets(some):
    assert set_of(some).sids == {uuid for uuid, _, _ in some}
    assert set_of(some).tags == {tag for _, tag, _ in some}
    for uuid in (A, B):
        for tag in ("", "a"):
            numbers = [number for u, t, number in some if (u, t) == (uuid, tag)]
            assert set_of(some).last(uuid.upper(), tag.upper()) == max(numbers, default=0)


@given(members)
def test_a_set_is_filtered_by_uuid_and_by_tag(some):
    assert set_of(some).only_uuids([A.upper()]) == set_of({g for g in some if g[0] == A})
    assert set_of(some).only_uuids([]) == NOTHING
    for tag in ("", "a", "PRUNE"):
        assert set_of(some).only_tag(tag) == set_of({g for g in some if g[1] == tag.lower()})
        assert set_of(some).without_tag(tag) == set_of({g for g in some if g[1] != tag.lower()})


def test_several_sets_unite_at_once():
    assert str(NOTHING.union(GtidSet.span(A, 1), GtidSet.span(A, 2, 5), GtidSet.span(A, 9))) == f"{A}:1-5:9"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" , ,\n", ""),
        (f"{A}:1-5:7,{B}:1-3:tag:4-5", f"{A}:1-5:7,\n{B}:1-3:tag:4-5"),
        (f"{B}:1,{A}:1", f"{A}:1,\n{B}:1"),
        (f"{A.upper()}:TAG_a:1-5:Zb:3,{A}:9", f"{A}:9:tag_a:1-5:zb:3"),
        (f"{A}:tagb:1:_z:2:tag:4:tag_:7:tag1:8,{A}:1:Z9:4", f"{A}:1:_z:2:tag:4:tag1:8:tag_:7:tagb:1:z9:4"),
        (f" {A} : 1 - 5 : 7 ,\r\n\t{A}:3-9\f\v", f"{A}:1-9"),
        (f",{A}:1,,", f"{A}:1"),
        (f"{A}:001-05", f"{A}:1-5"),
        (f"{A}:7:1-5:6", f"{A}:1-7"),
        (f"{A}:tag:1:tag:2", f"{A}:tag:1-2"),
        (f"{A}:{'0' * 6000}1", f"{A}:1"),
        (f"{A}:1-{LAST_NUMBER}", f"{A}:1-9223372036854775806"),
        (f"{A}:{'a' * 32}:1", f"{A}:{'a' * 32}:1"),
    ],
)
def test_each_form_that_mysql_reads_becomes_the_form_that_it_prints(text, canonical):
    assert str(GtidSet.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("nonsense", 0),
        (f"{A}", 36),
        (f"{A}:", 37),
        (f"{A},{B}:1", 36),
        (f"{A}:0", 37),
        (f"{A}:5-3", 39),
        (f"{A}:1-", 39),
        (f"{A}:1-x", 39),
        (f"{A}:{LAST_NUMBER + 1}", 37),
        (f"{A}:1-{LAST_NUMBER + 1}", 39),
        (f"{A}:{'9' * 6000}", 37),
        (f"{A}:1 2", 39),
        (f"{A}:1a:1", 38),
        (f"{A}:+1", 37),
        (f"{A}:a", 38),
        (f"{A}:a:", 39),
        (f"{A}:a:b:1", 39),
        (f"{A}:1:a", 40),
        (f"{A}:1::2", 39),
        (f"{A}:{'a' * 33}:1", 69),
        (f"{A}:t-g:1", 38),
        (f"{A}:1;", 38),
        (f"{A}0:1", 36),
        (f"{A}:1 {B}:1", 39),
        (f"{A}:1,{B}:x", 77),
        (f"{{{A}}}:1", 0),
        (A.replace("-", "") + ":1", 0),
        (f"{A}\u00a0:1", 36),
        (f"{A}:\u0661", 37),
        (f"+{A}:1", 0),
    ],
)
def test_what_is_not_a_set_is_refused_at_its_position(text, position):
    with pytest.raises(InputError) as refused:
        GtidSet.parse(text)
    assert refused.value.code is Code.NOT_A_GTID_SET
    assert f" after {position} characters" in refused.value.message
    assert len(refused.value.message) < 300


def test_a_span_names_one_transaction_or_a_run_of_them():
    assert str(GtidSet.span(A, 3)) == f"{A}:3"
    assert str(GtidSet.span(A.upper(), 3, 5, tag="T")) == f"{A}:t:3-5"


@pytest.mark.parametrize("arguments", [("x", 1), (A, 0), (A, 5, 4), (A, 1, LAST_NUMBER + 1), (A, 1, 2, "9")])
def test_a_span_of_nothing_is_refused(arguments):
    with pytest.raises(InputError):
        GtidSet.span(*arguments)


def test_a_set_cannot_be_changed():
    some = GtidSet.span(A, 1)
    with pytest.raises(AttributeError):
        some._parts = ()


def test_thousands_of_intervals_are_one_value():
    odd = GtidSet.parse(f"{A}:" + ":".join(str(n) for n in range(1, 20_001, 2)))
    even = GtidSet.parse(f"{A}:" + ":".join(str(n) for n in range(2, 20_001, 2)))
    assert odd.count == even.count == 10_000
    assert str(odd.union(even)) == f"{A}:1-20000"
    assert odd.intersect(even).is_empty
    assert odd.union(even).subtract(odd) == even
    assert not odd.contains(even)
    assert len(re.findall(":", str(odd))) == 10_000
