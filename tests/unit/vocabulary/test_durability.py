"""Durability: the theorem that failover rests on, tried over every subset of up to five members."""

from collections.abc import Iterator
from itertools import chain, combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flyball.durability import Both, CrossZone, Durability, NoDurability, SemiSync
from flyball.errors import Code, InputError

NAMES = "abcde"


def subsets(names) -> Iterator[frozenset[str]]:
    ordered = sorted(names)
    sizes = range(len(ordered) + 1)
    return map(frozenset, chain.from_iterable(combinations(ordered, size) for size in sizes))


some_members = st.frozensets(st.sampled_from(NAMES))
zones = st.fixed_dictionaries({name: st.sampled_from("xyz") for name in NAMES})
semi_sync = st.builds(SemiSync, acks=st.integers(1, 3), ackers=some_members)
cross_zone = st.builds(CrossZone.across, zones, acks=st.integers(1, 3), ackers=some_members)
single = st.one_of(st.just(NoDurability()), semi_sync, cross_zone)
policies = st.one_of(single, st.builds(Both, single, single), st.builds(Both, st.builds(Both, single, single), single))
primaries = st.sampled_from(NAMES)


@given(policies, primaries, st.booleans(), some_members)
def test_a_reign_is_revoked_exactly_when_no_unreached_set_could_acknowledge(
    policy: Durability, primary, primary_reached, reached
):
    unreached = frozenset(NAMES) - reached - {primary}
    could = not primary_reached and any(
        policy.acknowledged(primary, holders | {primary}) for holders in subsets(unreached)
    )
    assert policy.revoked(primary, primary_reached, reached) == (not could)


@given(policies, primaries, st.booleans(), some_members)
def test_after_revocation_a_reached_member_holds_each_acknowledged_write(
    policy: Durability, primary, primary_reached, reached
):
    heard = reached - {primary} | ({primary} if primary_reached else frozenset())
    if policy.revoked(primary, primary_reached, reached):
        for others in subsets(frozenset(NAMES) - {primary}):
            holders = others | {primary}
            if policy.acknowledged(primary, holders):
                assert holders & heard


@given(policies, primaries, some_members, some_members)
def test_one_more_holder_never_takes_an_acknowledgement_back(policy: Durability, primary, holders, more):
    if policy.acknowledged(primary, holders):
        assert policy.acknowledged(primary, holders | more)


@given(policies, primaries, some_members)
def test_only_ack_givers_decide_and_the_primary_is_none(policy: Durability, primary, holders):
    givers = policy.ack_givers(primary)
    assert primary not in givers
    assert policy.acknowledged(primary, holders) == policy.acknowledged(primary, holders & givers)


@given(policies, primaries, st.booleans(), some_members)
@example(SemiSync(acks=2, ackers=frozenset(NAMES)), "a", False, frozenset("b"))
def test_what_is_missing_is_every_minimal_way_to_revocation(policy: Durability, primary, primary_reached, reached):
    def revoked_with(more: frozenset[str]) -> bool:
        return policy.revoked(primary, primary_reached or primary in more, reached | more)

    ways = [more for more in subsets(NAMES) if revoked_with(more)]
    minimal = frozenset(way for way in ways if not any(other < way for other in ways))
    expected = frozenset() if frozenset() in minimal else minimal
    assert policy.missing_for_revocation(primary, primary_reached, reached) == expected


@given(single, single, primaries, st.booleans(), some_members)
def test_during_a_change_both_policies_must_be_revoked(old, new, primary, primary_reached, reached):
    both = Both(old, new)
    assert both.revoked(primary, primary_reached, reached) == (
        old.revoked(primary, primary_reached, reached) and new.revoked(primary, primary_reached, reached)
    )
    for holders in subsets(NAMES):
        assert both.acknowledged(primary, holders) == (
            old.acknowledged(primary, holders) or new.acknowledged(primary, holders)
        )


@given(semi_sync, primaries)
def test_below_the_minimum_of_members_no_write_is_acknowledged(policy: SemiSync, primary):
    for holders in subsets(NAMES):
        if len(holders | {primary}) < policy.minimum_members:
            assert not policy.acknowledged(primary, holders)


def test_policies_are_equal_by_value():
    assert SemiSync(1, frozenset("ab")) == SemiSync(1, frozenset("ba"))
    left = CrossZone.across({"a": "x", "b": "y"}, acks=1, ackers=frozenset("ab"))
    right = CrossZone.across({"b": "y", "a": "x"}, acks=1, ackers=frozenset("ab"))
    assert left == right
    assert hash(left) == hash(right)


def test_with_three_members_and_one_ack_both_replicas_must_be_reached():
    policy = SemiSync(acks=1, ackers=frozenset("abc"))
    assert not policy.revoked("a", primary_reached=False, reached=frozenset("b"))
    assert policy.revoked("a", primary_reached=False, reached=frozenset("bc"))
    assert policy.missing_for_revocation("a", primary_reached=False, reached=frozenset("b")) == {
        frozenset("a"),
        frozenset("c"),
    }


def test_a_member_that_has_left_the_ack_set_need_not_be_reached():
    policy = SemiSync(acks=1, ackers=frozenset("ab"))
    assert policy.revoked("a", primary_reached=False, reached=frozenset("b"))


def test_while_it_leaves_it_still_must_be():
    leaving = Both(SemiSync(acks=1, ackers=frozenset("abc")), SemiSync(acks=1, ackers=frozenset("ab")))
    assert not leaving.revoked("a", primary_reached=False, reached=frozenset("b"))


def test_with_no_durability_only_the_primary_itself_can_be_revoked():
    policy = NoDurability()
    assert not policy.revoked("a", primary_reached=False, reached=frozenset("bcde"))
    assert policy.revoked("a", primary_reached=True, reached=frozenset())
    assert policy.missing_for_revocation("a", primary_reached=False, reached=frozenset("b")) == {frozenset("a")}


def test_across_zones_a_neighbour_of_the_primary_neither_acknowledges_nor_hinders():
    zones = {"a": "x", "b": "x", "c": "y"}
    policy = CrossZone.across(zones, acks=1, ackers=frozenset("abc"))
    assert policy.ack_givers("a") == {"c"}
    assert not policy.acknowledged("a", frozenset("ab"))
    assert policy.revoked("a", primary_reached=False, reached=frozenset("c"))


def test_a_primary_of_unknown_zone_may_have_been_acked_by_any_acker():
    policy = CrossZone.across({"b": "x", "c": "y"}, acks=1, ackers=frozenset("bc"))
    assert policy.ack_givers("gone") == {"b", "c"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: SemiSync(acks=0, ackers=frozenset("ab")),
        lambda: CrossZone.across({"a": "x", "b": "y"}, acks=0, ackers=frozenset("ab")),
        lambda: CrossZone.across({"a": "x"}, acks=1, ackers=frozenset("ab")),
    ],
)
def test_a_policy_that_cannot_be_is_refused(make):
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.code is Code.INVALID_RECORD
