"""What the engine does next, by what it sees: each invariant of the plan, and the way through it step by step."""

from dataclasses import replace

from flyball.attempts import Trouble
from flyball.errors import Code
from flyball.expand import expand
from flyball.records import Failover, Keyspace, Metadata, Shard
from flyball.records.failover import FailoverSpec
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.shard import Intent, MemberStatus, Reign, Release, Role, ShardStatus
from flyball_local import declare
from flyball_local.conditions import conditions_of
from flyball_local.identity import Identity
from flyball_local.plan import AT_ONCE, plan
from flyball_local.steps import (
    FINALIZER,
    ClaimDirectory,
    CreateShard,
    DeleteShard,
    HoldKeyspace,
    Initialise,
    KillMember,
    MakeCredentials,
    MovePrimary,
    ReleaseKeyspace,
    RemoveDirectories,
    ReplaceShard,
    StartMember,
    Step,
    StopMembers,
)
from flyball_local.view import KeyspaceView, MemberView, Process

SHARD = "commerce-x-x"
NAMES = tuple(f"{SHARD}-{ordinal}" for ordinal in range(1, 6))


def keyspace(generation: int = 1, **spec: object) -> Keyspace:
    wanted = KeyspaceSpec.model_validate({"replicas": 3, **spec})
    metadata = Metadata(name="commerce", uid="u1", generation=generation, finalizers=(FINALIZER,))
    return Keyspace(metadata=metadata, spec=wanted)


def member(name: str, process: Process = Process.RUNNING, **more: object) -> MemberView:
    ordinal = int(name.rpartition("-")[2])
    identity = Identity("commerce", "u1", name.rpartition("-")[0], name, 1, 20000 + ordinal, ordinal)
    return replace(MemberView(name, identity, initialised=True, process=process), **more)


def view_of(declared: Keyspace, *members: MemberView, shards: tuple[Shard, ...] = ()) -> KeyspaceView:
    return KeyspaceView(
        keyspace=declared,
        credentials=True,
        desired=expand(declared),
        shards={shard.name: shard for shard in shards},
        members={one.name: one for one in members},
    )


def steady(replicas: int = 3, **spec: object) -> KeyspaceView:
    """Everything is there, and its shard is declared."""
    view = view_of(keyspace(replicas=replicas, **spec), *(member(name) for name in NAMES[:replicas]))
    record = Shard(metadata=Metadata(name=SHARD), spec=declare.first_spec(view, view.desired[0]))
    return replace(view, shards={SHARD: record})


def with_member(view: KeyspaceView, name: str, **changes: object) -> KeyspaceView:
    return replace(view, members={**view.members, name: replace(view.members[name], **changes)})


def with_status(view: KeyspaceView, **status: object) -> KeyspaceView:
    record = view.shards[SHARD]
    return replace(view, shards={SHARD: record.model_copy(update={"status": ShardStatus(**status)})})


def edited(view: KeyspaceView, generation: int = 2, **spec: object) -> KeyspaceView:
    declared = keyspace(generation, **spec)
    return replace(view, keyspace=declared, desired=expand(declared))


def released(name: str, incarnation: int = 1, generation: int = 0) -> MemberStatus:
    release = Release(incarnation=incarnation, generation=generation)
    return MemberStatus(name=name, incarnation=incarnation, role=Role.REPLICA, released_for=release)


def after(view: KeyspaceView, step: Step | None) -> KeyspaceView:
    """The view once the record that the step writes is written."""
    assert isinstance(step, ReplaceShard)
    return replace(view, shards={SHARD: step.read.model_copy(update={"spec": step.spec})})


def intents(view: KeyspaceView) -> dict[str, Intent]:
    return {one.name: one.intent for one in view.shards[SHARD].spec.members}


# --- coming up -----------------------------------------------------------------------------------------


def test_the_finalizer_comes_first_then_the_secrets():
    declared = keyspace()
    bare = declared.model_copy(update={"metadata": declared.metadata.model_copy(update={"finalizers": ()})})
    assert plan(replace(view_of(bare), credentials=False)).step == HoldKeyspace()
    assert plan(replace(view_of(declared), credentials=False)).step == MakeCredentials()


def test_every_member_is_claimed_before_the_shard_is_declared_and_it_is_declared_with_all_of_them():
    view = view_of(keyspace())
    for name in NAMES[:3]:
        assert plan(view).step == ClaimDirectory(SHARD, name)
        view = replace(view, members={**view.members, name: member(name, Process.NONE, initialised=False)})
    step = plan(view).step
    assert isinstance(step, CreateShard)
    assert [(one.name, one.port) for one in step.spec.members] == [(n, 20001 + i) for i, n in enumerate(NAMES[:3])]
    assert step.spec.credentials == "commerce-credentials"
    assert len({one.tls_name for one in step.spec.members}) == 3


def test_what_is_initialised_starts_before_more_is_initialised():
    view = with_member(steady(), NAMES[0], process=Process.NONE)
    view = with_member(view, NAMES[1], process=Process.NONE, initialised=False)
    assert plan(view).step == StartMember(NAMES[0])
    assert plan(with_member(view, NAMES[0], process=Process.STARTING)).step == Initialise(NAMES[1])


def test_no_more_members_start_at_once_than_a_small_machine_bears():
    view = steady(replicas=5)
    for name in NAMES[:AT_ONCE]:
        view = with_member(view, name, process=Process.STARTING)
    view = with_member(view, NAMES[AT_ONCE], process=Process.NONE)
    decision = plan(view)
    assert decision.step is None
    assert decision.again is not None
    assert plan(with_member(view, NAMES[0], process=Process.RUNNING)).step == StartMember(NAMES[AT_ONCE])


def test_where_everything_is_there_nothing_is_done():
    decision = plan(steady())
    assert (decision.step, decision.awaited) == (None, ())


# --- one bad member ------------------------------------------------------------------------------------


def test_a_foreign_directory_holds_up_its_shard_and_no_other():
    view = view_of(keyspace(shards=2), *(member(f"commerce-80-x-{i}", Process.NONE) for i in (1, 2, 3)))
    foreign = MemberView("commerce-x-80-1", foreign=True, trouble=Trouble(Code.FOREIGN_DIRECTORY, "theirs"))
    others = (member(f"commerce-x-80-{i}", Process.NONE) for i in (2, 3))
    view = replace(view, members={**view.members, foreign.name: foreign, **{one.name: one for one in others}})
    step = plan(view).step
    assert isinstance(step, CreateShard)
    assert step.name == "commerce-80-x"
    assert "commerce-x-80-1: theirs" in plan(view).seen


def test_a_member_that_sleeps_for_want_of_space_is_ended_once_there_is_room_and_starts_again():
    asleep = with_member(steady(), NAMES[1], sleeps=True)
    assert plan(asleep).step == KillMember(NAMES[1])
    assert plan(with_member(asleep, NAMES[1], process=Process.ENDED, sleeps=False)).step == StartMember(NAMES[1])


def test_a_member_that_ended_starts_again_unless_it_rests_or_a_person_stopped_it():
    ended = with_member(steady(), NAMES[1], process=Process.ENDED)
    assert plan(ended).step == StartMember(NAMES[1])
    resting = plan(with_member(ended, NAMES[1], rests=True))
    assert resting.step is None
    assert resting.again is not None
    stopped = plan(with_member(ended, NAMES[1], stopped=True))
    assert stopped.step is None
    assert "a person starts" in stopped.awaited[0]


def test_a_resting_member_does_not_hold_up_the_others():
    view = with_member(steady(), NAMES[0], process=Process.ENDED, rests=True)
    view = with_member(view, NAMES[1], process=Process.ENDED)
    assert plan(view).step == StartMember(NAMES[1])


def test_a_member_that_a_person_stopped_is_stopped_by_the_rule():
    assert plan(with_member(steady(), NAMES[2], stopped=True)).step == StopMembers((NAMES[2],))


# --- paused --------------------------------------------------------------------------------------------


def test_a_paused_keyspace_hands_the_word_on_and_nothing_else():
    view = with_member(edited(steady(), paused=True), NAMES[0], process=Process.ENDED)
    step = plan(view).step
    assert isinstance(step, ReplaceShard)
    assert step.spec == view.shards[SHARD].spec.model_copy(update={"paused": True})
    assert plan(after(view, step)).step is None


def test_the_end_of_a_pause_is_handed_on_too():
    paused = after(edited(steady(), paused=True), plan(edited(steady(), paused=True)).step)
    step = plan(edited(paused, 3)).step
    assert isinstance(step, ReplaceShard)
    assert not step.spec.paused


# --- growing and shrinking -----------------------------------------------------------------------------


def test_a_new_member_is_declared_only_once_it_runs():
    view = edited(steady(3), replicas=4)
    assert plan(view).step == ClaimDirectory(SHARD, NAMES[3])
    view = replace(view, members={**view.members, NAMES[3]: member(NAMES[3], Process.STARTING)})
    assert plan(view).step is None
    view = with_member(view, NAMES[3], process=Process.RUNNING)
    view = after(view, plan(view).step)
    assert list(intents(view)) == list(NAMES[:4])
    assert plan(view).step is None


def test_members_are_spread_over_the_zones_and_keep_theirs():
    view = edited(steady(), zones=("a", "b"))
    view = after(view, plan(view).step)
    zones = [member.zone for member in view.shards[SHARD].spec.members]
    assert zones == ["a", "b", "a"]
    again = edited(view, 3, zones=("c", "b", "a"))
    assert plan(again).step is None


def test_members_leave_one_at_a_time_and_only_when_they_are_released():
    view = edited(steady(4), replicas=2)
    view = after(view, plan(view).step)
    assert [name for name, intent in intents(view).items() if intent is Intent.LEAVE] == [NAMES[3]]
    waiting = plan(view)
    assert waiting.step is None
    assert f"the topology service releases {NAMES[3]}" in waiting.awaited
    view = with_status(view, members=(released(NAMES[3]),))
    assert plan(view).step == StopMembers((NAMES[3],))
    view = with_member(view, NAMES[3], process=Process.ENDED)
    view = after(view, plan(view).step)
    assert NAMES[3] not in intents(view)
    view = after(view, plan(view).step)
    assert intents(view)[NAMES[2]] is Intent.LEAVE


def test_while_one_leaves_no_other_is_told_to_even_if_it_would_have_come_first():
    view = edited(with_status(steady(4), reign=Reign(term=1, primary=NAMES[3])), replicas=2)
    view = after(view, plan(view).step)
    assert [name for name, intent in intents(view).items() if intent is Intent.LEAVE] == [NAMES[2]]
    assert plan(with_status(view, reign=Reign(term=2, primary=NAMES[0]))).step is None


def test_a_release_of_another_incarnation_stops_nobody():
    view = edited(steady(3), replicas=2)
    view = after(view, plan(view).step)
    assert plan(with_status(view, members=(released(NAMES[2], incarnation=2),))).step is None


def test_a_release_for_an_older_wish_stops_nobody():
    """It was told to leave, to stay, and to leave again: it may have been counted in between."""
    view = edited(steady(3), replicas=2)
    view = after(view, plan(view).step)
    record = view.shards[SHARD]
    again = record.metadata.model_copy(update={"generation": 4})
    view = replace(view, shards={SHARD: record.model_copy(update={"metadata": again})})
    assert plan(with_status(view, members=(released(NAMES[2], generation=2),))).step is None
    assert plan(with_status(view, members=(released(NAMES[2], generation=4),))).step == StopMembers((NAMES[2],))


def test_the_primary_is_never_told_to_leave_but_moved_first():
    view = edited(with_status(steady(3), reign=Reign(term=1, primary=NAMES[2])), replicas=2)
    assert plan(view).step == MovePrimary(SHARD, NAMES[2])
    assert plan(replace(view, resting=frozenset({SHARD}))).step is None
    spec = FailoverSpec(keyspace="commerce", shard=SHARD, mode="planned")
    asked = Failover(metadata=Metadata(name="f"), spec=spec)
    assert plan(replace(view, failovers=(asked,))).step is None
    moved = with_status(view, reign=Reign(term=2, primary=NAMES[0]))
    assert intents(after(moved, plan(moved).step))[NAMES[2]] is Intent.LEAVE


def test_a_member_that_is_wanted_back_while_it_leaves_serves_again():
    view = edited(steady(3), replicas=2)
    view = edited(after(view, plan(view).step), 3, replicas=3)
    assert set(intents(after(view, plan(view).step)).values()) == {Intent.SERVE}


def test_a_member_that_comes_back_is_another_incarnation_than_the_one_that_was_released():
    view = edited(steady(3), 2, replicas=2)
    view = after(view, plan(view).step)
    view = with_member(with_status(view, members=(released(NAMES[2]),)), NAMES[2], process=Process.ENDED)
    view = edited(after(view, plan(view).step), 3, replicas=3)
    view = with_member(view, NAMES[2], process=Process.RUNNING)
    back = after(view, plan(view).step).shards[SHARD].spec.member(NAMES[2])
    assert back is not None
    assert back.incarnation > 1


def test_what_left_keeps_its_data_unless_the_policy_says_otherwise():
    gone = with_member(edited(steady(3), replicas=3), NAMES[2], process=Process.ENDED)
    for policy, step in (("Retain", None), ("Delete", RemoveDirectories((NAMES[2],)))):
        smaller = edited(steady(2), replicas=2, reclaim_policy=policy)
        assert plan(replace(smaller, members=gone.members)).step == step


# --- deletion ------------------------------------------------------------------------------------------


def deleted(view: KeyspaceView) -> KeyspaceView:
    metadata = view.keyspace.metadata.model_copy(update={"deletion_requested": True})
    return replace(view, keyspace=view.keyspace.model_copy(update={"metadata": metadata}))


def test_a_deleted_keyspace_comes_down_in_order_even_while_it_is_paused():
    view = deleted(steady(2, reclaim_policy="Delete", paused=True))
    step = plan(view).step
    assert isinstance(step, ReplaceShard)
    assert not step.spec.serving
    view = after(view, step)
    assert plan(view).step == StopMembers(NAMES[:2])
    for name in NAMES[:2]:
        view = with_member(view, name, process=Process.ENDED)
    assert plan(view).step == DeleteShard(SHARD)
    view = replace(view, shards={})
    assert plan(view).step == RemoveDirectories(NAMES[:2])
    assert plan(replace(view, members={})).step == ReleaseKeyspace(forget=True)


def test_data_that_is_retained_outlives_its_keyspace():
    view = replace(deleted(steady(1, durability={"policy": "none"})), shards={})
    assert plan(with_member(view, NAMES[0], process=Process.ENDED)).step == ReleaseKeyspace(forget=False)


def test_a_foreign_directory_does_not_hold_up_a_deletion():
    foreign = MemberView(NAMES[0], foreign=True)
    view = replace(deleted(steady(1, durability={"policy": "none"})), shards={}, members={NAMES[0]: foreign})
    assert plan(view).step == ReleaseKeyspace(forget=False)


def test_a_member_that_a_failed_clone_left_without_procedures_is_started_anew() -> None:
    """Nobody can probe it as it is."""
    view = with_member(steady(), NAMES[1], emptied=True)
    assert plan(view).step == StopMembers((NAMES[1],))
    assert plan(with_member(view, NAMES[1], process=Process.ENDED)).step == StartMember(NAMES[1])
    assert plan(with_member(view, NAMES[1], process=Process.STARTING)).step is None  # its init file has not run yet


def test_an_edit_of_the_options_is_not_in_effect_until_the_members_restart() -> None:
    view = with_status(steady(), reign=Reign(term=1, primary=NAMES[0]))
    told = {c.type: c for c in conditions_of(view, plan(view))}["ConfigInEffect"]
    assert (told.status, told.reason) == (True, "AllStartedWithIt")
    view = with_member(with_member(view, NAMES[0], outdated=True), NAMES[2], outdated=True)
    told = {c.type: c for c in conditions_of(view, plan(view))}["ConfigInEffect"]
    assert (told.status, told.reason) == (False, "RestartNeeded")
    assert f"restart {NAMES[2]}, {NAMES[0]}:" in told.message  # the primary last
