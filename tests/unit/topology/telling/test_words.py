"""A person's words: pause, adopt, fence; and a record that is older than its members (rule 10)."""

import pytest

from flyball.errors import Code
from flyball.records.failover import Outcome
from flyball.records.shard import Diverged, Mode, Phase, Reign
from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.steps import Freeze
from tests.unit.topology.views import (
    acts,
    chosen,
    dead,
    emergency,
    empty,
    fenced,
    gtids,
    healthy,
    holding,
    on_channel,
    request,
    seeing,
    status_of,
    switching,
    transition_of,
    with_spec,
    with_status,
    word,
)


def operation_of(decision):
    change = chosen(decision).operation
    assert change is not None
    return change.status


# --- pause -----------------------------------------------------------------------------------------------------


def paused(view):
    return word(view, "pause", outcome=Outcome.RUNNING)


@pytest.mark.parametrize(
    "view",
    [dead(healthy(), "m1"), on_channel(healthy(), "m2", receiver="OFF"), empty()],
    ids=["dead", "stopped", "new"],
)
@pytest.mark.parametrize("pause", [paused, lambda view: with_spec(view, paused=True)], ids=["word", "spec"])
def test_a_paused_shard_is_never_touched(view, pause):
    assert decide(view).step is not None
    assert decide(pause(view)).step is None


def test_a_pause_is_acknowledged():
    assert operation_of(decide(word(healthy(), "pause"))).outcome is Outcome.RUNNING


def test_a_request_meanwhile_is_refused():
    change = chosen(decide(paused(request(healthy())))).failover
    assert change is not None
    assert (change.status.outcome, change.status.code) == (Outcome.REFUSED, Code.SHARD_PAUSED.number)


def test_a_change_in_flight_is_finished_first():
    """Halfway is no place to rest: the application may be held."""
    view = on_channel(paused(switching(healthy(), Phase.SWITCHING)), "m3", host="m2.test")
    assert acts(decide(view)) == (Freeze("m1", 1),)
    view = paused(emergency(dead(healthy(), "m1")))
    for name in ("m2", "m3"):
        view = fenced(view, name, 2)
    assert transition_of(decide(view)).phase is Phase.PROMOTING


# --- a record older than its members (rule 10) -----------------------------------------------------------------


OLDER = [
    lambda view: seeing(view, "m2", promise=5),
    lambda view: seeing(view, "m2", journal_term=5),
]


@pytest.mark.parametrize("older", OLDER, ids=["fence", "journal"])
@pytest.mark.parametrize(
    "view",
    [
        healthy(),
        dead(healthy(), "m1"),
        switching(healthy(), Phase.SWITCHING),
        emergency(dead(healthy(), "m1")),
        word(healthy(), "reseed", "m3"),
    ],
    ids=["healthy", "dead", "switching", "failing over", "reseed"],
)
def test_it_stops_every_act(older, view):
    decision = decide(older(view))
    assert decision.step is None or (not decision.step.acts and decision.step.status is None)
    if decision.step is None:
        assert any(Code.RECORD_OLDER_THAN_MEMBERS.number in text for text in decision.refused)


def test_a_request_is_refused_with_its_code():
    change = chosen(decide(OLDER[0](request(healthy())))).failover
    assert change is not None
    assert change.status.code == Code.RECORD_OLDER_THAN_MEMBERS.number


def lost():
    """The record was lost; the members are in their fifth term, and m2 reigns."""
    view = with_status(healthy(), issued=0, reign=Reign(), ackers=())
    view = fenced(view, "m1", 5)
    view = seeing(view, "m2", promise=5, opened=5, journal_term=5, channel=None)
    return holding(seeing(view, "m3", promise=5), "m3", gtids(m1="1-9"))


def test_a_person_adopts_what_the_members_know():
    status = status_of(decide(word(lost(), "adopt")))
    assert (status.issued, status.reign.term, status.reign.primary) == (5, 5, "m2")
    assert status.reign.base == str(gtids(m1="1-9"))
    assert status.ackers == ("m1", "m2", "m3")


def open_at(view, name, **changes):
    return seeing(view, name, super_read_only=False, read_only=False, offline=False, **changes)


def test_the_member_that_clients_write_to_goes_before_a_closed_one_that_holds_more():
    """What m3 holds besides is errant, and shows as such: clients' writes are on m2."""
    view = open_at(holding(lost(), "m3", gtids(m1="1-9", m3="1-2")), "m2")
    status = status_of(decide(word(view, "adopt")))
    assert (status.reign.primary, status.reign.term, status.reign.base) == ("m2", 5, str(gtids(m1="1-9")))
    errant = with_status(view, **{name: getattr(status, name) for name in ("issued", "reign", "ackers", "durability")})
    assert Kind.ERRANT_TRANSACTIONS in {finding.kind for finding in diagnose(errant) if finding.member == "m3"}


def test_an_open_member_that_another_has_reigned_after_is_not_the_one():
    """A former primary that nobody could fence: what it takes nobody acknowledges."""
    view = open_at(lost(), "m1", opened=3, reigned=3)
    assert status_of(decide(word(view, "adopt"))).reign.primary == "m2"


def test_where_somebody_has_promised_more_than_the_reign_the_next_term_begins():
    """Under the old one every act on that member would be refused, for ever."""
    view = open_at(seeing(lost(), "m3", promise=7), "m2")
    transition = transition_of(decide(word(view, "adopt")))
    assert (transition.mode, transition.phase, transition.term) == (Mode.EMERGENCY, Phase.ISSUED, 8)


def test_a_term_that_was_anothers_is_not_given_to_the_one_that_holds_everything():
    """The primary restarted, and a replica received what it had not: the members would call the record older again."""
    view = seeing(holding(lost(), "m3", gtids(m1="1-9", m2="1")), "m2", opened=0, reigned=5)
    status = status_of(decide(word(seeing(view, "m3", journal_term=5), "adopt")))
    assert (status.reign.primary, status.issued) == ("m3", 6)
    assert status.transition is not None
    adopted = with_status(view, **{name: getattr(status, name) for name in ("issued", "reign", "transition")})
    assert Kind.RECORD_OLDER_THAN_MEMBERS not in {finding.kind for finding in diagnose(adopted)}


def test_not_before_every_member_is_reached():
    assert operation_of(decide(word(dead(lost(), "m3"), "adopt"))).outcome is Outcome.REFUSED


def test_not_where_no_member_holds_everything():
    view = holding(holding(lost(), "m3", gtids(m1="1-9", m3="1")), "m1", gtids(m1="1-10"))
    assert operation_of(decide(word(view, "adopt"))).code == Code.LINE_INCOMPLETE.number


def test_not_where_there_is_nothing_to_adopt():
    assert operation_of(decide(word(healthy(), "adopt"))).outcome is Outcome.REFUSED


# --- fence -----------------------------------------------------------------------------------------------------


def test_a_primary_that_is_to_be_kept_out_hands_over_first():
    change = chosen(decide(word(healthy(), "fence", "m1"))).failover
    assert change is not None
    assert change.spec is not None
    assert change.spec.mode == "planned"


def test_a_stranger_is_refused():
    assert operation_of(decide(word(healthy(), "fence", "m9"))).code == Code.NO_SUCH_OBJECT.number


def test_one_that_has_diverged_is_not_adopted():
    """It holds everything by its GTIDs, and other rows under some of them."""
    view = holding(lost(), "m3", gtids(m1="1-9", m3="1"))
    assert status_of(decide(word(view, "adopt"))).reign.primary == "m3"
    view = with_status(view, diverged=(Diverged(name="m3", gtids=str(gtids(m3="1"))),))
    assert operation_of(decide(word(view, "adopt"))).code == Code.LINE_INCOMPLETE.number
