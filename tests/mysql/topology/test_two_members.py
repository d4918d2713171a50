"""Two members: each is the only one that can acknowledge the other's writes, whatever is wrong with it."""

import signal

import pytest

from flyball.gtid import GtidSet
from flyball.member.accounts import TOPOLOGY
from flyball.records.failover import Outcome
from flyball.records.operation import OperationType
from tests.mysql.topology.running import RunningShard


@pytest.fixture
def pair(mysql):
    """A healthy shard of two, watched by one service, with a writer at work."""
    shard = RunningShard(replicas=2)
    try:
        shard.bring_up()
        shard.ledger.start()
        shard.until("a first write", lambda: shard.ledger.acknowledged)
        yield shard
        shard.ledger.stop()
        shard.until_healthy()
        shard.check_ledger()
    finally:
        shard.ledger.stop()
        shard.end()


def test_a_former_primary_with_a_tail_acknowledges_first_and_is_reseeded_by_itself(pair):
    """Nobody lifts a hand. Its tail is told apart from a stranger's writes although it has followed since."""
    old, term = pair.primary, pair.term
    (replica,) = pair.replicas
    uuid = pair.probe(old)["server_uuid"]
    pair.service.send(signal.SIGSTOP)
    pair.sql(replica, f"CALL flyball.fence({term}, {pair.version}, '{pair.issue}')", user=TOPOLOGY)
    write = pair.begin_write(old, -61)
    pair.until("the write to wait", lambda: pair.waits_for_ack(old))
    pair.kill_for_good(old)
    assert write.answer(pair.until) != "OK"
    pair.service.send(signal.SIGCONT)
    pair.until(
        "the other one's appointment", lambda: (found := pair.record.status.transition) and found.candidate == replica
    )
    pair.start(old)
    pair.until("another reign", lambda: pair.term > term)
    assert pair.primary == replica
    pair.until_healthy()
    (reseed,) = pair.operations()
    assert (reseed.spec.type, reseed.spec.member) == (OperationType.RESEED, old)
    assert reseed.status.outcome is Outcome.SUCCEEDED
    assert GtidSet.parse(reseed.status.evidence).sids == {uuid}
    assert -61 not in pair.ledger_of(old) | pair.ledger_of(replica)
    before = len(pair.ledger.acknowledged)
    pair.until("writes to go on", lambda: len(pair.ledger.acknowledged) > before + 5)


def test_a_former_primary_whose_writes_were_all_received_settles_as_a_replica(pair):
    old = pair.primary
    assert pair.change_primary().status.outcome is Outcome.SUCCEEDED
    assert pair.primary != old
    pair.until_healthy()
    assert pair.probe(old)["reigned"] == 0
    assert not pair.operations()
