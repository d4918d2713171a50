"""A record that was restored is noticed, also where it has issued a number again that members know (rule 10)."""

from dataclasses import replace

import pytest

from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from tests.unit.topology.views import (
    acts,
    chosen,
    emergency,
    healthy,
    promoting,
    restarted,
    seeing,
    status_of,
    uuid,
    with_status,
    word,
)


def contradicted(view):
    return [finding.member for finding in diagnose(view) if finding.kind is Kind.RECORD_OLDER_THAN_MEMBERS]


@pytest.mark.parametrize("shown", [{"opened": 2}, {"reigned": 2}, {"journal_term": 2}])
def test_a_term_that_nobody_was_appointed_to_yet_was_used_before(shown):
    view = seeing(emergency(healthy()), "m3", promise=2, **shown)
    assert contradicted(view) == ["m3"]
    assert decide(view).step is None


@pytest.mark.parametrize("shown", [{"opened": 2}, {"reigned": 2}])
def test_a_term_that_was_given_to_one_member_was_anothers(shown):
    view = seeing(promoting(healthy(), "m2"), "m3", promise=2, **shown)
    assert contradicted(view) == ["m3"]
    assert decide(view).step is None


def test_a_member_that_promised_another_issue_of_the_newest_term():
    """It reigned in nothing, and its journal shows no more than the record: only the name tells."""
    view = with_status(healthy(), reign=healthy().reign.model_copy(update={"issue": "y"}))
    assert contradicted(seeing(view, "m3", issue="y")) == []
    assert contradicted(seeing(view, "m3", issue="")) == []  # an act that did not tell it raised the promise
    assert contradicted(seeing(view, "m3", issue="x")) == ["m3"]
    assert decide(seeing(view, "m3", issue="x")).step is None


@pytest.mark.parametrize("view", [emergency(healthy()), promoting(healthy(), "m2")])
def test_a_member_that_promised_another_issue_of_a_term_that_nobody_reigned_under(view):
    transition = view.shard.status.transition.model_copy(update={"issue": "y"})
    view = with_status(view, transition=transition)
    assert contradicted(seeing(view, "m3", promise=2, issue="x")) == ["m3"]


def test_a_version_that_a_member_noted_is_above_the_records():
    """It was restored to before an ack set changed: who acknowledges now may not stand in it."""
    view = seeing(healthy(), "m3", noted=1)
    assert contradicted(view) == ["m3"]
    assert decide(view).step is None


def test_a_member_that_has_not_noted_the_version_yet_contradicts_nothing():
    view = with_status(healthy(), version=1)
    assert contradicted(view) == []
    assert {act.member for act in acts(decide(view))} <= {"m1", "m2", "m3"}


def test_a_reign_that_was_recorded_is_anothers():
    assert contradicted(seeing(healthy(), "m3", opened=1)) == ["m3"]


def test_the_candidate_itself_contradicts_nothing_nor_does_who_received_its_journal_row():
    view = seeing(promoting(healthy(), "m2"), "m2", promise=2, opened=2, reigned=2, journal_term=2)
    view = seeing(view, "m3", promise=2, journal_term=2)
    assert contradicted(view) == []
    assert chosen(decide(view)).status is not None


def test_a_former_primary_contradicts_nothing():
    assert contradicted(emergency(restarted(healthy(), "m1"))) == []


def noted(view, term, primary="m2"):
    """m3 has attached to a reign of ``primary`` under ``term``."""
    note = view.members["m3"].snapshot.note
    return seeing(view, "m3", note=replace(note, term=term, issue="x", primary=primary, uuid=uuid(primary)))


def test_a_reign_that_a_member_noted_is_none_of_this_record():
    """The record was restored to before term 2, and has spent more numbers since: the promise says nothing any more."""
    view = noted(seeing(emergency(healthy(), term=3), "m3", promise=3), 2)
    assert contradicted(view) == ["m3"]
    assert decide(view).step is None


def test_nor_is_one_of_the_same_number_that_another_had():
    reign = healthy().reign.model_copy(update={"term": 2})
    assert contradicted(noted(seeing(with_status(healthy(), reign=reign, issued=3), "m3", promise=3), 2)) == ["m3"]


def test_the_reigns_that_the_record_began_are_its_own():
    assert contradicted(noted(promoting(healthy(), "m2"), 2)) == []
    spent = promoting(healthy(), "m2").shard.status.transition.suspects
    assert contradicted(noted(emergency(healthy(), term=3, suspects=spent), 2)) == []
    past = with_status(healthy(), reign=healthy().reign.model_copy(update={"term": 3}), issued=3)
    assert contradicted(noted(past, 2)) == []


def test_a_candidate_that_was_lost_and_is_appointed_once_more_contradicts_nobody():
    """The record names it with its newest term; m3 attached to it under the one before."""
    again = promoting(healthy(), "m2", term=3)
    assert contradicted(noted(again, 2)) == []
    assert contradicted(noted(again, 2, primary="m1")) == ["m3"]


def test_what_a_person_has_adopted_contradicts_nothing():
    view = noted(seeing(emergency(healthy(), term=3), "m3", promise=3), 2)
    assert contradicted(with_status(view, adopted=2)) == []
    assert contradicted(with_status(view, adopted=1)) == ["m3"]


def test_a_person_adopts_what_members_noted_too():
    view = word(noted(seeing(emergency(healthy(), term=3), "m3", promise=3), 2), "adopt")
    assert status_of(decide(view)).adopted == 3
    assert contradicted(view.with_status(status_of(decide(view)))) == []
