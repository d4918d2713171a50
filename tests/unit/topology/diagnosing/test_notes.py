"""What members note of a reign (rule 7): which acts tell it, what it says, and what counts as none."""

import json
from dataclasses import replace

import pytest

from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball_topology import notes
from flyball_topology.attached import has_newest, is_attached
from flyball_topology.probe import snapshot
from flyball_topology.steps import Admit, CatchUp, Fence, Follow, Promote
from tests.unit.topology.diagnosing.test_probe import row
from tests.unit.topology.views import (
    LINE,
    attached,
    emergency,
    gtids,
    healthy,
    promoting,
    seeing,
    swapped,
    uuid,
    with_status,
)


def note_of(view, term):
    note = notes.of_term(view.shard, term)
    assert note is not None
    return note


def test_the_reign_is_noted_as_the_record_has_it():
    view = with_status(healthy(acks=2, members=4), version=7, ackers_next=("m1", "m2", "m3"))
    note = note_of(view, 1)
    assert (note.term, note.version, note.primary, note.uuid) == (1, 7, "m1", uuid("m1"))
    assert (note.durability.acks, note.ackers, note.ackers_next) == (2, ("m1", "m2", "m3", "m4"), ("m1", "m2", "m3"))
    assert note.serving


def test_while_a_durability_gives_way_to_another_both_are_noted():
    coming = DurabilitySpec(policy=DurabilityPolicy.CROSS_ZONE, acks=2)
    note = note_of(with_status(healthy(), version=7, durability_next=coming), 1)
    assert (note.durability, note.durability_next) == (DurabilitySpec(), coming)
    assert notes.parse(note.text()) == note


def test_a_note_of_before_durabilities_to_come_were_told_can_be_read():
    note = note_of(healthy(), 1)
    told = json.loads(note.text())
    assert told.pop("coming") is None
    assert notes.parse(json.dumps(told)) == note


def test_a_coming_reign_is_noted_with_the_line_that_it_begins_with():
    note = note_of(promoting(healthy()), 2)
    assert (note.primary, note.uuid, note.base, note.since) == ("m2", uuid("m2"), str(LINE), ())


def test_in_a_switchover_the_line_goes_on_since_the_old_primary_may_have_written_more():
    before = healthy().shard.status.reign.model_copy(update={"base": str(gtids(m9="1-4"))})
    note = note_of(with_status(swapped(healthy()), reign=before), 2)
    assert (note.primary, note.base, note.since) == ("m2", str(gtids(m9="1-4")), (uuid("m1"),))


@pytest.mark.parametrize(("view", "term"), [(healthy(), 2), (healthy(), 0), (emergency(healthy()), 2)])
def test_there_is_nothing_to_note_of_a_term_that_nobody_has(view, term):
    assert notes.of_term(view.shard, term) is None


def test_who_follows_the_primary_attaches_and_who_follows_another_does_not():
    shard = healthy().shard
    assert notes.written_by(shard, Follow("m2", 1, "m1")) == note_of(healthy(), 1)
    assert notes.written_by(shard, Follow("m3", 1, "m2")) is None
    assert notes.written_by(shard, CatchUp("m2", 1, "")) is not None
    assert notes.written_by(shard, Fence("m2", 1)) is None


def test_the_primary_notes_its_own_reign_when_it_opens_and_when_its_ack_set_changes():
    promote = Promote("m2", 2, str(LINE), 1, ("m2",), "emergency")
    assert notes.written_by(promoting(healthy()).shard, promote) == note_of(promoting(healthy()), 2)
    assert notes.written_by(healthy().shard, Admit("m1", 1, ("m1", "m2"))) is not None


def test_a_candidate_that_catches_up_has_not_begun_to_reign():
    assert notes.written_by(promoting(healthy()).shard, CatchUp("m2", 2, "")) is None


def test_a_note_is_read_as_it_was_written():
    note = note_of(with_status(healthy(zones=("a", "b", "c")), ackers_next=("m1",)), 1)
    assert notes.parse(note.text()) == note
    assert note.text().isascii()


def test_a_note_that_came_with_a_clone_is_none():
    text = note_of(healthy(), 1).text()
    assert snapshot(row(server_uuid="me", fence_uuid="me", fence_term="1", fence_note=text)).note is not None
    assert snapshot(row(server_uuid="me", fence_uuid="donor", fence_term="1", fence_note=text)).note is None


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", json.dumps({"term": 1})])
def test_what_cannot_be_read_is_none(text):
    assert notes.parse(text) is None


@pytest.mark.parametrize("coming", [[], ["semi-sync"], ["else", 1], ["semi-sync", 0], 7])
def test_a_note_with_a_durability_to_come_that_cannot_be_read_is_none(coming):
    told = json.loads(note_of(healthy(), 1).text())
    assert notes.parse(json.dumps({**told, "coming": coming})) is None


def test_who_promised_more_since_or_noted_another_issue_is_not_attached():
    view = healthy()
    assert is_attached(view, view.members["m2"], 1)
    promised = seeing(view, "m2", promise=2)
    assert not is_attached(promised, promised.members["m2"], 1)
    other = seeing(view, "m2", note=replace(note_of(view, 1), issue="another"))
    assert not is_attached(other, other.members["m2"], 1)


def test_what_was_noted_in_a_switchover_is_noted_again_once_the_reign_has_begun():
    view = attached(swapped(healthy()), "m3", 2)
    assert is_attached(view, view.members["m3"], 2)
    reign = view.shard.status.reign.model_copy(update={"term": 2, "primary": "m2", "uuid": uuid("m2")})
    begun = with_status(view, reign=reign, transition=None)
    assert not has_newest(begun, begun.members["m3"])
