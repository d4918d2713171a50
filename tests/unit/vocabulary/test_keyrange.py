"""Key ranges: their notation, and that a keyspace is covered exactly once."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.errors import Code, InputError
from flyball.keyrange import END_OF_IDS, FAIR_WITHIN, KeyRange, split_equally, tiles

bounds = st.one_of(
    st.integers(0, END_OF_IDS), st.integers(0, 256).map(lambda n: n << 56), st.sampled_from([0, 1, END_OF_IDS])
)
ranges = st.tuples(bounds, bounds).filter(lambda pair: pair[0] != pair[1]).map(lambda p: KeyRange(*sorted(p)))
cuts = st.lists(st.integers(1, END_OF_IDS - 1), max_size=8, unique=True).map(sorted)


def between(inner: list[int]) -> list[KeyRange]:
    return [KeyRange(*pair) for pair in zip([0, *inner], [*inner, END_OF_IDS], strict=True)]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("-", 0, 2**64),
        ("-80", 0, 2**63),
        ("80-", 2**63, 2**64),
        ("40-80", 2**62, 2**63),
        ("00-80", 0, 2**63),
        ("4000-800000", 2**62, 2**63),
        ("aB-Cd", 0xAB << 56, 0xCD << 56),
        ("0000000000000001-ffffffffffffffff", 1, 2**64 - 1),
    ],
)
def test_a_range_is_read_as_vitess_writes_it(text, start, end):
    assert KeyRange.parse(text) == KeyRange(start, end)


@pytest.mark.parametrize(
    "text",
    ["", "80", "8-", "-8", "80-80", "80-40", "-00", "80-00", "g0-", "-800", " -80", "-80\n", "40-80-c0", "0x40-80",
     "٤٠-80", "000000000000000000-80"],
)  # fmt: skip
def test_what_is_not_a_range_is_refused_with_the_text_in_the_message(text):
    with pytest.raises(InputError) as refused:
        KeyRange.parse(text)
    assert refused.value.code is Code.NOT_A_KEY_RANGE
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5), (0, 2**64 + 1)])
def test_a_range_that_is_empty_or_leaves_64_bits_cannot_be_made(start, end):
    with pytest.raises(InputError):
        KeyRange(start, end)


@given(ranges)
def test_a_range_reads_back_what_it_prints(one):
    assert KeyRange.parse(str(one)) == one


@given(ranges)
def test_the_canonical_notation_has_no_trailing_zero_byte_and_no_upper_case(one):
    for part in str(one).split("-"):
        assert re.fullmatch(r"([0-9a-f]{2})*", part)
        assert not part.endswith("00") or len(part) % 2
        assert not part or bytes.fromhex(part)[-1] != 0


@given(ranges, ranges)
def test_name_parts_are_dns_labels_and_tell_ranges_apart(one, other):
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", one.name_part)
    assert len(one.name_part) <= 33
    assert (one.name_part == other.name_part) == (one == other)


@pytest.mark.parametrize(("text", "name"), [("-80", "x-80"), ("80-", "80-x"), ("40-80", "40-80"), ("-", "x-x")])
def test_an_open_end_is_an_x_in_a_name(text, name):
    assert KeyRange.parse(text).name_part == name


@given(ranges)
def test_a_range_holds_its_start_and_not_its_end(one):
    assert one.start in one
    assert one.end - 1 in one
    assert one.end not in one
    assert one.start - 1 not in one


@given(ranges, ranges)
def test_two_ranges_overlap_where_both_hold_the_id(one, other):
    both = one.overlap(other)
    assert both == other.overlap(one)
    for probe in {one.start, one.end, one.end - 1, other.start, other.end, other.end - 1}:
        assert (probe in one and probe in other) == (both is not None and probe in both)


@given(ranges, ranges)
def test_ranges_adjoin_when_they_touch_without_overlap(one, other):
    assert one.adjoins(other) == other.adjoins(one)
    if one.adjoins(other):
        assert one.overlap(other) is None


@given(ranges, st.integers(1, 300))
def test_an_equal_split_tiles_the_range_fairly(one, n):
    width = one.end - one.start
    if n > width:
        with pytest.raises(InputError):
            split_equally(n, one)
        return
    parts = split_equally(n, one)
    assert len(parts) == n
    assert tiles(parts, one) == tuple(parts)
    widths = [part.end - part.start for part in parts]
    assert max(widths) - min(widths) <= max(1, min(widths) // FAIR_WITHIN)


@pytest.mark.parametrize(
    ("n", "texts"),
    [
        (1, "-"),
        (2, "-80 80-"),
        (3, "-55 55-aa aa-"),
        (4, "-40 40-80 80-c0 c0-"),
        (6, "-2aaa 2aaa-5555 5555-80 80-aaaa aaaa-d555 d555-"),
    ],
)
def test_few_shards_have_the_names_that_vitess_gives_them(n, texts):
    assert " ".join(map(str, split_equally(n))) == texts


def test_256_shards_need_one_byte_and_1000_two():
    assert str(split_equally(256)[17]) == "11-12"
    assert all(len(str(part)) <= 9 for part in split_equally(1000))


@pytest.mark.parametrize("n", [0, -1])
def test_a_split_into_nothing_is_refused(n):
    with pytest.raises(InputError) as refused:
        split_equally(n)
    assert refused.value.code is Code.BAD_USAGE


@given(cuts, st.randoms())
def test_ranges_that_tile_are_returned_in_order(inner, random):
    parts = between(inner)
    shuffled = random.sample(parts, len(parts))
    assert tiles(shuffled) == tuple(parts)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("", "- is held by none"),
        ("-40 80-", "40-80 is held by none"),
        ("40-", "-40 is held by none"),
        ("-40", "40- is held by none"),
        ("-80 40-", "40-80 is held by -80 and by 40-"),
        ("-80 -80 80-", "-80 is held by -80 and by -80"),
        ("- 40-80", "40-80 is held by - and by 40-80"),
        ("-20 40-60 80-", "20-40 is held by none; 60-80 is held by none"),
        ("-50 30-60 70-", "30-50 is held by -50 and by 30-60; 60-70 is held by none"),
    ],
)
def test_gaps_and_overlaps_are_named_exactly(texts, said):
    with pytest.raises(InputError) as refused:
        tiles([KeyRange.parse(text) for text in texts.split()])
    assert refused.value.code is Code.RANGES_DO_NOT_TILE
    assert refused.value.message.endswith("exactly once: " + said)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("-80", "-80 lies outside 40-80"),
        ("40-60 60-c0", "60-c0 lies outside 40-80"),
        ("c0-", "c0- lies outside 40-80; 40-80 is held by none"),
        ("40-80 c0-", "c0- lies outside 40-80"),
        ("40-60 c0-", "c0- lies outside 40-80; 60-80 is held by none"),
    ],
)
def test_a_part_of_the_keyspace_is_tiled_without_sticking_out(texts, said):
    with pytest.raises(InputError) as refused:
        tiles([KeyRange.parse(text) for text in texts.split()], KeyRange.parse("40-80"))
    assert refused.value.message.endswith("exactly once: " + said)


@given(st.lists(ranges, max_size=6), ranges)
def test_tiles_accepts_exactly_when_each_id_is_held_once(parts, whole):
    # Membership changes only at bounds, so the bounds and the ids below them speak for all ids.
    edges = {edge for one in [*parts, whole] for edge in (one.start, one.end)}
    probes = {probe for edge in edges for probe in (edge, edge - 1)}
    holds = all(sum(probe in part for part in parts) == (probe in whole) for probe in probes)
    if holds:
        assert tiles(parts, whole) == tuple(sorted(parts))
    else:
        with pytest.raises(InputError):
            tiles(parts, whole)
