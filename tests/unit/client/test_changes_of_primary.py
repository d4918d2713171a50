"""How the client rides through a change of primary."""

import pytest

from flyball.client import Tuning
from flyball.client.connection import LostError, NotDoneError
from flyball.errors import Code, MemberError, RefusedError

WRITE = "INSERT INTO t VALUES (1)"


def test_while_a_candidate_is_prepared_writes_go_on(world, a_shard):
    client = world.client()
    world.write(a_shard(phase="Preparing", candidate="two"))
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE]
    assert world.members["two"].connects == 0


@pytest.mark.parametrize("phase", ["Switching", "Issued", "Promoting", "Cancelling"])
def test_writes_are_held_during_the_switch_and_go_to_whoever_reigns_then(world, a_shard, phase):
    client = world.client()
    client.execute("first")
    world.write(a_shard(phase=phase, candidate="two"))
    world.at(0.05, lambda: world.write(a_shard(primary="two", term=2)))
    client.execute(WRITE)
    assert world.members["one"].got == ["first"]
    assert world.members["two"].got == [WRITE]
    assert client.counters.held == 1


def test_the_connection_to_the_candidate_is_made_while_writes_are_held(world, a_shard):
    client = world.client()
    client.execute("first")
    world.write(a_shard(phase="Switching", candidate="two"))
    connects = []
    world.at(0.04, lambda: connects.append(world.members["two"].connects))
    world.at(0.05, lambda: world.write(a_shard(primary="two", term=2)))
    client.execute(WRITE)
    assert connects == [1]
    assert world.members["two"].connects == 1
    assert world.members["one"].closed == 1


@pytest.mark.parametrize("phase", ["Issued", "Promoting"])
def test_a_candidate_that_is_open_under_its_term_is_used_before_the_record_says_that_it_reigns(world, a_shard, phase):
    client = world.client()
    client.execute("first")
    world.write(a_shard(phase=phase, candidate="two"))
    world.at(0.05, lambda: setattr(world.members["two"], "open", True))
    client.execute(WRITE)
    assert world.members["two"].got == [WRITE]
    assert 0.05 <= world.now < 0.06
    world.write(a_shard(primary="two", term=2))
    client.execute(WRITE)
    assert world.members["two"].got == [WRITE, WRITE]
    assert world.members["two"].connects == 1


def test_before_its_term_is_issued_nothing_goes_to_a_candidate_however_open_it_looks(world, a_shard):
    client = world.client()
    world.write(a_shard(phase="Switching", candidate="two"))
    world.members["two"].open = True
    world.at(0.05, lambda: world.write(a_shard(primary="one", term=1)))
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE]
    assert world.members["two"].got == []


@pytest.mark.parametrize("refusal", [NotDoneError("offline"), MemberError(Code.MEMBER_LOGIN, "no account yet")])
def test_a_candidate_that_lets_nobody_in_yet_is_asked_again_later(world, a_shard, refusal):
    client = world.client()
    world.write(a_shard(phase="Promoting", mode="emergency", candidate="two"))
    world.members["two"].refuses = refusal

    def reigns():
        world.members["two"].refuses = None
        world.write(a_shard(primary="two", term=2))

    world.at(0.35, reigns)
    client.execute(WRITE)
    assert world.members["two"].got == [WRITE]
    assert world.members["two"].connects <= 6


def test_an_undone_switchover_goes_on_with_the_old_primary(world, a_shard):
    client = world.client()
    client.execute("first")
    world.write(a_shard(phase="Cancelling", candidate="two"))
    world.at(0.05, lambda: world.write(a_shard()))
    client.execute(WRITE)
    assert world.members["one"].got == ["first", WRITE]
    assert world.members["one"].connects == 1


def test_a_crash_is_ridden_through_to_the_new_primary(world, a_shard):
    client = world.client()
    client.execute("first")
    world.down("one")
    world.at(0.1, lambda: world.write(a_shard(term=1, phase="Issued", mode="emergency")))
    world.at(0.2, lambda: world.write(a_shard(term=1, phase="Promoting", mode="emergency", candidate="two")))
    world.at(0.3, lambda: world.write(a_shard(primary="two", term=2)))
    client.execute(WRITE)
    assert world.members["two"].got == [WRITE]
    assert (client.counters.unknown, client.counters.errors) == (0, 0)
    assert 0.3 <= world.now < 0.31


def test_holding_has_an_end(world, a_shard):
    client = world.client(tuning=Tuning(give_up_after=1.0))
    world.write(a_shard(phase="Switching", candidate="two"))
    with pytest.raises(RefusedError) as caught:
        client.execute(WRITE)
    assert caught.value.code is Code.TIMED_OUT
    assert "Switching" in caught.value.message
    assert world.members["one"].got == []


def test_a_shard_that_is_being_made_or_does_not_serve_holds(world, a_shard):
    client = world.client()
    world.write(a_shard(primary="", term=0))
    world.at(0.1, lambda: world.write(a_shard(serving=False)))
    world.at(0.2, lambda: world.write(a_shard()))
    client.execute(WRITE)
    assert 0.2 <= world.now < 0.21


def test_an_answer_is_waited_for_only_while_the_member_reigns(world, a_shard):
    client = world.client()
    asked = []

    def hang(abandoned):
        asked.append(abandoned())
        world.write(a_shard(primary="two", term=2))
        asked.append(abandoned())
        raise LostError("no answer")

    connection = world.connect
    world.members["one"].answers = []
    original = connection

    def connect(address, database):
        made = original(address, database)
        if address.member == "one":
            made.execute = lambda sql, args, abandoned: hang(abandoned)
        return made

    client._connect = connect
    client.execute(WRITE, idempotent=True)
    assert asked == [False, True]
    assert world.members["two"].got == [WRITE]


def test_findings_and_lag_change_nothing_for_a_client(world, a_shard):
    client = world.client()
    before = client.situation
    record = a_shard()
    world.write(record.model_copy(update={"status": record.status.model_copy(update={"findings": ("lag",)})}))
    assert client.situation == before
