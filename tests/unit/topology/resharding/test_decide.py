"""What is decided: for each thing that can lack, the step that mends it, or the reason why nothing is done."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records import Metadata, Operation
from flyball.records.failover import Outcome, StepState
from flyball.records.keyspace import Approval, ReshardClaim
from flyball.records.operation import OperationSpec, OperationStatus, OperationType
from flyball.records.reshard import Stage, StepName, Verified
from flyball.records.shard import Access, Mode, Phase, ShardAccess, Transition
from flyball_topology.reshard import acts
from flyball_topology.reshard.cutover import SWITCH_WITHIN
from flyball_topology.reshard.decide import decide_reshard
from flyball_topology.reshard.seen import ChannelSeen, Checked, Refusal, Work, WorkSeen
from flyball_topology.reshard.steps import Job, ReshardStep
from flyball_topology.reshard.view import ReshardView
from tests.unit.topology.resharding.views import (
    LOWER,
    NAME,
    SOURCE,
    SOURCES,
    TARGETS,
    UPPER,
    UUID,
    channel,
    status,
    view_at,
    with_keyspace,
    with_seen,
    with_shard,
    with_spec,
    with_status,
    without,
    word,
)

MORE = GtidSet.span(UUID, 1, 101)
CHANGING = Transition(mode=Mode.PLANNED, phase=Phase.SWITCHING)


def step_of(view: ReshardView) -> ReshardStep:
    decision = decide_reshard(view)
    assert decision.step is not None, decision
    return decision.step


def awaited(view: ReshardView) -> str:
    decision = decide_reshard(view)
    assert decision.step is None, decision.step
    assert decision.awaited or decision.why
    return "; ".join((decision.why, *decision.awaited))


def undone(view: ReshardView, name: StepName) -> ReshardView:
    """The step, and those behind it, were not told as done."""
    steps = view.reshard.status.steps[: list(StepName).index(name)]
    return with_status(view, steps=steps)


Lack = Callable[[ReshardView], ReshardView]


def _copied(view: ReshardView, **changes: object) -> ReshardView:
    assert view.copied is not None
    return replace(view, copied=replace(view.copied, **changes))


LACKS: dict[str, tuple[Lack, str]] = {
    "the claim": (lambda v: with_keyspace(v, reshard=None), "claim commerce"),
    "the check": (lambda v: undone(v, StepName.CHECK), "read the tables"),
    "a target's access": (
        lambda v: with_shard(v, UPPER, access=None),
        "keep commerce-80-x closed to applications",
    ),
    "an account": (lambda v: with_seen(v, LOWER, movers=frozenset({f"{LOWER}-1"})), "make the movers' accounts"),
    "a guard": (lambda v: with_seen(v, SOURCE, guarded=False), "guard the sharding keys"),
    "the copy": (lambda v: _copied(v, copy=WorkSeen(Work.ABSENT)), "copy the rows"),
    "a copy that broke": (lambda v: _copied(v, copy=WorkSeen(Work.BROKEN, "gone")), "copy the rows"),
    "a clone": (
        lambda v: _copied(v, seeded={**v.copied.seeded, LOWER: frozenset({f"{LOWER}-1"})}),  # type: ignore[union-attr]
        f"clone {LOWER}-2",
    ),
    "a channel": (lambda v: with_seen(v, LOWER, channels={}), "open the channels"),
    "a channel that stopped": (
        lambda v: with_seen(v, LOWER, channels={SOURCE: channel(runs=False)}),
        "open the channels",
    ),
    "pruning": (lambda v: replace(with_seen(v, LOWER, ghosts=3), pruned_age=60.0), "prune"),
    "the comparison": (lambda v: with_status(_copied(v, verify=WorkSeen()), verified=None), "compare the rows"),
    "a comparison under this reign": (
        lambda v: with_status(v, verified=Verified(terms=v.reshard.status.verified.terms[:2])),  # type: ignore[union-attr]
        "note the comparison",
    ),
    "a journal row": (lambda v: with_seen(v, UPPER, journal=0), "commit journal rows"),
    "a thaw": (lambda v: with_seen(v, SOURCE, writable=False), f"thaw {SOURCE}"),
}


@pytest.mark.parametrize("lack", LACKS)
def test_what_lacks_is_mended_first(lack: str):
    change, name = LACKS[lack]
    assert step_of(change(view_at())).name == name


def test_with_nothing_lacking_the_cutover_begins_armed():
    step = step_of(view_at())
    assert step.status is not None
    assert step.status.stage is Stage.SWITCHING
    assert step.keyspace is not None
    assert step.keyspace.reshard == ReshardClaim(workflow=NAME, armed=True)
    assert step.keyspace.routing == SOURCES
    assert step.acts == ()


SEEDING = Operation(
    metadata=Metadata(name=f"seed-{LOWER}-2"),
    spec=OperationSpec(type=OperationType.RESEED, keyspace="commerce", shard=LOWER, member=f"{LOWER}-2"),
    status=OperationStatus(outcome=Outcome.RUNNING),
)

WAITS: dict[str, tuple[Lack, str]] = {
    "a target is not made": (lambda v: replace(v, missing=(UPPER,)), f"shard {UPPER}"),
    "a primary changes": (lambda v: with_shard(v, SOURCE, transition=CHANGING), SOURCE),
    "a shard is silent": (lambda v: without(v, LOWER), f"{LOWER} to answer"),
    "the data plane is silent": (lambda v: replace(v, copied=None), "data plane"),
    "rows are copied": (lambda v: _copied(v, copy=WorkSeen(Work.RUNNING, throttled="lag")), "throttled: lag"),
    "a copy rests": (
        lambda v: replace(_copied(v, copy=WorkSeen(Work.BROKEN, "it fell")), job_rest={Job.COPY: 3.0}),
        "it fell",
    ),
    "far behind": (
        lambda v: with_seen(v, LOWER, channels={SOURCE: channel(MORE, 9.0)}),
        f"{LOWER} to be close behind",
    ),
    "lag unknown": (lambda v: with_seen(v, LOWER, channels={SOURCE: channel(MORE, None)}), "close behind"),
    "a channel that was opened a moment ago": (
        lambda v: replace(with_seen(v, LOWER, channels={SOURCE: channel(runs=False)}), opened_age=0.5),
        f"the channel from {SOURCE} to {LOWER} to run",
    ),
    "a clone that does not replicate yet": (
        lambda v: replace(v, seeds={f"{LOWER}-2": SEEDING}),
        f"{LOWER}-2 to replicate again",
    ),
    "an account on a clone that has made no promise yet": (
        lambda v: replace(with_seen(v, LOWER, movers=frozenset({f"{LOWER}-1"})), seeds={f"{LOWER}-2": SEEDING}),
        f"{LOWER}-2 to replicate again",
    ),
    "a member that is away": (
        lambda v: with_seen(v, LOWER, movers=frozenset({f"{LOWER}-1"}), silent={f"{LOWER}-2": "it is being cloned"}),
        f"{LOWER}-2 to answer (it is being cloned)",
    ),
    "a channel to a shard that holds still": (
        lambda v: with_seen(v, LOWER, channels={}, still=True, frozen=True),
        f"{LOWER} to take writes again",
    ),
    "an account on a shard that holds still": (
        lambda v: with_seen(v, LOWER, movers=frozenset(), still=True, frozen=True),
        f"{LOWER} to take writes again",
    ),
    "a source that holds still": (
        lambda v: with_seen(v, SOURCE, still=True, writable=False),
        f"{SOURCE} to take writes again",
    ),
    "lag in a class": (
        lambda v: with_seen(v, LOWER, channels={SOURCE: channel(MORE, 20.0)}),
        "lag: over 10 s",
    ),
    "an undone cutover": (lambda v: replace(v, rest=3.0), "after a rest"),
    "approval": (lambda v: with_spec(v, approval=Approval.MANUAL), f"flyball workflow approve {NAME}"),
    "a pause of the keyspace": (lambda v: replace(v, pause="the keyspace is paused"), "paused"),
    "a pause of the reshard": (
        lambda v: replace(v, operations=(word(OperationType.PAUSE, Outcome.RUNNING),)),
        "paused by a person",
    ),
    "another's claim": (lambda v: with_keyspace(v, reshard=ReshardClaim(workflow="other")), "other to end"),
}


@pytest.mark.parametrize("case", WAITS)
def test_what_is_awaited_is_named(case: str):
    change, text = WAITS[case]
    assert text in awaited(change(view_at()))


BLOCKED: dict[str, tuple[Lack, Code]] = {
    "another definition": (lambda v: _copied(v, fingerprint="v2"), Code.SCHEMA_CHANGED),
    "rows that differ": (
        lambda v: with_status(
            _copied(v, verify=replace(v.copied.verify, work=Work.FAILED, failure="3 rows")),  # type: ignore[union-attr]
            verified=None,
        ),
        Code.ROWS_DIFFER,
    ),
    "a copy that cannot be": (
        lambda v: _copied(v, copy=WorkSeen(Work.FAILED, "no room", Code.DISK_FULL)),
        Code.DISK_FULL,
    ),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_what_only_a_person_can_mend_is_told_once_with_its_code_and_nothing_is_touched(case: str):
    change, code = BLOCKED[case]
    view = change(view_at())
    step = step_of(view)
    assert step.status is not None
    assert (step.status.code, step.acts, step.job) == (code.number, (), None)
    told = replace(view, reshard=view.reshard.model_copy(update={"status": step.status}))
    assert "a person" in awaited(told)


def test_a_definition_that_is_as_it_was_again_lets_it_go_on():
    view = with_status(view_at(), code=Code.SCHEMA_CHANGED.number, message="changed")
    step = step_of(view)
    assert step.status is not None
    assert step.status.code == ""


# --- refusals --------------------------------------------------------------------------------------------

PENDING = {"outcome": Outcome.PENDING, "steps": (), "verified": None, "fingerprint": "", "tables": ()}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: with_spec(v, targets=TARGETS[:1]), Code.RANGES_DO_NOT_TILE),
        (lambda v: with_spec(v, targets=(*TARGETS, *TARGETS[:1])), Code.RANGES_DO_NOT_TILE),
        (lambda v: with_spec(v, sources=()), Code.RANGES_DO_NOT_TILE),
        (lambda v: with_spec(v, sources=TARGETS), Code.NO_SUCH_OBJECT),
        (lambda v: with_spec(v, targets=SOURCES), Code.BAD_USAGE),
        (lambda v: with_keyspace(v, reshard=ReshardClaim(workflow="other")), Code.WORKFLOW_IN_FLIGHT),
    ],
)
def test_what_cannot_be_is_refused_with_a_code_before_anything_is_touched(change: Lack, code: Code):
    step = step_of(change(with_keyspace(with_status(view_at(), **PENDING), reshard=None)))
    assert step.status is not None
    assert (step.status.outcome, step.status.code) == (Outcome.REFUSED, code.number)
    assert (step.acts, step.accesses, step.job, step.keyspace) == ((), (), None, None)


def test_what_the_check_refuses_is_told_all_at_once_and_leaves_no_account():
    refusals = (Refusal(Code.RESHARD_REFUSED, "orders: no primary key"), Refusal(Code.NOT_HASHABLE, "items.sku: FLOAT"))
    view = undone(replace(view_at(), checked=Checked(refusals)), StepName.CHECK)
    step = step_of(view)
    assert step.acts == (acts.Clean(SOURCE, 1),)
    step = step_of(with_seen(view, SOURCE, clean=True))
    assert step.status is not None
    assert step.status.outcome is Outcome.REFUSED
    for text in ("orders: no primary key", "items.sku: FLOAT", Code.NOT_HASHABLE.number):
        assert text in step.status.message
    assert step.keyspace is not None
    assert step.keyspace.reshard is None


def test_a_check_that_passes_is_noted_with_what_it_saw():
    checked = Checked(tables=("orders", "items"), rows_expected=7, fingerprint="v9")
    step = step_of(undone(replace(view_at(), checked=checked), StepName.CHECK))
    assert step.status is not None
    assert (step.status.fingerprint, step.status.tables) == ("v9", ("orders", "items"))
    noted = step.status.step(StepName.CHECK)
    assert noted is not None
    assert (noted.state, noted.evidence) == (StepState.DONE, "2 tables, about 7 rows")


def test_a_check_tells_where_there_will_be_no_way_back():
    checked = Checked(tables=("orders",), cautions=("table orders: the unique key email ...",), fingerprint="v9")
    step = step_of(undone(replace(view_at(), checked=checked), StepName.CHECK))
    assert step.status is not None
    assert step.status.cautions == checked.cautions
    noted = step.status.step(StepName.CHECK)
    assert noted is not None
    assert "no way back: table orders: the unique key email" in noted.evidence


def test_one_that_waits_for_a_routing_waits():
    assert "its routing" in awaited(with_keyspace(with_status(view_at(), **PENDING), routing=()))


# --- the cutover -----------------------------------------------------------------------------------------


def test_the_routing_is_swapped_in_one_write_once_nothing_lacks():
    step = step_of(view_at(Stage.SWITCHING))
    assert step.keyspace is not None
    assert step.keyspace.routing == TARGETS
    assert step.keyspace.reshard is not None
    assert not step.keyspace.reshard.armed
    assert [one.shard for one in step.keyspace.reshard.held] == [LOWER, UPPER]
    assert (step.acts, step.accesses, step.status) == ((), (), None)


IN_THE_PAUSE: dict[str, tuple[Lack, str]] = {
    "not armed": (lambda v: with_keyspace(v, reshard=ReshardClaim(workflow=NAME)), "arm the claim"),
    "not frozen by its record": (lambda v: with_shard(v, SOURCE, access=None), f"freeze {SOURCE}"),
    "not frozen by its flags": (lambda v: with_seen(v, SOURCE, frozen=False), f"freeze {SOURCE}"),
    "behind": (lambda v: with_seen(v, SOURCE, line=MORE), "catch up"),
    "ghosts": (lambda v: with_seen(v, LOWER, ghosts=2), f"prune {LOWER}"),
    "ghosts not counted": (lambda v: with_seen(v, UPPER, ghosts=None), f"prune {UPPER}"),
}


@pytest.mark.parametrize("case", IN_THE_PAUSE)
def test_inside_the_pause_what_lacks_is_done_at_once(case: str):
    change, name = IN_THE_PAUSE[case]
    assert step_of(change(view_at(Stage.SWITCHING))).name == name


def test_freezing_writes_the_record_with_the_act():
    step = step_of(with_shard(view_at(Stage.SWITCHING), SOURCE, access=None))
    assert [(one.shard.name, one.access) for one in step.accesses] == [
        (SOURCE, ShardAccess(mode=Access.FROZEN, by=NAME))
    ]
    assert step.acts == (acts.Freeze(SOURCE, 1),)


def test_freezing_the_last_producer_goes_on_at_once_with_all_that_is_to_be_done_then():
    step = step_of(with_seen(view_at(Stage.SWITCHING), SOURCE, frozen=False))
    pairs = [(LOWER, SOURCE), (UPPER, SOURCE)]
    caught_up = [acts.CatchUp(consumer, 1, producer) for consumer, producer in pairs]
    assert step.then == (*caught_up, acts.Prune(LOWER, 1), acts.Prune(UPPER, 1))
    assert step.job is Job.DEFINITIONS


def test_while_another_producer_is_not_known_to_be_frozen_nothing_follows_a_freeze():
    view = with_seen(view_at(Stage.SWITCHING_BACK), LOWER, frozen=False)
    step = step_of(with_shard(view, UPPER, access=None))
    assert (step.acts, step.then, step.job) == ((acts.Freeze(UPPER, 1),), (), None)


def test_what_the_tables_are_is_read_after_the_freeze_where_it_is_not_known():
    step = step_of(replace(view_at(Stage.SWITCHING), copied=None))
    assert (step.job, step.keyspace) == (Job.DEFINITIONS, None)


GIVES_UP: dict[str, Lack] = {
    "an act failed": lambda v: replace(v, failure="freeze: no answer"),
    "it takes too long": lambda v: replace(v, stage_age=SWITCH_WITHIN + 0.1),
    "a person cancels": lambda v: replace(v, operations=(word(OperationType.CANCEL),)),
    "a source's primary changes": lambda v: with_shard(v, SOURCE, transition=CHANGING),
    "a target's primary changes": lambda v: with_shard(v, LOWER, transition=CHANGING),
    "another reign than compared": lambda v: with_status(v, verified=None),
    "no journal row": lambda v: with_seen(v, LOWER, journal=0),
    "another definition": lambda v: _copied(v, fingerprint="v2"),
}


@pytest.mark.parametrize("case", GIVES_UP)
@pytest.mark.parametrize(("stage", "undoing"), [(Stage.SWITCHING, Stage.UNDOING)])
def test_before_the_swap_every_failure_is_undone_at_once_and_says_so(case: str, stage: Stage, undoing: Stage):
    step = step_of(GIVES_UP[case](view_at(stage)))
    assert step.status is not None
    assert step.status.stage is undoing
    told = step.status.step(StepName.SWITCH_WRITES)
    assert told is not None
    assert told.evidence
    assert step.keyspace is None


def test_undoing_disarms_first_then_opens_then_says_so():
    view = with_keyspace(view_at(Stage.SWITCHING), reshard=ReshardClaim(workflow=NAME, armed=True))
    view = with_status(view, stage=Stage.UNDOING)
    step = step_of(view)
    assert step.keyspace is not None
    assert step.keyspace.reshard == ReshardClaim(workflow=NAME)
    view = with_keyspace(view, reshard=ReshardClaim(workflow=NAME))
    step = step_of(view)
    assert step.acts == (acts.Thaw(SOURCE, 1),)
    assert [one.access for one in step.accesses] == [None]
    view = with_seen(with_shard(view, SOURCE, access=None), SOURCE, writable=True)
    step = step_of(view)
    assert (step.job, [one.access for one in step.accesses]) == (Job.OUTDATE, [None])
    step = step_of(replace(view, jobs=frozenset({Job.OUTDATE})))
    assert step.status is not None
    assert (step.status.stage, step.status.cutovers) == (Stage.MOVING, 1)
    assert step.status.code == Code.CUTOVER_UNDONE.number


@pytest.mark.parametrize("stage", [Stage.SWITCHING, Stage.UNDOING])
def test_a_swap_that_has_landed_rolls_forward_whatever_the_stage_says(stage: Stage):
    view = with_keyspace(view_at(Stage.SWITCHING), routing=TARGETS)
    step = step_of(replace(with_status(view, stage=stage), stage_age=99.0, failure="it all failed"))
    assert step.status is not None
    assert step.status.stage is Stage.SWITCHED
    assert {one.access.mode for one in step.accesses if one.access} == {Access.OPEN}
    assert set(step.acts) == {acts.Open(LOWER, 1), acts.Open(UPPER, 1)}


# --- the way back ----------------------------------------------------------------------------------------


def test_the_channels_from_the_sources_are_closed_before_any_opens_towards_them():
    view = with_seen(view_at(Stage.SWITCHED), LOWER, channels={SOURCE: channel()})
    view = with_seen(view, SOURCE, channels={})
    assert step_of(view).acts == (acts.CloseChannel(LOWER, 1, SOURCE),)
    opened = step_of(with_seen(view, LOWER, channels={})).acts
    assert set(opened) == {acts.OpenChannel(SOURCE, 1, LOWER), acts.OpenChannel(SOURCE, 1, UPPER)}


def test_what_the_targets_held_at_the_swap_is_declared_on_the_sources_before_the_channels_open():
    claim = {"workflow": NAME, "held": [{"shard": LOWER, "gtids": f"{UUID}:1-120"}]}
    view = with_keyspace(view_at(Stage.SWITCHED), reshard=ReshardClaim.model_validate(claim))
    step = step_of(with_seen(view, SOURCE, channels={}))
    assert step.acts == (acts.DeclareForeign(SOURCE, 1, f"{UUID}:1-120"),)


PURGED = ChannelSeen(
    False,
    True,
    None,
    None,
    "Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate "
    "because the source purged required binary logs. ...'",
)


def test_a_channel_that_lacks_what_its_source_has_purged_is_not_tried_again_and_again():
    view = with_seen(view_at(), UPPER, channels={SOURCE: PURGED})
    step = step_of(view)
    assert step.status is not None
    assert (step.status.code, step.acts) == (Code.LOG_PURGED.number, ())
    assert f"{SOURCE} has purged what the channel to {UPPER} needs next" in step.status.message
    told = replace(view, reshard=view.reshard.model_copy(update={"status": step.status}))
    assert f"flyball workflow cancel {NAME}" in awaited(told)


def test_another_fatal_error_of_a_channel_is_tried_again():
    other = replace(PURGED, error="Got fatal error 1236 from source ...: 'A replica with the same server_uuid ...'")
    assert step_of(with_seen(view_at(), UPPER, channels={SOURCE: other})).name == "open the channels"


def test_a_way_back_whose_source_has_purged_its_log_is_told_as_lost_and_can_be_completed():
    view = with_seen(view_at(Stage.SWITCHED), SOURCE, channels={LOWER: PURGED, UPPER: channel()})
    step = step_of(view)
    assert step.status is not None
    assert step.status.code == Code.LOG_PURGED.number
    told = replace(view, reshard=view.reshard.model_copy(update={"status": step.status}))
    assert f"flyball workflow complete {NAME}" in awaited(told)
    (change,) = step_of(replace(told, operations=(word(OperationType.REVERSE),))).operations
    assert (change.status.outcome, change.status.code) == (Outcome.REFUSED, Code.NO_WAY_BACK.number)
    completing = step_of(replace(told, operations=(word(OperationType.COMPLETE),))).status
    assert completing is not None
    assert completing.stage is Stage.COMPLETING


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.RUNNING])
def test_where_two_targets_may_give_out_a_unique_value_alike_there_is_no_way_back(outcome: Outcome):
    """Channels apply rows idempotently: at the source one of the two would delete the other (rule 20)."""
    view = with_status(view_at(Stage.SWITCHED), cautions=("table orders: the unique key email ...",))
    view = replace(view, reshard=view.reshard.model_copy(update={"status": step_of(view).status}))
    assert "there is no way back: table orders: the unique key email" in awaited(view)
    (change,) = step_of(replace(view, operations=(word(OperationType.REVERSE, outcome),))).operations
    assert (change.status.outcome, change.status.code) == (Outcome.REFUSED, Code.NO_WAY_BACK.number)
    assert "email" in change.status.message


def test_a_target_that_is_closed_is_opened():
    assert step_of(with_seen(view_at(Stage.SWITCHED), LOWER, writable=False)).acts == (acts.Open(LOWER, 1),)


def test_it_keeps_the_way_back_until_a_person_says_more():
    view = view_at(Stage.SWITCHED)
    step = step_of(view)
    assert step.status is not None
    view = replace(view, reshard=view.reshard.model_copy(update={"status": step.status}))
    assert "complete or reverse" in awaited(view)
    assert "24h to pass" in awaited(with_spec(view, keep_for="24h"))


def test_it_completes_by_itself_when_the_way_back_was_kept_long_enough():
    view = with_spec(with_status(view_at(Stage.SWITCHED), switched="2026-01-01T10:59:00+00:00"), keep_for="1h")
    step = step_of(view)
    assert step.status is not None
    assert step.status.stage is Stage.COMPLETING


def test_rows_are_compared_before_a_reverse_too():
    view = replace(view_at(Stage.SWITCHED), operations=(word(OperationType.REVERSE, Outcome.RUNNING),))
    view = with_status(view, verified=None, steps=status(Stage.SWITCHED).steps)
    step = step_of(view)
    view = replace(view, reshard=view.reshard.model_copy(update={"status": step.status}))
    forward = WorkSeen(Work.DONE, terms=dict.fromkeys((SOURCE, LOWER, UPPER), 1))
    assert step_of(_copied(view, verify=forward)).job is Job.VERIFY_BACK


def test_a_reverse_swaps_back_and_opens_the_sources():
    view = with_seen(with_seen(view_at(Stage.SWITCHING_BACK), SOURCE, frozen=True), SOURCE, writable=False)
    step = step_of(view)
    assert step.keyspace is not None
    assert step.keyspace.routing == SOURCES
    step = step_of(with_keyspace(view, routing=SOURCES))
    assert step.status is not None
    assert step.status.stage is Stage.REVERSED
    assert step.acts == (acts.Open(SOURCE, 1),)


@pytest.mark.parametrize("stage", [Stage.SWITCHED, Stage.COMPLETING, Stage.MOVING, Stage.CANCELLING, Stage.REVERSED])
def test_where_stage_and_routing_contradict_each_other_nothing_is_touched(stage: Stage):
    """A record was restored: whoever is opened now could be the second one to take writes."""
    switched = stage in {Stage.SWITCHED, Stage.COMPLETING}
    view = with_keyspace(view_at(stage), routing=SOURCES if switched else TARGETS)
    assert "one of the records is an older one" in awaited(view)


# --- words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "kind", "code"),
    [
        (Stage.SWITCHED, OperationType.CANCEL, Code.TOO_LATE),
        (Stage.COMPLETING, OperationType.CANCEL, Code.TOO_LATE),
        (Stage.SWITCHED, OperationType.APPROVE, Code.TOO_LATE),
        (Stage.MOVING, OperationType.REVERSE, Code.NO_WAY_BACK),
        (Stage.SWITCHING, OperationType.REVERSE, Code.NO_WAY_BACK),
        (Stage.COMPLETING, OperationType.REVERSE, Code.NO_WAY_BACK),
        (Stage.MOVING, OperationType.COMPLETE, Code.BAD_USAGE),
        (Stage.SWITCHING_BACK, OperationType.COMPLETE, Code.TOO_LATE),
    ],
)
def test_a_word_that_comes_too_late_or_too_early_is_refused_at_once(stage: Stage, kind: OperationType, code: Code):
    step = step_of(replace(view_at(stage), operations=(word(kind),)))
    (change,) = step.operations
    assert (change.status.outcome, change.status.code) == (Outcome.REFUSED, code.number)
    assert (step.acts, step.status, step.keyspace) == ((), None, None)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.CANCELLED, Outcome.UNDONE, Outcome.REFUSED])
def test_after_the_end_the_claim_is_released_and_words_are_answered(outcome: Outcome):
    view = replace(with_status(view_at(), outcome=outcome), operations=(word(OperationType.CANCEL),))
    step = step_of(view)
    assert step.keyspace is not None
    assert step.keyspace.reshard is None
    (change,) = step_of(with_keyspace(view, reshard=None)).operations
    assert change.status.outcome is (Outcome.SUCCEEDED if outcome is Outcome.CANCELLED else Outcome.REFUSED)


def test_an_approval_counts_for_one_cutover():
    view = replace(with_spec(view_at(), approval=Approval.MANUAL), operations=(word(OperationType.APPROVE),))
    step = step_of(view)
    assert step.status is not None
    assert step.status.approved
    approved = replace(view, operations=(), reshard=view.reshard.model_copy(update={"status": step.status}))
    begun = step_of(approved).status
    assert begun is not None
    assert begun.stage is Stage.SWITCHING
    switched = step_of(with_keyspace(view_at(Stage.SWITCHING), routing=TARGETS)).status
    assert switched is not None
    assert not switched.approved
