"""Which reshard a keyspace's edit asks for, and which shards must be there meanwhile."""

import pytest

from flyball import resharding
from flyball.keyrange import KeyRange
from flyball.records import Condition, Keyspace, Metadata, Reshard
from flyball.records.failover import Outcome, Step, StepState
from flyball.records.keyspace import KeyspaceSpec, KeyspaceStatus, ShardRoute
from flyball.records.reshard import ReshardStatus

ONE = (ShardRoute(range="-", shard="commerce-x-x"),)
TWO = (ShardRoute(range="-80", shard="commerce-x-80"), ShardRoute(range="80-", shard="commerce-80-x"))
PASSED = (Step(name="Check", state=StepState.DONE),)


def keyspace(
    routing: tuple[ShardRoute, ...] = ONE, generation: int = 2, conditions: tuple[Condition, ...] = (), **spec: object
) -> Keyspace:
    return Keyspace(
        metadata=Metadata(name="commerce", generation=generation),
        spec=KeyspaceSpec.model_validate({"replicas": 2, **spec}),
        status=KeyspaceStatus(routing=routing, conditions=conditions),
    )


def asked(declared: Keyspace, *known: Reshard, taken: tuple[str, ...] = ()) -> Reshard:
    found = resharding.wanted_reshard(declared, known, taken)
    assert found is not None
    return found


def ended(reshard: Reshard, outcome: Outcome, steps: tuple[Step, ...] = PASSED, **status: object) -> Reshard:
    return reshard.model_copy(update={"status": ReshardStatus(outcome=outcome, steps=steps, **status)})


def names(declared: Keyspace, *reshards: Reshard) -> list[str]:
    return [shard.name for shard in resharding.shards_of(declared, reshards)]


def test_nothing_is_asked_for_while_what_is_declared_serves():
    assert resharding.wanted_reshard(keyspace(shards=1), (), ()) is None
    assert resharding.wanted_reshard(keyspace(TWO, shards=2), (), ()) is None


def test_nothing_is_asked_for_before_the_keyspace_serves():
    assert resharding.wanted_reshard(keyspace((), shards=4), (), ()) is None


def test_another_number_asks_for_every_range_that_changes():
    spec = asked(keyspace(TWO, shards=4)).spec
    assert [route.shard for route in spec.sources] == ["commerce-x-80", "commerce-80-x"]
    assert [route.range for route in spec.targets] == ["-40", "40-80", "80-c0", "c0-"]
    assert spec.generation == 2


def test_a_range_that_stays_is_on_neither_side():
    spec = asked(keyspace(TWO, ranges=["-80", "80-c0", "c0-"])).spec
    assert [route.range for route in spec.sources] == ["80-"]
    assert [route.range for route in spec.targets] == ["80-c0", "c0-"]


def test_a_new_shard_bears_no_name_that_anything_bears_or_has_borne():
    first = ended(asked(keyspace(TWO, shards=1)), Outcome.UNDONE)
    spec = asked(keyspace(TWO, 5, ranges=["-"]), taken=("commerce-x-x", "commerce-x-x-i2")).spec
    assert [route.shard for route in spec.targets] == ["commerce-x-x-i3"]
    assert [route.shard for route in first.spec.targets] == ["commerce-x-x"]
    succeeded = ended(first, Outcome.SUCCEEDED)
    assert [r.shard for r in asked(keyspace(TWO, 5, ranges=["-"]), succeeded).spec.targets] == ["commerce-x-x-i2"]


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.RUNNING])
def test_one_at_a_time(outcome: Outcome):
    going_on = ended(asked(keyspace(shards=2)), outcome)
    assert resharding.wanted_reshard(keyspace(shards=4, generation=3), (going_on,), ()) is None


def test_the_targets_are_made_once_the_check_has_passed_and_the_sources_stay_as_long_as_it_goes_on():
    declared = keyspace(shards=2)
    reshard = asked(declared)
    assert names(declared) == ["commerce-x-x"]
    assert names(declared, ended(reshard, Outcome.RUNNING, ())) == ["commerce-x-x"]
    assert names(declared, ended(reshard, Outcome.RUNNING)) == ["commerce-x-80", "commerce-x-x", "commerce-80-x"]
    switched = keyspace(TWO, shards=2)
    assert names(switched, ended(reshard, Outcome.RUNNING)) == ["commerce-x-80", "commerce-x-x", "commerce-80-x"]
    assert names(switched, ended(reshard, Outcome.SUCCEEDED)) == ["commerce-x-80", "commerce-80-x"]
    assert names(declared, ended(reshard, Outcome.CANCELLED)) == ["commerce-x-x"]


def test_an_edit_in_the_middle_takes_no_shard_away():
    reshard = ended(asked(keyspace(shards=2)), Outcome.RUNNING)
    edited = keyspace(shards=4, generation=3)
    assert names(edited, reshard) == ["commerce-x-80", "commerce-x-x", "commerce-80-x"]


def test_incarnations_are_read_from_the_names_in_the_routing():
    routing = (ShardRoute(range="-", shard="commerce-x-x-i3"),)
    (only,) = resharding.shards_of(keyspace(routing, shards=1), ())
    assert (only.name, only.incarnation, only.range) == ("commerce-x-x-i3", 3, KeyRange())
    assert only.members == ("commerce-x-x-i3-1", "commerce-x-x-i3-2")


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.CANCELLED, Outcome.UNDONE])
def test_what_ended_without_doing_it_is_not_begun_again_and_the_condition_says_so(outcome: Outcome):
    declared = keyspace(shards=2)
    failed = ended(asked(declared), outcome, code="FB4010", message="orders: no primary key")
    later = keyspace(shards=2, generation=7)
    assert resharding.wanted_reshard(later, (failed,), ()) is None
    condition = resharding.not_followed(later, (failed,))
    assert (condition.status, condition.reason) == (True, str(outcome))
    for text in (failed.name, "no primary key", "flyball reshard commerce"):
        assert text in condition.message


def test_other_ranges_are_begun_at_once():
    failed = ended(asked(keyspace(shards=2)), Outcome.CANCELLED)
    assert len(asked(keyspace(shards=4, generation=3), failed).spec.targets) == 4


def test_a_person_may_ask_again():
    declared = keyspace(shards=2)
    failed = ended(asked(declared), Outcome.CANCELLED)
    labels = {resharding.AGAIN: failed.name}
    again = declared.model_copy(update={"metadata": declared.metadata.model_copy(update={"labels": labels})})
    second = asked(again, failed)
    assert second.name != failed.name
    assert resharding.wanted_reshard(again, (ended(second, Outcome.CANCELLED), failed), ()) is None


def test_declaring_what_serves_and_then_the_same_once_more_begins_it_again():
    failed = ended(asked(keyspace(shards=2, generation=2)), Outcome.CANCELLED)
    followed = resharding.not_followed(keyspace(shards=1, generation=3), (failed,))
    assert (followed.status, followed.reason) == (False, "Followed")
    again = keyspace(shards=2, generation=4, conditions=(followed,))
    assert asked(again, failed).name == "commerce-reshard-4"


def test_what_serves_is_what_the_routing_names():
    switched = keyspace(TWO, shards=2)
    assert resharding.is_serving(switched, "commerce-x-80", present=False)
    assert not resharding.is_serving(switched, "commerce-x-x", present=True)
    assert resharding.is_serving(keyspace(()), "commerce-x-x", present=True)


def test_only_what_a_reshard_that_has_ended_names_is_of_the_past():
    reshard = asked(keyspace(shards=2))
    assert not resharding.is_of_the_past("commerce-x-x", (ended(reshard, Outcome.RUNNING),))
    assert resharding.is_of_the_past("commerce-x-x", (ended(reshard, Outcome.SUCCEEDED),))
    assert not resharding.is_of_the_past("commerce-x-40", (ended(reshard, Outcome.SUCCEEDED),))
    assert resharding.is_only_a_copy("commerce-x-80", (ended(reshard, Outcome.CANCELLED),))
    assert not resharding.is_only_a_copy("commerce-x-80", (ended(reshard, Outcome.UNDONE),))
    assert not resharding.is_only_a_copy("commerce-x-x", (ended(reshard, Outcome.CANCELLED),))
