"""What is sent again, and what is not."""

import pymysql
import pytest

from flyball.client import OutcomeUnknownError, Tuning
from flyball.client.connection import LostError, NotDoneError
from flyball.errors import Code, InputError, MemberError, RefusedError

WRITE = "INSERT INTO t VALUES (1)"


def test_a_statement_goes_to_the_primary_over_one_connection(world):
    client = world.client()
    assert client.execute(WRITE).affected == 1
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE, WRITE]
    assert world.members["one"].connects == 1
    assert world.members["two"].connects == 0
    assert (client.counters.statements, client.counters.retries, client.counters.reconnects) == (2, 0, 0)


def test_a_statement_whose_connection_breaks_is_not_sent_again(world):
    client = world.client()
    world.members["one"].answers = [LostError("reset")]
    with pytest.raises(OutcomeUnknownError) as caught:
        client.execute(WRITE)
    assert caught.value.code is Code.OUTCOME_UNKNOWN
    assert world.members["one"].got == []
    assert client.counters.unknown == 1
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE]
    assert world.members["one"].connects == 2


def test_an_idempotent_statement_is_sent_again(world):
    client = world.client()
    world.members["one"].answers = [LostError("reset")]
    client.execute(WRITE, idempotent=True)
    assert world.members["one"].got == [WRITE]
    assert (client.counters.retries, client.counters.unknown) == (1, 0)


def test_a_connection_that_broke_before_the_statement_was_sent_is_made_anew(world):
    client = world.client()
    client.execute(WRITE)
    world.members["one"].lost = True
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE, WRITE]
    assert world.members["one"].connects == 2
    assert client.counters.reconnects == 1


def test_a_refusal_that_did_nothing_is_tried_again_after_a_rest(world):
    client = world.client()
    world.members["one"].answers = [NotDoneError("read-only"), NotDoneError("read-only")]
    client.execute(WRITE)
    assert world.members["one"].got == [WRITE]
    assert client.counters.retries == 2
    assert world.slept >= 10


def test_a_change_of_the_record_ends_the_rest(world, a_shard):
    client = world.client(tuning=Tuning(first_rest=20.0))
    world.members["one"].answers = [NotDoneError("read-only")]
    world.at(0.01, lambda: world.write(a_shard(primary="two", term=2)))
    client.execute(WRITE)
    assert world.members["two"].got == [WRITE]
    assert world.now < 1


@pytest.mark.parametrize("error", [pymysql.err.IntegrityError(1062, "duplicate"), pymysql.OperationalError(1213, "")])
def test_what_the_server_answers_is_the_callers(world, error):
    client = world.client()
    world.members["one"].answers = [error]
    with pytest.raises(type(error)) as caught:
        client.execute(WRITE)
    assert caught.value is error
    assert (client.counters.errors, client.counters.retries) == (1, 0)


def test_a_refused_login_is_told_at_once(world):
    world.members["one"].refuses = MemberError(Code.MEMBER_LOGIN, "one: access denied")
    with pytest.raises(MemberError) as caught:
        world.client().execute(WRITE)
    assert caught.value.code is Code.MEMBER_LOGIN
    assert world.slept == 0


def test_waiting_has_an_end(world):
    world.down("one")
    with pytest.raises(RefusedError) as caught:
        world.client(tuning=Tuning(give_up_after=2.0)).execute(WRITE)
    assert caught.value.code is Code.TIMED_OUT
    assert "connection refused" in caught.value.message
    assert 2.0 <= world.now < 2.2
    assert world.members["one"].connects < 40


def test_a_shard_that_does_not_exist_is_refused(world):
    with pytest.raises(InputError) as caught:
        world.client().__class__(world.path, "other", None, user="app", password="p", ca="", connect=world.connect)
    assert caught.value.code is Code.NO_SUCH_OBJECT
