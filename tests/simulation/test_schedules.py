"""The smallest schedules of what seeds have found, each by its name."""

import pytest

from flyball.records.keyspace import DurabilityPolicy
from tests.simulation.drawing import Plan
from tests.simulation.faults import Fault
from tests.simulation.run import simulate
from tests.simulation.schedules import SHARD, SHOW
from tests.simulation.world import Setting


def test_one_that_is_needed_by_those_who_stay_is_not_cut_off_while_another_leaves() -> None:
    """Across zones: x1 leaves the ack set, so x2 alone is in another zone than the primary, and it is errant."""
    split = Fault(0.7, "split", "x1+x2+clients", seconds=1.0)
    setting = Setting(members=4, policy=DurabilityPolicy.CROSS_ZONE)
    verdict = simulate(Plan("5104", setting, (split, Fault(0.7, "failover", SHARD))))
    assert verdict.is_good, verdict.violations


def test_a_promotion_that_comes_late_opens_one_whom_nobody_acknowledges() -> None:
    """It was revoked while it was cut off: it is open until it is fenced, and no client hears ok from it."""
    requests = (Fault(0.5, "switchover", SHARD, "x2"), Fault(2.3, "switchover", SHARD))
    cuts = (Fault(2.3025, "split", "x1+x4+clients", "in", 5.0), Fault(2.4, "isolated", "t1", seconds=4.251))
    verdict = simulate(Plan("5140", Setting(members=4, acks=2), (*requests, *cuts)))
    assert verdict.is_good, verdict.violations


def test_one_that_is_needed_is_not_cut_off_while_another_is_made_anew() -> None:
    """Two must acknowledge: x4 is away, x3 is being cloned, and x2 is errant. The clone waits for the commits."""
    away = Fault(0.5011, "kill", "x4", seconds=5.924)
    schedule = (Fault(0.5, "reseed", "x3"), away, Fault(1.7794, "errant", "x2"))
    verdict = simulate(Plan("3181", Setting(members=4, acks=2), schedule))
    assert verdict.is_good, verdict.violations


@pytest.mark.parametrize("plan", dict.fromkeys(SHOW.values()), ids=lambda plan: plan.seed)
def test_what_a_rule_is_there_for_comes_to_a_good_end(plan: Plan) -> None:
    verdict = simulate(plan)
    assert verdict.is_good, verdict.violations


def test_a_member_that_lacks_purged_housekeeping_alone_is_made_anew() -> None:
    schedule = (Fault(0.5, "switchover", SHARD, "x3"), Fault(0.54, "purge", "x3"))
    verdict = simulate(Plan("103064", Setting(shards=2), schedule))
    assert verdict.is_good, verdict.violations


def test_two_tails_that_nobody_acknowledged_hold_up_nobody() -> None:
    """Of two members each was opened while the other was away, wrote, and was lost: neither has the other's tail."""
    requests = (Fault(0.5, "switchover", SHARD, "x2"), Fault(1.36, "switchover", SHARD))
    stalled = Fault(1.37, "stall", "x1", seconds=0.098)
    lost = (Fault(2, "kill", "x1", seconds=0.1), Fault(3, "split", "x1+x2+t1+clients", "out", seconds=5.0))
    verdict = simulate(Plan("679", Setting(members=2), (*requests, stalled, *lost)))
    assert verdict.is_good, verdict.violations


def test_a_former_primary_that_comes_back_open_is_closed_before_it_is_made_anew() -> None:
    """Nobody was asked to revoke it: durability none. The clone that is wanted of it refuses while it takes writes."""
    killed = Fault(0, "kill_service", "t1", seconds=0.1, effect=3)
    schedule = (Fault(0.5, "reseed", "x1"), killed, Fault(3, "stall", "x1", seconds=5.0))
    setting = Setting(policy=DurabilityPolicy.NONE, replicas=1)
    verdict = simulate(Plan("200569", setting, schedule))
    assert verdict.is_good, verdict.violations


def test_one_that_could_never_connect_is_not_waited_for() -> None:
    """x2 has purged what x1 lacks, and takes over: x3, back with a tail, alone can acknowledge its first write."""
    requests = (Fault(0.5, "switchover", SHARD), Fault(0.53, "stall", "x1", seconds=0.808))
    schedule = (*requests, Fault(1, "stall", "x3", seconds=5.0), Fault(1, "purge", "x2"))
    verdict = simulate(Plan("3735", Setting(), schedule))
    assert verdict.is_good, verdict.violations


def test_one_that_another_durability_waits_for_is_made_anew() -> None:
    """x4 comes back with a tail while another durability is put in force, under which its word must not count yet."""
    declared = Fault(2, "durability", SHARD, "semi-sync:1")
    schedule = (Fault(0.5, "switchover", SHARD), Fault(2, "stall", "x4", seconds=3.929), declared)
    setting = Setting(members=4, policy=DurabilityPolicy.CROSS_ZONE, replicas=1)
    verdict = simulate(Plan("9778", setting, schedule))
    assert verdict.is_good, verdict.violations
