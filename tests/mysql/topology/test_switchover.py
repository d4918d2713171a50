"""A planned change of primary: it moves, or it is refused with a reason; nobody loses a write either way."""

import pymysql
import pytest

from flyball.errors import Code
from flyball.records.failover import Outcome
from flyball.records.shard import LagClass, Role


def test_somebody_fit_takes_over_and_the_old_primary_follows(shard):
    old, term = shard.primary, shard.term
    done = shard.change_primary(reason="a trial")
    assert done.status.outcome is Outcome.SUCCEEDED
    assert (done.status.from_primary, done.status.to_primary, done.status.term) == (old, shard.primary, shard.term)
    assert (shard.primary != old, shard.term) == (True, term + 1)
    assert [step.state for step in done.status.steps] == ["Done"] * len(done.status.steps)
    shard.until_healthy()
    assert shard.member_status(old).role is Role.REPLICA


def test_the_member_that_is_named_takes_over(shard):
    for wanted in shard.replicas:
        done = shard.change_primary(to=wanted)
        assert done.status.outcome is Outcome.SUCCEEDED, done.status.message
        assert shard.primary == wanted
        shard.until_healthy()


def test_no_write_fails_for_a_switchover(shard):
    before = len(shard.ledger.refused), len(shard.ledger.unknown)
    assert shard.change_primary().status.outcome is Outcome.SUCCEEDED
    seen = len(shard.ledger.acknowledged)
    shard.until("writes under the new term", lambda: len(shard.ledger.acknowledged) > seen + 5)
    assert (len(shard.ledger.refused), len(shard.ledger.unknown)) == before


def refused(shard, to: str, code: Code) -> str:
    """The message that a switchover to that member is refused with; the primary reigns on."""
    reign = shard.record.status.reign
    done = shard.change_primary(to=to)
    assert (done.status.outcome, done.status.code) == (Outcome.REFUSED, code.number)
    assert shard.record.status.reign == reign
    return done.status.message


def test_a_member_that_does_not_exist_is_refused(shard):
    assert "nobody" in refused(shard, "nobody", Code.NO_SUCH_OBJECT)


def test_the_primary_itself_is_refused(shard):
    assert "already" in refused(shard, shard.primary, Code.CANDIDATE_UNFIT)


def test_a_member_that_does_not_answer_is_refused(shard):
    candidate = shard.replicas[0]
    shard.hang(candidate)
    shard.until("the silence to be seen", lambda: shard.member_status(candidate).role is Role.UNREACHABLE)
    assert "not reachable" in refused(shard, candidate, Code.CANDIDATE_UNFIT)


def test_a_member_that_lags_is_refused(shard):
    candidate = shard.replicas[0]
    with shard.connect(candidate, database="commerce") as reader, reader.cursor() as cursor:
        cursor.execute("LOCK TABLES ledger READ")  # the applier waits for it
        shard.until("the lag to be seen", lambda: shard.member_status(candidate).lag is LagClass.OVER_1S)
        assert "lags" in refused(shard, candidate, Code.CANDIDATE_UNFIT)


def test_while_paused_it_is_refused(shard):
    word = shard.say("pause")
    assert "paused" in refused(shard, shard.replicas[0], Code.SHARD_PAUSED)
    shard.unsay(word)


def test_a_candidate_that_is_lost_in_the_middle_leaves_the_old_primary_serving(shard):
    """It hangs as soon as it is chosen: before the new term is issued everything is undone, after it another reigns."""
    candidate = shard.replicas[0]
    name = shard.ask(to=candidate)
    shard.until("the switchover to begin", lambda: shard.record.status.transition or shard.term > 1)
    shard.hang(candidate)
    done = shard.answer(name)
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    assert done.status.outcome in {Outcome.UNDONE, Outcome.SUCCEEDED, Outcome.REFUSED}
    shard.resume(candidate)


def test_a_commit_that_waits_bounds_the_freeze_and_the_primary_serves_on(shard):
    """Rule 9: a statement that runs on holds up ``super_read_only``; after its limit the switchover is undone."""
    primary, reign = shard.primary, shard.record.status.reign
    with shard.connect(primary, database="commerce") as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLES ledger WRITE")
        writer = shard.connect(primary, database="commerce", read_timeout=1)
        with pytest.raises(pymysql.OperationalError), writer.cursor() as waiting:
            waiting.execute("INSERT INTO ledger VALUES (-7)")  # waits for the table, as a long statement would
        done = shard.change_primary()
        cursor.execute("UNLOCK TABLES")
    assert done.status.outcome is Outcome.UNDONE
    assert shard.record.status.reign == reign
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    assert shard.probe(primary)["super_read_only"] == 0
