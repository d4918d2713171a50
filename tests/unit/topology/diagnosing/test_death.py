"""When a primary counts as dead: it does not answer, twice and for a while, and nobody hears it (rule 14)."""

from dataclasses import replace

import pytest

from flyball_topology.diagnose import diagnose, primary_cannot_write, primary_is_dead
from flyball_topology.findings import Kind
from flyball_topology.view import Reach
from tests.unit.topology.views import NOW, dead, healthy, member, on_channel, restarted, seeing


def heard(view, name, ago):
    """The replica's receiver is on, and it heard the primary ``ago`` seconds before now."""
    return member(on_channel(view, name, receiver="ON"), name, heard_at=NOW - ago)


def kinds(view, name="m1"):
    return [finding.kind for finding in diagnose(view) if finding.member == name]


def test_a_healthy_shard_has_no_findings():
    assert diagnose(healthy()) == ()


@pytest.mark.parametrize("reach", [Reach.REFUSED, Reach.SILENT])
def test_it_is_dead_when_it_does_not_answer_and_nobody_hears_it(reach):
    view = dead(healthy(), "m1", reach)
    assert primary_is_dead(view)
    assert kinds(view) == [Kind.PRIMARY_DEAD]


def test_it_is_alive_while_one_replica_hears_it():
    view = heard(dead(healthy(), "m1", Reach.SILENT), "m3", ago=2.9)
    assert not primary_is_dead(view)
    assert kinds(view) == [Kind.PRIMARY_UNREACHABLE]


def test_a_receiver_that_says_on_and_heard_nothing_for_3_s_proves_nothing():
    """Seen after SIGSTOP."""
    assert primary_is_dead(heard(dead(healthy(), "m1", Reach.SILENT), "m3", ago=3.0))


def test_what_a_replica_heard_before_its_receiver_stopped_proves_nothing():
    view = member(dead(healthy(), "m1"), "m3", heard_at=NOW)
    assert primary_is_dead(view)


def test_a_replica_that_does_not_answer_hears_nobody():
    view = heard(dead(healthy(), "m1", Reach.SILENT), "m3", ago=0.5)
    assert primary_is_dead(dead(view, "m3", Reach.SILENT))


def test_a_replica_that_hears_somebody_else_says_nothing_about_the_primary():
    view = on_channel(heard(dead(healthy(), "m1", Reach.SILENT), "m3", ago=0.5), "m3", host="m2.test")
    assert primary_is_dead(view)


def test_one_missed_probe_is_no_death():
    assert not primary_is_dead(dead(healthy(), "m1", failures=1))


@pytest.mark.parametrize(("reach", "least"), [(Reach.REFUSED, 0.05), (Reach.SILENT, 2.0)])
def test_it_must_last(reach, least):
    assert not primary_is_dead(dead(healthy(), "m1", reach, since=NOW - least + 0.01))
    assert primary_is_dead(dead(healthy(), "m1", reach, since=NOW - least - 0.01))


@pytest.mark.parametrize("reach", [Reach.LOGIN, Reach.UNKNOWN])
def test_unknown_is_never_no(reach):
    """A member that refuses the login lives; one that was not asked yet may."""
    view = dead(healthy(), "m1", reach)
    assert not primary_is_dead(view)
    assert kinds(view) == [Kind.PRIMARY_UNREACHABLE]


def test_one_that_came_back_closed_is_closed_not_dead():
    assert kinds(restarted(healthy(), "m1")) == [Kind.PRIMARY_CLOSED]


def test_another_server_at_its_address_is_not_the_primary():
    assert kinds(seeing(healthy(), "m1", uuid="00000009-0000-4000-8000-000000000009")) == [Kind.PRIMARY_CLOSED]


def test_it_cannot_write_when_its_heartbeat_hangs_and_nothing_waits_for_acknowledgements():
    view = replace(healthy(), beat_hung=5.0)
    assert primary_cannot_write(view)
    assert not primary_cannot_write(seeing(view, "m1", waiting=1))
    assert not primary_cannot_write(replace(view, beat_hung=4.9))


def test_writes_that_nobody_acknowledges_are_found_and_who_does_not_hear_the_primary_is_named():
    """It lives, and everybody answers; without this the record would call the shard healthy."""
    view = seeing(replace(healthy(), beat_hung=3.0), "m1", waiting=1)
    assert kinds(view) == [Kind.WRITES_WAIT]
    view = member(view, "m3", heard_at=NOW - 3.5)
    assert [str(finding) for finding in diagnose(view)] == [
        "m1: the primary's writes wait, and nobody acknowledges them (not heard by m3)"
    ]
    assert kinds(replace(view, beat_hung=2.9)) == []
    assert kinds(seeing(view, "m1", waiting=0)) == []


def test_a_member_counts_as_away_after_30_s():
    assert Kind.MEMBER_AWAY not in kinds(dead(healthy(), "m3", since=NOW - 29), "m3")
    assert Kind.MEMBER_AWAY in kinds(dead(healthy(), "m3", since=NOW - 31), "m3")


def test_what_was_found_belongs_to_one_view_and_not_to_those_made_from_it():
    view = healthy()
    assert diagnose(view) == ()
    assert Kind.PRIMARY_DEAD in kinds(dead(view, "m1"))
    assert diagnose(view) is diagnose(view)
