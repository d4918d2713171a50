"""A keyspace means the same shards everywhere, and no edit of it drops data silently."""

import pytest

from flyball.errors import Code, InputError
from flyball.expand import check_edit, expand, member_name, shard_for, shard_name, shard_spec
from flyball.keyrange import KeyRange
from flyball.records import Keyspace
from flyball.records.base import LONGEST_NAME
from flyball.records.keyspace import ShardRoute
from flyball.records.shard import MemberSpec


def keyspace(name="commerce", **spec):
    return Keyspace.model_validate({"metadata": {"name": name}, "spec": spec})


def test_shards_and_members_are_named_after_their_ranges():
    low, high = expand(keyspace(shards=2, replicas=3))
    assert (low.name, str(low.range), low.incarnation) == ("commerce-x-80", "-80", 1)
    assert low.members == ("commerce-x-80-1", "commerce-x-80-2", "commerce-x-80-3")
    assert high.name == "commerce-80-x"
    assert high.members[1] == "commerce-80-x-2"


def test_one_shard_holds_everything():
    (only,) = expand(keyspace(replicas=2))
    assert (only.name, str(only.range)) == ("commerce-x-x", "-")


def test_shards_come_in_the_order_of_their_ranges():
    shards = expand(keyspace(ranges=["80-", "-40", "40-80"]))
    assert [str(shard.range) for shard in shards] == ["-40", "40-80", "80-"]


def test_a_later_incarnation_has_names_of_its_own():
    part = KeyRange.parse("80-")
    low, high = expand(keyspace(shards=2), {part: 2})
    assert (low.name, high.name) == ("commerce-x-80", "commerce-80-x-i2")
    assert high.incarnation == 2
    assert high.members[0] == "commerce-80-x-i2-1"


def test_no_two_keyspaces_make_the_same_name():
    keyspaces = ["a", "a-40", "a-x", "a-40-80", "a-x-80-i2", "a-i2"]
    ranges = [KeyRange.parse(text) for text in ("-", "-40", "40-80", "80-", "40-8012", "8012-")]
    made = [shard_name(name, part, incarnation) for name in keyspaces for part in ranges for incarnation in (1, 2)]
    made += [member_name(shard, ordinal) for shard in made for ordinal in (1, 2, 9)]
    assert len(made) == len(set(made))


@pytest.mark.parametrize(("shards", "suffix"), [(2, "-x-80-1"), (256, "-7f-80-1")])
def test_names_fill_a_label_and_no_more(shards, suffix):
    fits = "k" * (LONGEST_NAME - len(suffix))
    longest = max((name for shard in expand(keyspace(fits, shards=shards)) for name in shard.members), key=len)
    assert len(longest) == LONGEST_NAME
    with pytest.raises(InputError) as caught:
        expand(keyspace(fits + "k", shards=shards))
    assert caught.value.code is Code.NOT_A_NAME
    assert f"at most {len(fits)} characters" in caught.value.next_step
    assert "member name" in caught.value.message


def test_a_shards_spec_follows_from_the_keyspace():
    declared = keyspace(shards=2, users=[{"name": "app"}], paused=True, durability={"acks": 2})
    (shard, _) = expand(declared)
    members = [MemberSpec(name=name, host="127.0.0.1", port=3306) for name in shard.members]
    spec = shard_spec(declared, shard, members, "commerce-credentials")
    assert (spec.keyspace, spec.range, spec.database, spec.credentials) == (
        *("commerce", "-80", "commerce"),
        "commerce-credentials",
    )
    assert spec.members == tuple(members)
    assert (spec.durability, spec.users) == (declared.spec.durability, declared.spec.users)
    assert spec.paused
    assert spec.serving


def test_a_keyspace_id_finds_its_shard():
    routing = [ShardRoute(range="-80", shard="low"), ShardRoute(range="80-", shard="high")]
    assert [shard_for(key, routing) for key in (0, 2**63 - 1, 2**63, 2**64 - 1)] == ["low", "low", "high", "high"]


@pytest.mark.parametrize("routing", [[], [ShardRoute(range="-80", shard="low")]])
def test_a_keyspace_id_without_a_route_is_an_error(routing):
    with pytest.raises(InputError) as caught:
        shard_for(2**63, routing)
    assert caught.value.code is Code.NO_SUCH_OBJECT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"shards": 2}, {"ranges": ["-80", "80-"]}),
        ({}, {"shards": 1}),
        ({"replicas": 3}, {"replicas": 2}),
        ({"replicas": 3}, {"replicas": 5}),
        ({}, {"database": "commerce"}),
        ({"tables": {"a": {"shardBy": "x"}}}, {}),
        ({}, {"tables": {"a": {"shardBy": "x"}}}),
        ({"users": [{"name": "app"}]}, {"users": []}),
        ({}, {"paused": True}),
    ],
)
def test_edits_that_strand_nothing_pass(before, after):
    check_edit(keyspace(**before), keyspace(**after))


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({"shards": 4}, {"shards": 2}, "spec.shards"),
        ({"shards": 2}, {"shards": 4}, "spec.shards"),
        ({"shards": 2}, {}, "spec.shards"),
        ({"shards": 2}, {"ranges": ["-40", "40-"]}, "spec.ranges"),
        ({}, {"database": "other"}, "spec.database"),
        ({"database": "other"}, {}, "spec.database"),
        ({"tables": {"a": {"shardBy": "x"}}}, {"tables": {"a": {"shardBy": "y"}}}, "spec.tables.a"),
        ({"tables": {"a": {"shardBy": "x"}}}, {"tables": {"a": {"reference": True}}}, "spec.tables.a"),
    ],
)
def test_edits_that_would_strand_rows_are_refused(before, after, field):
    with pytest.raises(InputError) as caught:
        check_edit(keyspace(**before), keyspace(**after))
    assert caught.value.code is Code.WOULD_LOSE_DATA
    assert f"Keyspace 'commerce': {field}: " in caught.value.message
    assert caught.value.next_step


def test_a_keyspace_that_serves_may_declare_other_ranges_for_its_rows_are_moved():
    serving = keyspace(shards=2)
    routing = ({"range": "-80", "shard": "commerce-x-80"}, {"range": "80-", "shard": "commerce-80-x"})
    status = serving.status.model_validate({"routing": routing})
    check_edit(serving.model_copy(update={"status": status}), keyspace(shards=4))


def test_all_that_an_edit_would_strand_is_told_at_once():
    with pytest.raises(InputError) as caught:
        check_edit(keyspace(shards=2), keyspace(shards=4, database="other"))
    assert "spec.shards" in caught.value.message
    assert "spec.database" in caught.value.message


def test_replicas_never_go_below_the_durability():
    with pytest.raises(InputError) as caught:
        keyspace(replicas=2, durability={"acks": 2})
    assert caught.value.code is Code.TOO_FEW_REPLICAS
