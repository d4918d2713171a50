"""A schedule of faults follows from its seed, holds every kind, and leaves a shard the rest that it takes anyway."""

from itertools import pairwise

import pytest

from flyball_local.chaos.faults import GRAVE_REST, TRAITS, Kind, Scope, schedule
from flyball_local.chaos.run import Happened, Result
from flyball_local.chaos.strikes import STRIKES
from flyball_local.trial.ledger import Entry, Ledger, Told

SHARDS = ("chaos-x-80", "chaos-80-x")
TEN_MINUTES = 600.0


def test_the_same_seed_gives_the_same_schedule_and_another_one_another():
    assert schedule(7, TEN_MINUTES, SHARDS) == schedule(7, TEN_MINUTES, SHARDS)
    assert schedule(7, TEN_MINUTES, SHARDS) != schedule(8, TEN_MINUTES, SHARDS)


@pytest.mark.parametrize("seed", range(20))
def test_ten_minutes_on_two_shards_hold_more_than_two_hundred_faults_and_all_have_ended_then(seed):
    faults = schedule(seed, TEN_MINUTES, SHARDS)
    assert len(faults) > 220
    assert max(fault.at + fault.lasts for fault in faults) <= TEN_MINUTES
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


@pytest.mark.parametrize("seed", range(20))
def test_a_shard_is_meant_to_lose_its_primary_once_in_each_rest(seed):
    faults = schedule(seed, TEN_MINUTES, SHARDS)
    for shard in SHARDS:
        grave = [fault for fault in faults if fault.shard == shard and TRAITS[fault.kind].scope is Scope.GRAVE]
        assert all(later.at - (former.at + former.lasts) >= GRAVE_REST for former, later in pairwise(grave))


@pytest.mark.parametrize("seed", range(20))
def test_ten_minutes_on_two_shards_hold_every_kind(seed):
    assert {fault.kind for fault in schedule(seed, TEN_MINUTES, SHARDS)} == set(Kind)


def test_every_kind_can_strike():
    assert set(Kind) == set(STRIKES) == set(TRAITS)


def entry(number: int, done: float, told: Told = Told.ACK) -> Entry:
    return Entry(number, told, done - 0.01, done)


def test_a_pause_counts_for_each_fault_that_was_in_effect():
    (one, *_) = [fault for fault in schedule(1, TEN_MINUTES, SHARDS) if fault.shard == SHARDS[0]]
    (shared, *_) = [fault for fault in schedule(1, TEN_MINUTES, SHARDS) if not fault.shard]
    result = Result(1, [Happened(one, "a", 10.0, 12.0), Happened(shared, "the store", 20.0, 21.0)])
    result.ledgers = {
        SHARDS[0]: Ledger((entry(1, 9.9), entry(2, 12.4), entry(3, 30.0))),
        SHARDS[1]: Ledger((entry(4, 1.0), entry(5, 30.0))),
    }
    assert result.pauses() == {one.kind: 2500.0, shared.kind: 29000.0}


def test_the_longest_pause_is_told_with_what_the_record_said_meanwhile():
    (one, *_) = [fault for fault in schedule(1, TEN_MINUTES, SHARDS) if fault.shard == SHARDS[0]]
    result = Result(1, [Happened(one, "a", 10.0, 12.0)])
    result.ledgers = {SHARDS[0]: Ledger((entry(1, 9.0), entry(2, 12.0), entry(3, 20.0, Told.UNKNOWN), entry(4, 32.0)))}
    for at, text in ((0.0, "all is well"), (15.0, "the primary to answer"), (17.0, "the rest"), (27.0, "the rest")):
        result.words.note(SHARDS[0], at, text)
    result.words.note(SHARDS[0], 30.5, "all is well")
    said = {"the rest": 13.5, "all is well": 4.5, "the primary to answer": 2.0}
    assert result.longest() == {SHARDS[0]: {"seconds": 20.0, "at": 2.0, "said": said}}
    assert Result(1, ledgers={SHARDS[0]: Ledger(())}).longest() == {}


def test_a_lost_write_a_shard_that_never_recovers_and_a_late_one_are_no_good_run():
    good = Result(1, recovered={SHARDS[0]: 12.0})
    assert good.is_good()
    assert not Result(1, recovered={SHARDS[0]: float("inf")}).is_good()
    assert not Result(1, recovered={SHARDS[0]: 31.0}).is_good()
    assert not Result(1, recovered={SHARDS[0]: 12.0}, lost={"chaos-x-80-1": (4,)}).is_good()
    assert Result(1, recovered={SHARDS[0]: float("inf")}).figures()["manual_steps"] == 1
