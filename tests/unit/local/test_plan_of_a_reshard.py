"""What the engine does while rows move, and with those who have gone."""

from dataclasses import replace

import pytest

from flyball import resharding
from flyball.expand import desired_shard
from flyball.keyrange import KeyRange
from flyball.records import Metadata, Reshard, Shard
from flyball.records.failover import Outcome, Step, StepState
from flyball.records.keyspace import KeyspaceStatus, ShardRoute
from flyball.records.reshard import ReshardStatus
from flyball.records.shard import Reign, ShardStatus
from flyball_local import declare
from flyball_local.plan import plan
from flyball_local.steps import (
    ClaimDirectory,
    CreateReshard,
    DeleteReshard,
    DeleteShard,
    RemoveDirectories,
    ReplaceShard,
    StopMembers,
)
from flyball_local.view import KeyspaceView, Process
from tests.unit.local.test_plan import NAMES, keyspace, member

SOURCE, LOWER, UPPER = "commerce-x-x", "commerce-x-80", "commerce-80-x"
ONE = (ShardRoute(range="-", shard=SOURCE),)
TWO = (ShardRoute(range="-80", shard=LOWER), ShardRoute(range="80-", shard=UPPER))


def view_of(
    routing: tuple[ShardRoute, ...], *reshards: Reshard, up: tuple[str, ...] = (SOURCE,), **spec: object
) -> KeyspaceView:
    """Each shard of ``up`` is declared, and its one member runs."""
    declared = keyspace(2, replicas=1, durability={"policy": "none"}, **{"shards": 2, **spec})
    declared = declared.model_copy(update={"status": KeyspaceStatus(routing=routing)})
    desired = resharding.shards_of(declared, reshards)
    view = KeyspaceView(declared, credentials=True, desired=desired, reshards=reshards)
    view = replace(view, members={f"{name}-1": member(f"{name}-1") for name in up})
    shards = {}
    for name in up:
        part = next((r.range for r in (*ONE, *TWO) if r.shard == name), "-40")
        first = declare.first_spec(view, desired_shard(declared, KeyRange.parse(part), 1))
        first = first.model_copy(update={"serving": resharding.is_serving(declared, name, present=True)})
        status = ShardStatus(issued=1, reign=Reign(term=1, primary=f"{name}-1"))
        shards[name] = Shard(metadata=Metadata(name=name), spec=first, status=status)
    return replace(view, shards=shards, taken=frozenset(up))


def reshard(outcome: Outcome, *, passed: bool = True) -> Reshard:
    made = resharding.wanted_reshard(view_of(ONE).keyspace, (), ())
    assert made is not None
    steps = (Step(name="Check", state=StepState.DONE),) if passed else ()
    return made.model_copy(update={"status": ReshardStatus(outcome=outcome, steps=steps)})


def test_other_key_ranges_than_those_that_serve_ask_for_a_reshard():
    step = plan(view_of(ONE)).step
    assert isinstance(step, CreateReshard)
    assert step.reshard.spec.targets == TWO
    assert plan(view_of(ONE, paused=True)).step != step


def test_nothing_is_made_before_the_check_has_passed():
    assert plan(view_of(ONE, reshard(Outcome.RUNNING, passed=False))).step is None
    assert plan(view_of(ONE, reshard(Outcome.RUNNING))).step == ClaimDirectory(LOWER, f"{LOWER}-1")


def test_a_target_is_declared_as_not_serving():
    view = view_of(ONE, reshard(Outcome.RUNNING), up=(SOURCE, LOWER, UPPER))
    lower = next(one for one in view.desired if one.name == LOWER)
    assert declare.first_spec(view, lower).serving is False


def test_who_serves_follows_the_routing_and_both_sides_stay_while_the_reshard_goes_on():
    before = view_of(ONE, reshard(Outcome.RUNNING), up=(SOURCE, LOWER, UPPER))
    assert plan(before).step is None
    swapped = before.keyspace.model_copy(update={"status": KeyspaceStatus(routing=TWO)})
    view, told = replace(before, keyspace=swapped), {}
    while isinstance(step := plan(view).step, ReplaceShard):
        told[step.read.name] = step.spec.serving
        changed = step.read.model_copy(update={"spec": step.spec})
        view = replace(view, shards={**view.shards, changed.name: changed})
    assert told == {SOURCE: False, LOWER: True, UPPER: True}
    assert step is None


def test_the_sources_go_once_it_has_succeeded_and_their_data_stays_by_default():
    view = view_of(TWO, reshard(Outcome.SUCCEEDED), up=(SOURCE, LOWER, UPPER))
    assert plan(view).step == DeleteShard(SOURCE)
    view = replace(view, shards={name: shard for name, shard in view.shards.items() if name != SOURCE})
    assert plan(view).step == StopMembers((NAMES[0],))
    down = replace(view.members[NAMES[0]], process=Process.ENDED)
    assert plan(replace(view, members={**view.members, NAMES[0]: down})).step is None


def test_by_reclaim_policy_delete_their_data_goes_too():
    view = view_of(TWO, reshard(Outcome.SUCCEEDED), up=(SOURCE, LOWER, UPPER), reclaim_policy="Delete")
    shards = {name: shard for name, shard in view.shards.items() if name != SOURCE}
    down = {**view.members, NAMES[0]: replace(view.members[NAMES[0]], process=Process.ENDED)}
    assert plan(replace(view, shards=shards, members=down)).step == RemoveDirectories((NAMES[0],))


@pytest.mark.parametrize(("outcome", "removed"), [(Outcome.CANCELLED, True), (Outcome.UNDONE, False)])
def test_what_was_only_ever_a_copy_is_removed_and_what_served_is_kept(outcome: Outcome, *, removed: bool):
    view = view_of(ONE, reshard(outcome), up=(SOURCE, LOWER))
    assert plan(view).step == DeleteShard(LOWER)
    shards = {SOURCE: view.shards[SOURCE]}
    down = {**view.members, f"{LOWER}-1": replace(view.members[f"{LOWER}-1"], process=Process.ENDED)}
    step = plan(replace(view, shards=shards, members=down)).step
    assert step == (RemoveDirectories((f"{LOWER}-1",)) if removed else None)


def test_a_shard_that_no_reshard_names_is_kept():
    view = view_of(ONE, reshard(Outcome.CANCELLED), up=(SOURCE, "commerce-x-40"))
    assert plan(view).step is None


def test_a_deleted_keyspace_takes_its_reshards_with_it():
    view = view_of(ONE, reshard(Outcome.RUNNING))
    metadata = view.keyspace.metadata.model_copy(update={"deletion_requested": True})
    shard = view.shards[SOURCE]
    closed = shard.model_copy(update={"spec": shard.spec.model_copy(update={"serving": False})})
    view = replace(
        view, keyspace=view.keyspace.model_copy(update={"metadata": metadata}), shards={SOURCE: closed}, members={}
    )
    assert plan(view).step == DeleteReshard(view.reshards[0].name)
