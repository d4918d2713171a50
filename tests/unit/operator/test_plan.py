"""What the operator does next, by what it sees: each invariant of the plan."""

from dataclasses import replace

import pytest

from flyball.attempts import Trouble
from flyball.declaring import CreateShard, DeleteShard, HoldKeyspace, MovePrimary, ReleaseKeyspace, ReplaceShard
from flyball.errors import Code
from flyball.records.shard import Diverged, Intent, Role
from flyball_operator.naming import NO_ROLE, PRIMARY, REPLICA
from flyball_operator.plan import plan
from flyball_operator.steps import (
    AdoptClaim,
    ApplyObjects,
    DeletePod,
    DeletePods,
    GrowClaim,
    MakeClaim,
    MakeCredentials,
    MakePod,
    MarkPods,
    RemoveClaim,
    WriteSecrets,
    in_words,
)
from tests.unit.operator.views import (
    FOUR,
    ONE,
    SHARD,
    THREE,
    TWO,
    claim,
    deleted,
    edited,
    empty,
    in_transition,
    intents,
    keyspace,
    labelled,
    member,
    moving,
    running,
    settled,
    steady,
    told_to_leave,
    with_member,
    with_pod,
    with_status,
)

OTHER_IMAGE = {"mysql": {"image": "mysql:9.8"}}
WITH_DELETE = {"reclaimPolicy": "Delete"}


def step(view):
    return plan(view).step


# --- coming up ------------------------------------------------------------------------------------------------


def test_nothing_is_made_before_a_deletion_would_be_noticed():
    view = replace(empty(), keyspace=keyspace(finalizers=()), credentials=False)
    assert step(view) == HoldKeyspace()


def test_what_all_members_need_comes_before_any_of_them():
    view = replace(empty(), credentials=False, stale=("a",), unapplied=("b",))
    assert step(view) == MakeCredentials()
    view = replace(view, credentials=True)
    assert step(view) == WriteSecrets(("a",))
    view = replace(view, stale=())
    assert step(view) == ApplyObjects(("b",))
    assert step(replace(view, unapplied=())) == MakeClaim(SHARD, ONE, 1)


def test_a_member_gets_its_volume_then_its_pod():
    view = empty()
    view = with_member(view, ONE, claims=(claim(ONE),))
    assert step(view) == MakeClaim(SHARD, TWO, 1)
    for name in (TWO, THREE):
        view = with_member(view, name, claims=(claim(name),))
    assert step(view) == MakePod(SHARD, ONE, f"{ONE}-data")


@pytest.mark.parametrize("missing", [ONE, TWO, THREE])
def test_a_shard_is_declared_when_every_member_has_its_address(missing):
    view = with_pod(running(), missing, ready=False)
    assert step(view) is None
    assert any(missing in text for text in plan(view).awaited)


def test_it_is_declared_with_all_of_them_at_once():
    made = step(running())
    assert isinstance(made, CreateShard)
    assert [(one.name, one.address) for one in made.spec.members] == [
        (ONE, "10.0.0.1:3306"),
        (TWO, "10.0.0.2:3306"),
        (THREE, "10.0.0.3:3306"),
    ]
    assert made.spec.credentials == "commerce-credentials"


def test_a_keyspace_that_is_as_it_should_be_is_left_alone():
    decision = plan(steady())
    assert decision.step is None
    assert decision.why == "all of it is there"
    assert decision.awaited == ()
    assert decision.refused == ()


def test_a_pod_that_somebody_deleted_is_made_again_on_its_volume():
    assert step(with_member(steady(), TWO, pod=None)) == MakePod(SHARD, TWO, f"{TWO}-data")


def test_one_that_failed_a_moment_ago_rests_and_says_so():
    view = with_member(steady(), TWO, pod=None, rests=True, trouble=Trouble(Code.DISK_FULL, "no room"))
    decision = plan(view)
    assert decision.step is None
    assert decision.awaited == (f"the next attempt with {TWO}, after a rest",)
    assert decision.seen == (f"{TWO}: no room",)


def test_a_pod_of_which_nothing_runs_any_more_is_deleted_and_made_again():
    view = with_pod(steady(), ONE, ended=True, ready=False)
    made = step(view)
    assert isinstance(made, DeletePod)
    assert (made.member, made.uid, made.force) == (ONE, f"uid-{ONE}", False)


def test_what_a_pod_waits_for_is_told_in_kubernetes_words():
    view = with_pod(running(), TWO, ready=False, ip="", trouble="ImagePullBackOff: no such image")
    decision = plan(view)
    assert decision.step is None
    assert f"{TWO}: ImagePullBackOff: no such image" in decision.seen
    assert decision.awaited == (f"the pod of {TWO} is ready (ImagePullBackOff: no such image)",)


def test_a_pod_that_got_another_address_is_declared_under_it():
    made = step(with_pod(steady(), TWO, ip="10.9.9.9"))
    assert isinstance(made, ReplaceShard)
    assert made.spec.member(TWO).host == "10.9.9.9"
    assert made.spec.member(TWO).intent is Intent.SERVE


def test_an_address_that_is_not_known_for_a_moment_stays_as_it_was():
    view = with_pod(steady(), TWO, ip="", ready=False)
    assert step(view) is None


# --- endpoints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("former", "reigning"), [(ONE, TWO), (TWO, ONE)])
def test_endpoints_follow_the_reign_and_no_moment_has_two_primaries(former, reigning):
    view = settled(steady(), primary=reigning)
    stale = with_pod(with_pod(view, former, role=PRIMARY), reigning, role=REPLICA)
    made = step(stale)
    assert isinstance(made, MarkPods)
    assert [(mark.pod, mark.role) for mark in made.marks] == [(former, REPLICA), (reigning, PRIMARY)]


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.PRIMARY, Role.REPLICA}])
def test_only_a_replica_that_replicates_is_read_from(role):
    view = steady()
    seen = tuple(
        one.model_copy(update={"role": role}) if one.name == THREE else one for one in view.shards[SHARD].status.members
    )
    made = step(with_status(view, members=seen))
    assert isinstance(made, MarkPods)
    assert [(mark.pod, mark.role) for mark in made.marks] == [(THREE, NO_ROLE)]


def test_endpoints_come_before_whatever_else_is_to_be_done():
    view = replace(with_pod(steady(), ONE, role=REPLICA), credentials=False, stale=("a",))
    assert isinstance(step(view), MarkPods)


def test_a_pod_learns_which_shard_owns_it():
    made = step(with_pod(steady(), TWO, owner=""))
    assert isinstance(made, MarkPods)
    assert [(mark.pod, mark.owner) for mark in made.marks] == [(TWO, f"uid-{SHARD}")]


def test_a_member_that_leaves_takes_no_reads():
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE)
    assert view.members[THREE].pod.role == NO_ROLE
    assert not isinstance(step(view), MarkPods)
    made = step(with_pod(view, THREE, role=REPLICA))
    assert isinstance(made, MarkPods)


# --- pause ----------------------------------------------------------------------------------------------------


def test_a_paused_keyspace_is_told_so_and_nothing_else_happens():
    view = edited(with_member(steady(), TWO, pod=None), paused=True)
    made = step(view)
    assert isinstance(made, ReplaceShard)
    assert made.spec.paused
    assert made.spec == view.shards[SHARD].spec.model_copy(update={"paused": True})
    view = replace(view, shards={SHARD: made.read.model_copy(update={"spec": made.spec})})
    assert step(view) is None


# --- rolling changes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        OTHER_IMAGE,
        {"mysql": {"config": {"max_connections": 90}}},
        {"mysql": {"resources": {"limits": {"cpu": "2"}}}},
        {"placement": {"annotations": {"a": "b"}}},
    ],
)
def test_replicas_first_by_telling_one_to_leave(wish):
    made = step(edited(steady(), **wish))
    assert isinstance(made, ReplaceShard)
    assert intents(made) == {ONE: Intent.SERVE, TWO: Intent.SERVE, THREE: Intent.LEAVE}


def test_its_pod_goes_only_when_it_was_let_go():
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE)
    decision = plan(view)
    assert decision.step is None
    assert f"the topology service lets {THREE} go" in decision.awaited
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE, released=True)
    made = step(view)
    assert isinstance(made, DeletePod)
    assert (made.member, made.uid, made.force) == (THREE, f"uid-{THREE}", False)
    assert "another image" in made.why


@pytest.mark.parametrize("field", ["generation", "incarnation"])
def test_a_word_that_was_given_for_another_wish_is_none(field):
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE, released=True)
    seen = []
    for one in view.shards[SHARD].status.members:
        if one.released_for is not None:
            release = one.released_for.model_copy(update={field: getattr(one.released_for, field) - 1})
            one = one.model_copy(update={"released_for": release})  # noqa: PLW2901
        seen.append(one)
    assert step(with_status(view, members=tuple(seen))) is None


def test_while_it_ends_nothing_else_goes():
    view = with_pod(told_to_leave(edited(steady(), **OTHER_IMAGE), THREE, released=True), THREE, leaving=True)
    decision = plan(view)
    assert decision.step is None
    assert f"the pod of {THREE} ends" in decision.awaited


def test_it_comes_back_under_its_new_address_and_the_next_one_goes():
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE, released=True)
    fresh = member(view.keyspace, THREE).pod
    view = with_member(view, THREE, pod=replace(fresh, ip="10.0.0.33", owner=f"uid-{SHARD}", role=NO_ROLE))
    made = step(view)
    assert isinstance(made, ReplaceShard)
    assert made.spec.member(THREE).host == "10.0.0.33"
    assert intents(made)[THREE] is Intent.SERVE
    record = made.read.model_copy(update={"spec": made.spec})
    view = settled(replace(view, shards={SHARD: record}))
    assert intents(step(view)) == {ONE: Intent.SERVE, TWO: Intent.LEAVE, THREE: Intent.SERVE}


def test_one_that_is_not_ready_yet_does_not_serve_yet():
    view = told_to_leave(edited(steady(), **OTHER_IMAGE), THREE, released=True)
    fresh = replace(member(view.keyspace, THREE).pod, ready=False, owner=f"uid-{SHARD}", role=NO_ROLE)
    assert step(with_member(view, THREE, pod=fresh)) is None


def only_the_primary_is_stale():
    view = edited(steady(), **OTHER_IMAGE)
    for name in (TWO, THREE):
        view = with_member(view, name, pod=member(view.keyspace, name).pod)
    return labelled(view)


def test_the_primary_is_last_and_hands_over():
    made = step(only_the_primary_is_stale())
    assert isinstance(made, MovePrimary)
    assert (made.shard, made.member) == (SHARD, ONE)


@pytest.mark.parametrize("change", [moving, in_transition, lambda view: replace(view, resting=frozenset({SHARD}))])
def test_it_is_asked_once(change):
    assert step(change(only_the_primary_is_stale())) is None


def test_its_pod_is_never_deleted_while_it_reigns():
    view = only_the_primary_is_stale()
    for changed in (moving(view), replace(view, resting=frozenset({SHARD}))):
        assert not isinstance(step(changed), DeletePod)


def test_the_former_primary_goes_like_any_replica():
    view = settled(only_the_primary_is_stale(), primary=TWO)
    assert intents(step(view))[ONE] is Intent.LEAVE


NOT_CALM = {
    "a transition": in_transition,
    "a replica that does not replicate": lambda view: with_status(
        view,
        members=tuple(
            one.model_copy(update={"role": Role.CLOSED}) if one.name == TWO else one
            for one in view.shards[SHARD].status.members
        ),
    ),
    "a status of another generation": lambda view: with_status(view, observed_generation=0),
    "a member that was made anew": lambda view: with_pod(
        with_member(view, TWO, pod=member(view.keyspace, TWO).pod), TWO, ready=False
    ),
    "no reign": lambda view: with_status(view, reign=view.shards[SHARD].status.reign.model_copy(update={"term": 0})),
}


@pytest.mark.parametrize("what", NOT_CALM)
def test_a_wish_waits_for_a_calm_shard_and_says_so(what):
    view = labelled(NOT_CALM[what](edited(steady(), **OTHER_IMAGE)))
    decision = plan(view)
    assert decision.step is None or isinstance(decision.step, MarkPods)
    assert decision.refused
    assert "waits, since" in decision.refused[0]


def test_one_shard_at_a_time():
    view = edited(steady(shards=2), shards=2, **OTHER_IMAGE)
    first, second = view.desired
    view = told_to_leave(view, first.members[2], shard=first.name)
    decision = plan(view)
    assert decision.step is None
    assert any(f"{first.members[2]} leaves" in text for text in decision.refused)
    assert any(second.members[0].rpartition("-")[0] in text for text in decision.refused)


def test_a_pod_that_never_worked_is_replaced_when_the_user_corrects_the_wish():
    view = with_pod(edited(running(), **OTHER_IMAGE), TWO, ready=False, trouble="ImagePullBackOff")
    made = step(view)
    assert isinstance(made, DeletePod)


def test_a_replica_that_does_not_work_is_replaced_without_waiting_for_calm():
    view = with_pod(edited(steady(), **OTHER_IMAGE), THREE, ready=False)
    made = step(view)
    assert isinstance(made, DeletePod)
    assert made.member == THREE


def test_a_primary_whose_probe_fails_is_not():
    view = with_pod(edited(steady(), **OTHER_IMAGE), ONE, ready=False)
    assert step(view) is None


def test_an_upgrade_of_the_operator_restarts_nothing():
    view = replace(steady(), unapplied=("ConfigMap/commerce-program-2",))
    assert step(view) == ApplyObjects(("ConfigMap/commerce-program-2",))
    assert step(replace(view, unapplied=())) is None


# --- shards that can spare nobody -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec", [{"replicas": 2}, {"replicas": 3, "durability": {"acks": 2}}], ids=["two members", "two acks of three"]
)
def test_a_shard_that_can_spare_nobody_restarts_its_replicas_in_place(spec):
    view = edited(steady(**spec), **spec, **OTHER_IMAGE)
    made = step(view)
    assert isinstance(made, DeletePod)
    assert made.member != ONE
    assert "can spare nobody" in made.why


def test_and_its_primary_hands_over_first():
    view = edited(steady(replicas=2), replicas=2, **OTHER_IMAGE)
    view = labelled(with_member(view, TWO, pod=member(view.keyspace, TWO).pod))
    assert isinstance(step(view), MovePrimary)


def test_a_member_alone_is_restarted_in_place():
    spec = {"replicas": 1, "durability": {"policy": "none"}}
    made = step(edited(steady(**spec), **spec, **OTHER_IMAGE))
    assert isinstance(made, DeletePod)
    assert made.member == ONE


# --- volumes --------------------------------------------------------------------------------------------------

LARGER = {"storage": {"size": "20Gi"}}


@pytest.mark.parametrize("expandable", [True, None])
def test_a_volume_grows_where_its_class_allows_it_and_nothing_restarts(expandable):
    view = steady()
    for name in (ONE, TWO, THREE):
        view = with_member(view, name, claims=(claim(name, expandable=expandable),))
    assert step(edited(view, **LARGER)) == GrowClaim(f"{ONE}-data", "20Gi")


def rigid(view):
    for name in view.members:
        view = with_member(view, name, claims=(claim(name, expandable=False),))
    return view


def test_else_member_by_member_on_a_larger_one():
    view = edited(rigid(steady()), **LARGER)
    assert intents(step(view))[THREE] is Intent.LEAVE
    view = told_to_leave(view, THREE, released=True)
    assert step(view) == MakeClaim(SHARD, THREE, 2)
    view = with_member(view, THREE, claims=(claim(THREE, expandable=False), claim(THREE, 2, size="20Gi")))
    made = step(view)
    assert isinstance(made, DeletePod)
    assert made.member == THREE
    view = with_member(view, THREE, pod=None)
    assert step(view) == MakePod(SHARD, THREE, f"{THREE}-data-2")
    fresh = replace(member(view.keyspace, THREE).pod, claim=f"{THREE}-data-2", owner=f"uid-{SHARD}", role=NO_ROLE)
    back = step(with_member(view, THREE, pod=fresh))
    assert intents(back)[THREE] is Intent.SERVE
    assert back.spec.member(THREE).incarnation == 2


def test_a_shard_that_can_spare_nobody_keeps_its_volumes():
    """The only other copy must not be the one that is thrown away; the member is told, and never let go."""
    view = edited(rigid(steady(replicas=2)), replicas=2, **LARGER)
    made = step(view)
    assert isinstance(made, ReplaceShard)
    view = told_to_leave(view, TWO)
    decision = plan(view)
    assert decision.step is None
    assert decision.awaited == (f"the topology service lets {TWO} go",)


def test_a_lost_volume_is_replaced_once_its_member_was_let_go():
    lost = (claim(THREE, lost=True),)
    view = with_pod(with_member(steady(), THREE, claims=lost), THREE, ready=False)
    assert intents(step(view))[THREE] is Intent.LEAVE
    assert step(told_to_leave(view, THREE)) is None
    assert step(told_to_leave(view, THREE, released=True)) == MakeClaim(SHARD, THREE, 2)


def test_a_pod_is_never_made_on_a_lost_volume():
    view = with_member(steady(), THREE, claims=(claim(THREE, lost=True),), pod=None)
    assert not isinstance(step(view), MakePod)


def test_a_volume_of_an_earlier_keyspace_is_left_alone():
    view = with_member(empty(), ONE, claims=(claim(ONE, owner="earlier"),))
    for name in (TWO, THREE):
        view = with_member(view, name, claims=(claim(name),), pod=member(view.keyspace, name).pod)
    decision = plan(view)
    assert decision.step is None
    assert any("earlier keyspace" in text for text in decision.seen)
    assert any("storage.adopt" in text for text in decision.awaited)


def test_unless_the_user_says_so():
    view = with_member(empty(storage={"adopt": True}), ONE, claims=(claim(ONE, owner="earlier"),))
    assert step(view) == AdoptClaim(f"{ONE}-data", f"uid-{ONE}-data")


# --- more and fewer members -----------------------------------------------------------------------------------


def test_a_member_more_comes_in_once_its_pod_works():
    view = edited(steady(), replicas=4)
    assert step(view) == MakeClaim(SHARD, FOUR, 1)
    view = with_member(view, FOUR, claims=(claim(FOUR),))
    assert step(view) == MakePod(SHARD, FOUR, f"{FOUR}-data")
    view = with_member(view, FOUR, pod=replace(member(view.keyspace, FOUR).pod, ready=False))
    assert step(view) is None
    made = step(with_pod(view, FOUR, ready=True))
    assert isinstance(made, ReplaceShard)
    assert made.spec.member(FOUR).incarnation == 2


def test_one_fewer_leaves_then_its_pod_goes_then_it_is_forgotten():
    view = edited(steady(), replicas=2)
    assert intents(step(view)) == {ONE: Intent.SERVE, TWO: Intent.SERVE, THREE: Intent.LEAVE}
    view = told_to_leave(view, THREE, released=True)
    made = step(view)
    assert isinstance(made, DeletePod)
    assert made.member == THREE
    made = step(with_member(view, THREE, pod=None))
    assert isinstance(made, ReplaceShard)
    assert [one.name for one in made.spec.members] == [ONE, TWO]


def test_a_primary_that_is_one_too_many_hands_over():
    view = edited(settled(steady(), primary=THREE), replicas=2)
    assert step(view) == MovePrimary(SHARD, THREE, f"{THREE} is not declared any more")


def scaled_in(**spec):
    view = steady(replicas=2, **spec)
    return with_member(view, THREE, claims=(claim(THREE),))


def test_what_a_member_leaves_behind_is_kept():
    decision = plan(scaled_in())
    assert decision.step is None


def test_or_deleted_where_the_policy_says_so_and_the_shard_is_calm():
    assert step(scaled_in(**WITH_DELETE)) == RemoveClaim(f"{THREE}-data", f"uid-{THREE}-data")


UNCERTAIN = {
    "not calm": lambda view: with_status(view, observed_generation=0),
    "a pod mounts it": lambda view: with_member(
        view, THREE, pod=replace(member(view.keyspace, THREE).pod, leaving=True)
    ),
    "another keyspace's": lambda view: with_member(view, THREE, claims=(claim(THREE, owner="earlier"),)),
    "held": lambda view: with_status(view, held=(THREE,)),
    "diverged": lambda view: with_status(view, diverged=(Diverged(name=THREE, gtids="u:1"),)),
    "no shard": lambda view: replace(view, shards={}),
    "goes already": lambda view: with_member(view, THREE, claims=(claim(THREE, leaving=True),)),
}


@pytest.mark.parametrize("why", UNCERTAIN)
def test_what_is_not_certain_is_kept(why):
    assert not isinstance(step(UNCERTAIN[why](scaled_in(**WITH_DELETE))), RemoveClaim)


# --- nodes ----------------------------------------------------------------------------------------------------


def test_a_primary_hands_over_before_its_node_is_drained():
    made = step(with_pod(steady(), ONE, cordoned=True))
    assert isinstance(made, MovePrimary)
    assert "drained" in made.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda view: with_pod(view, TWO, cordoned=True),
        lambda view: with_pod(with_pod(with_pod(view, ONE, cordoned=True), TWO, cordoned=True), THREE, cordoned=True),
        lambda view: with_pod(view, ONE, cordoned=None),
    ],
    ids=["a replica", "every node", "nodes cannot be read"],
)
def test_and_only_a_primary_that_has_where_to_go(change):
    assert step(change(steady())) is None


def test_a_pod_whose_node_does_not_answer_is_kept_until_its_member_was_let_go():
    view = with_pod(steady(), THREE, leaving=True, overdue=True, ready=False)
    assert intents(step(view))[THREE] is Intent.LEAVE
    decision = plan(told_to_leave(view, THREE))
    assert decision.step is None
    assert any("the node of" in text for text in decision.awaited)


def test_it_is_forgotten_only_after_it_has_another_volume():
    view = with_pod(steady(), THREE, leaving=True, overdue=True, ready=False)
    view = told_to_leave(view, THREE, released=True)
    assert step(view) == MakeClaim(SHARD, THREE, 2)
    made = step(with_member(view, THREE, claims=(claim(THREE), claim(THREE, 2))))
    assert isinstance(made, DeletePod)
    assert made.force
    assert "does not answer" in made.why


def test_a_primary_on_such_a_node_is_left_to_the_failover():
    view = with_pod(steady(), ONE, leaving=True, overdue=True, ready=False)
    assert step(view) is None
    view = settled(view, primary=TWO)
    assert intents(step(view))[ONE] is Intent.LEAVE


# --- going down -----------------------------------------------------------------------------------------------


def test_a_deleted_keyspace_stops_serving_first_then_its_pods_go_at_once():
    view = deleted(steady())
    made = step(view)
    assert isinstance(made, ReplaceShard)
    assert not made.spec.serving
    record = made.read.model_copy(update={"spec": made.spec})
    view = replace(view, shards={SHARD: record})
    assert step(view) == DeletePods(tuple((name, f"uid-{name}") for name in (ONE, TWO, THREE)))


def down(**spec):
    view = deleted(steady(**spec))
    record = view.shards[SHARD]
    record = record.model_copy(update={"spec": record.spec.model_copy(update={"serving": False})})
    view = replace(view, shards={SHARD: record})
    for name in (ONE, TWO, THREE):
        view = with_pod(view, name, leaving=True)
    return view


def test_it_waits_for_their_end():
    decision = plan(down())
    assert decision.step is None
    assert decision.awaited == tuple(f"the pod of {name} ends" for name in (ONE, TWO, THREE))


def test_but_not_for_a_node_that_does_not_answer():
    assert step(with_pod(down(), TWO, overdue=True)) == DeletePods(((TWO, f"uid-{TWO}"),), force=True)


def ended(**spec):
    view = down(**spec)
    for name in (ONE, TWO, THREE):
        view = with_member(view, name, pod=None)
    return view


def test_the_records_go_when_the_pods_are_gone_and_the_finalizer_last():
    view = ended()
    assert step(view) == DeleteShard(SHARD)
    assert step(replace(view, shards={})) == ReleaseKeyspace(forget=False)


def test_volumes_go_by_the_policy():
    view = replace(ended(**WITH_DELETE), shards={})
    assert step(view) == RemoveClaim(f"{ONE}-data", f"uid-{ONE}-data")
    view = replace(view, members={})
    assert step(view) == ReleaseKeyspace(forget=True)


def test_volumes_of_an_earlier_keyspace_do_not_go_with_it():
    view = replace(ended(**WITH_DELETE), shards={}, members={})
    view = with_member(view, ONE, claims=(claim(ONE, owner="earlier"),))
    assert step(view) == ReleaseKeyspace(forget=True)


def test_a_paused_keyspace_can_be_deleted():
    assert isinstance(step(deleted(steady(paused=True))), ReplaceShard)


def test_every_step_can_be_told_in_a_line():
    for view in (steady(), running(), edited(steady(), **OTHER_IMAGE), deleted(steady()), only_the_primary_is_stale()):
        made = step(view)
        if made is not None:
            assert in_words(made).startswith(type(made).__name__)
