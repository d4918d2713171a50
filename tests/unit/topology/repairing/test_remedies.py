"""Each finding has its remedy, a remedy that does not help is paced, and one bad member holds nobody else back."""

from dataclasses import replace

import pytest

from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball.records.keyspace import ErrantPolicy, RepairSpec
from flyball.records.operation import OperationType
from flyball.records.shard import Intent, Reseeding
from flyball_topology.decide import decide
from flyball_topology.steps import Admit, Declare, Fence, Follow, ForgetSource, Isolate, Provision, Settle
from flyball_topology.view import Tried
from tests.unit.topology.views import (
    NOW,
    acts,
    channel_to,
    chosen,
    dead,
    declared,
    earlier,
    gtids,
    healthy,
    holding,
    on_channel,
    seeing,
    status_of,
    uuid,
    with_spec,
    with_status,
    word,
)
from tests.unit.topology.views import attached as noting


def test_a_healthy_shard_is_left_alone():
    decision = decide(healthy())
    assert decision.step is None
    assert decision.why == "the shard is as it should be"


def forgetful(view):
    """m2 remembers no promise, cannot leave, and does not count."""
    view = with_status(view, reseeding=(Reseeding(name="m2", counts_from=1),), version=1)
    view = seeing(view, "m1", noted=1)
    return seeing(dead(view, "m3"), "m2", promise=None)


@pytest.mark.parametrize(
    ("change", "act"),
    [
        (lambda v: seeing(v, "m2", super_read_only=False, read_only=False), Fence("m2", 1)),
        (forgetful, Fence("m2", 1)),
        (lambda v: on_channel(v, "m2", host="m3.test"), Follow("m2", 1, "m1")),
        (lambda v: seeing(v, "m2", channel=None), Follow("m2", 1, "m1")),
        (lambda v: on_channel(v, "m2", receiver="OFF"), Follow("m2", 1, "m1")),
        (lambda v: on_channel(v, "m2", applier_on=False), Follow("m2", 1, "m1")),
        (lambda v: on_channel(v, "m2", applier_errno=1032, applier_on=False), Follow("m2", 1, "m1")),
        (lambda v: seeing(v, "m2", semi_sync_replica=False), Follow("m2", 1, "m1")),
        (lambda v: seeing(v, "m2", offline=True), Follow("m2", 1, "m1")),
        (lambda v: seeing(v, "m1", databases=frozenset()), Provision("m1", 1, "commerce", (), ("m1", "m2", "m3"))),
        (lambda v: seeing(v, "m1", channel=channel_to("m3")), ForgetSource("m1", 1)),
        (lambda v: holding(v, "m2", gtids(m1="1-9", m2="1")), Isolate("m2", 1)),
        (lambda v: word(v, "fence", "m2", outcome="Running"), Isolate("m2", 1)),
    ],
    ids=[
        "writable", "no promise", "wrong source", "no source", "receiver off", "applier off", "applier failed",
        "acknowledges nothing", "closed", "lacks the database", "primary with a source", "errant", "kept out",
    ],
)  # fmt: skip
def test_a_finding_is_answered_by_its_remedy(change, act):
    assert acts(decide(change(healthy()))) == (act,)


def test_every_act_carries_the_term_that_reigns():
    """Rule 4."""
    view = healthy()
    view = with_status(view, issued=4, reign=view.shard.status.reign.model_copy(update={"term": 4}))
    view = on_channel(seeing(view, "m1", opened=4, promise=4, journal_term=4), "m2", receiver="OFF")
    assert [act.term for act in acts(decide(view))] == [4]


def test_across_zones_only_other_zones_acknowledge():
    """Rule 15: the flag acts at the receiver's restart, which a follow brings."""
    view = healthy(4, zones=("a", "a", "b", "c"))
    assert decide(view).step is None
    assert acts(decide(seeing(view, "m2", semi_sync_replica=True))) == (Follow("m2", 1, "m1", acks=False),)
    assert acts(decide(seeing(view, "m3", semi_sync_replica=False))) == (Follow("m3", 1, "m1", acks=True),)


def former_primary(rows):
    """m2 reigns; m1 is back with ``rows`` of housekeeping that m2 lacks."""
    view = healthy()
    reign = view.shard.status.reign.model_copy(
        update={"term": 2, "primary": "m2", "uuid": uuid("m2"), "base": str(gtids(m1="1-9")), "past": (uuid("m1"),)}
    )
    primary = view.members["m1"].snapshot
    view = seeing(with_status(view, issued=2, reign=reign), "m2", super_read_only=False, read_only=False, opened=2,
                  promise=2, journal_term=2, channel=None, semi_sync_source=True, accounts=primary.accounts,
                  databases=primary.databases)  # fmt: skip
    view = noting(noting(on_channel(view, "m3", host="m2.test"), "m2", 2), "m3", 2)
    return seeing(view, "m1", super_read_only=True, read_only=True, opened=0, offline=True, accounts=None,
                  executed=gtids(m1=f"1-9:flyball:{rows}"))  # fmt: skip


def test_housekeeping_that_nobody_else_has_is_declared_on_the_primary():
    """Rule 13: the member is attached instead of cloned."""
    expected = (str(gtids(m1="flyball:2")), str(gtids(m1="flyball:3")))
    assert acts(decide(former_primary("2-3"))) == (Declare("m2", 2, expected),)


def test_a_former_primary_whose_set_is_contained_is_attached():
    view = seeing(former_primary("2-3"), "m2", executed=gtids(m1="1-9:flyball:1-3"))
    assert acts(decide(view)) == (Follow("m1", 2, "m2"),)


def attached(rows="1"):
    """m1, which reigned before, follows m2 by now."""
    view = seeing(former_primary(rows), "m2", executed=gtids(m1="1-9:flyball:1"))
    return noting(seeing(view, "m1", offline=False, channel=channel_to("m2", gtids(m1="1-9"))), "m1", 2)


def test_a_former_primary_that_follows_settles_once_everything_of_its_own_is_on_the_line():
    assert acts(decide(attached())) == (Settle("m1", 2),)
    assert not {type(act) for act in acts(decide(attached("1-2")))} & {Settle}


def test_a_former_primary_that_follows_with_its_tail_is_reseeded_by_itself():
    """It was let follow because nobody else could acknowledge the new primary's first write."""
    assert asked(decide(seeing(attached(), "m1", executed=gtids(m1="1-11:flyball:1"))))


def test_the_primarys_housekeeping_on_its_way_to_a_former_primary_is_not_errant():
    """The two are probed a moment apart."""
    view = seeing(attached(), "m1", executed=GtidSet.parse(f"{gtids(m1='1-9:flyball:1')},{gtids(m2='flyball:1-4')}"))
    assert acts(decide(view)) == (Settle("m1", 2),)


def asked(decision):
    change = chosen(decision).operation
    return change is not None and change.spec is not None and change.spec.type is OperationType.RESEED


def test_a_former_primarys_tail_is_reseeded_by_itself():
    assert asked(decide(seeing(former_primary("1"), "m1", executed=gtids(m1="1-11"))))


def test_a_member_that_lacks_what_was_purged_is_reseeded():
    assert asked(decide(seeing(holding(healthy(), "m2", gtids(m1="1-3")), "m1", purged=gtids(m1="1-5"))))


def test_one_that_was_probed_just_before_both_were_told_of_foreign_transactions_is_not():
    """A reshard declares them to the replicas first, then to the primary (rule 21)."""
    view = seeing(holding(healthy(), "m2", gtids(m1="1-5")), "m1", purged=gtids(m1="1-3", m9="1-4"))
    assert decide(earlier(view, "m1", purged=gtids(m1="1-3"))).step is None
    assert asked(decide(earlier(view, "m1")))


def test_purged_housekeeping_is_no_reason_where_it_may_be_on_its_way():
    assert decide(seeing(healthy(), "m1", purged=gtids(m1="flyball:1-5"))).step is None


def test_it_is_where_the_member_is_not_connected():
    view = on_channel(healthy(), "m2", receiver="OFF", receiver_errno=13114)
    assert asked(decide(seeing(view, "m1", purged=gtids(m1="flyball:1-5"))))


def isolated():
    return on_channel(seeing(holding(healthy(), "m2", gtids(m1="1-9", m2="1")), "m2", offline=True), "m2",
                      receiver="OFF", applier_on=False)  # fmt: skip


def test_an_errant_member_waits_isolated_for_a_person():
    decision = decide(isolated())
    assert decision.step is None
    assert "flyball reseed m2" in decision.awaited[0]


def test_or_is_reseeded_where_that_was_declared():
    assert asked(decide(with_spec(isolated(), repair=RepairSpec(errant=ErrantPolicy.RESEED))))


def test_only_one_reseed_is_asked_for():
    asked = with_spec(isolated(), repair=RepairSpec(errant=ErrantPolicy.RESEED))
    change = chosen(decide(word(asked, "reseed", "m2", phase="Joining", outcome="Running"))).operation
    assert change is not None
    assert (change.name, change.spec) == ("reseed", None)


# --- pacing --------------------------------------------------------------------------------------------------


def broken():
    return on_channel(healthy(), "m2", receiver="OFF", receiver_errno=13114)


def tried(times, ago, key="REPLICATION_FAILED m2"):
    return replace(broken(), tried={key: Tried(times, NOW - ago)})


def test_a_step_says_which_finding_it_is_for():
    assert chosen(decide(broken())).remedies == "REPLICATION_FAILED m2"


@pytest.mark.parametrize(("times", "rest"), [(1, 0.5), (2, 1.0), (5, 8.0)])
def test_the_rest_doubles(times, rest):
    assert decide(tried(times, rest - 0.01)).step is None
    assert acts(decide(tried(times, rest + 0.01)))


def test_the_rest_has_an_end():
    key = "REPLICATION_STOPPED m2"
    view = on_channel(healthy(), "m2", receiver="OFF")
    assert decide(replace(view, tried={key: Tried(30, NOW - 59)})).step is None
    assert acts(decide(replace(view, tried={key: Tried(30, NOW - 61)})))


def test_after_six_tries_a_person_is_asked():
    decision = decide(tried(6, 9999))
    assert decision.step is None
    assert "a person (flyball reseed m2)" in decision.awaited[0]


def test_one_bad_member_never_holds_the_others_back():
    view = on_channel(tried(6, 1), "m3", receiver="OFF")
    assert acts(decide(view)) == (Follow("m3", 1, "m1"),)


# --- leaving -------------------------------------------------------------------------------------------------


def test_a_replica_that_leaves_leaves_the_ack_set():
    assert status_of(decide(declared(healthy(), "m3", intent=Intent.LEAVE))).ackers_next == ("m1", "m2")


def test_a_primary_that_leaves_asks_for_a_switchover():
    change = chosen(decide(declared(healthy(), "m1", intent=Intent.LEAVE))).failover
    assert change is not None
    assert change.spec is not None
    assert change.spec.mode == "planned"


def test_a_member_that_is_not_declared_any_more_leaves_the_ack_set():
    assert status_of(decide(with_status(healthy(), ackers=("m1", "m2", "m3", "m9")))).ackers_next == ("m1", "m2", "m3")


def test_the_accounts_follow_the_record():
    accounts = {replica_account(name): name == "m3" for name in ("m1", "m2", "m3")}
    assert acts(decide(seeing(healthy(), "m1", accounts=accounts))) == (Admit("m1", 1, ("m1", "m2", "m3")),)


def test_nothing_is_repaired_while_the_primary_is_in_doubt():
    view = on_channel(dead(healthy(), "m1", failures=1), "m2", receiver="OFF")
    assert decide(view).step is None
