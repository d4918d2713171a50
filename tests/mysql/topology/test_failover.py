"""An unplanned change of primary: when, to whom, when not; and what becomes of the old one."""

import signal

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.member.accounts import ENGINE, TOPOLOGY
from flyball.records.failover import Outcome
from flyball.records.operation import OperationType
from flyball.records.shard import Role
from tests.mysql.topology.running import DATABASE


def emergency(shard):
    """The only emergency failover so far."""
    (found,) = (failover for failover in shard.failovers() if failover.spec.mode == "emergency")
    return found


def reseed_of(shard, member):
    """The reseed of the member, or None."""
    return next(
        (o for o in shard.operations() if o.spec.type is OperationType.RESEED and o.spec.member == member), None
    )


def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(shard):
    old, term = shard.primary, shard.term
    shard.kill(old)
    shard.until("another reign", lambda: shard.term > term)
    assert shard.primary != old
    shard.until_healthy()
    done = emergency(shard)
    assert (done.status.outcome, done.status.from_primary) == (Outcome.SUCCEEDED, old)
    assert "dead" in done.spec.reason
    assert shard.member_status(old).role is Role.REPLICA


def test_a_hung_primary_is_replaced_and_returns_as_a_replica(shard):
    old, term = shard.primary, shard.term
    shard.hang(old)
    shard.until("another reign", lambda: shard.term > term)
    assert shard.primary != old
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.resume(old)
    shard.until_healthy()
    assert shard.probe(old)["opened"] == 0


def leave_a_write_waiting(shard, number: int):
    """Cut the replicas off behind the service's back, and return a write that waits on the primary for nobody."""
    primary, term = shard.primary, shard.term
    shard.service.send(signal.SIGSTOP)
    for replica in shard.replicas:
        shard.sql(replica, f"CALL flyball.fence({term}, {shard.version}, '{shard.issue}')", user="flyball_topology")
    write = shard.begin_write(primary, number)
    shard.until("the write to wait", lambda: shard.waits_for_ack(primary))
    assert write.said is None
    return write


def test_the_client_of_a_hung_primary_is_cut_off_when_it_wakes(shard):
    """And what it wrote alone is given up, with the evidence, by a reseed."""
    old, term = shard.primary, shard.term
    uuid = shard.probe(old)["server_uuid"]
    write = leave_a_write_waiting(shard, -11)
    shard.hang(old)
    shard.service.send(signal.SIGCONT)
    shard.until("another reign", lambda: shard.term > term)
    assert write.said is None
    shard.resume(old)
    assert write.answer(shard.until) != "OK"
    shard.until_healthy()
    assert -11 not in shard.ledger_of(shard.primary)
    reseed = reseed_of(shard, old)
    assert reseed.status.outcome is Outcome.SUCCEEDED
    assert GtidSet.parse(reseed.status.evidence).sids == {uuid}
    assert shard.probe(old)["server_uuid"] != uuid  # CLONE made another server of it


def test_a_killed_primary_that_comes_back_with_an_unacknowledged_write_is_reseeded(shard):
    old, term = shard.primary, shard.term
    write = leave_a_write_waiting(shard, -12)
    shard.kill(old)
    shard.service.send(signal.SIGCONT)
    assert write.answer(shard.until) != "OK"
    shard.until("another reign", lambda: shard.term > term)
    shard.until_healthy()
    assert -12 not in shard.ledger_of(shard.primary)
    assert reseed_of(shard, old).status.outcome is Outcome.SUCCEEDED
    assert reseed_of(shard, old).status.evidence


def test_without_a_quorum_nobody_is_promoted_until_a_member_returns(shard):
    old, term = shard.primary, shard.term
    gone, left = shard.replicas
    shard.kill_for_good(gone)
    shard.kill_for_good(old)
    decision = shard.until(
        "the refusal",
        lambda: next(
            (d for d in [shard.record.status.decision] if any(Code.NOT_REVOKED.number in r for r in d.refused)), None
        ),
    )
    assert any(gone in awaited and old in awaited for awaited in decision.awaited)
    refused = shard.change_primary("emergency")
    assert (refused.status.outcome, refused.status.code) == (Outcome.REFUSED, Code.NOT_REVOKED.number)
    assert gone in refused.status.message
    assert (shard.term, shard.record.status.issued) == (term, term)
    shard.start(gone)
    shard.until("another reign", lambda: shard.term > term)
    assert shard.primary in {gone, left}
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.start(old)
    shard.until_healthy()


def test_all_killed_at_once_come_back_without_loss(shard):
    term = shard.term
    for name in shard.names:
        shard.kill(name)
    shard.until("another reign", lambda: shard.term > term)
    shard.until_healthy()


def test_all_killed_at_once_in_a_failover_come_back_without_loss(shard):
    term = shard.term
    shard.kill(shard.primary)
    shard.until("a term to be issued", lambda: shard.record.status.issued > term)
    for name in shard.names:
        shard.kill_if_it_runs(name)
    shard.until("another reign", lambda: shard.term > term)
    shard.until_healthy()


def test_a_replica_that_applies_a_long_statement_does_not_hold_up_a_failover(shard):
    """Raising the fence must not wait for what the applier does."""
    old, term = shard.primary, shard.term
    slow = shard.replicas[0]
    with shard.connect(slow, database="commerce") as reader, reader.cursor() as cursor:
        cursor.execute("LOCK TABLES ledger READ")
        shard.until("the applier to wait", lambda: not shard.backlog(slow).is_empty)
        shard.kill_for_good(old)
        shard.until("another reign", lambda: shard.term > term, limit=30)
        assert shard.primary not in {old, slow}
    shard.start(old)
    shard.until_healthy()


def test_an_accepted_loss_is_named_and_what_may_hold_it_is_kept_until_released(shard):
    """The ones who hold acknowledged writes are gone; a person gives these writes up, and then lets the rest return."""
    old, term = shard.primary, shard.term
    witness, left = shard.replicas
    shard.kill_for_good(left)
    before = len(shard.ledger.acknowledged)
    shard.until("writes that the other one acknowledges", lambda: len(shard.ledger.acknowledged) > before + 50)
    shard.ledger.stop()
    seen = shard.probe(old)
    shard.until("two more looks of the service", lambda: shard.probe(old)["beat"] > seen["beat"] + 1)
    shard.kill_for_good(old)
    shard.kill_for_good(witness)
    shard.start(left)
    shard.until("it to answer", lambda: shard.member_status(left).role is not Role.UNREACHABLE)
    name = shard.ask("emergency", accept_loss=True)
    shard.until("its appointment", lambda: shard.record.status.held)
    status = shard.record.status
    assert set(status.held) == {old, witness}
    at_risk = GtidSet.parse(status.transition.at_risk)
    assert not at_risk.is_empty
    assert at_risk.sids == {seen["server_uuid"]}
    shard.start(witness)
    done = shard.answer(name)
    assert done.status.outcome is Outcome.SUCCEEDED
    assert GtidSet.parse(done.status.at_risk) == at_risk
    assert (shard.primary, shard.term > term) == (left, True)
    shard.start(old)
    shard.ledger.acknowledged &= shard.ledger_of(left)  # the rest is what the person gave up
    for member in (old, witness):
        shard.until(
            "its writes to be seen",
            lambda member=member: GtidSet.parse(shard.member_status(member).errant).contains(at_risk),
        )
    beat = shard.probe(left)["beat"]
    shard.until("two more looks of the service", lambda: shard.probe(left)["beat"] > beat + 1)
    assert not any(reseed_of(shard, member) for member in (old, witness))  # nor by itself
    refused = shard.say("reseed", witness)
    shard.until("the answer", lambda: shard.operation(refused).status.outcome is Outcome.REFUSED)
    assert shard.operation(refused).status.code == Code.NOT_EMPTY.number
    shard.unsay(refused)
    for member in (witness, old):
        shard.say("release", member)
        shard.until("the release", lambda member=member: member not in shard.record.status.held)
    shard.until("a reseed of the former primary", lambda: reseed_of(shard, old))
    shard.until("its end", lambda: reseed_of(shard, old).status.outcome is Outcome.SUCCEEDED)
    word = shard.say("reseed", witness)  # whose it holds is not its own, so that is a person's to say
    shard.until("the reseed", lambda: shard.operation(word).status.outcome is Outcome.SUCCEEDED)
    shard.until_healthy()


def leave_the_last_writes_to_an_errant_replica(shard) -> tuple[str, str, GtidSet]:
    """Somebody writes to a replica, and it alone acknowledges the last writes.

    Returns its name, the other's, and what was written to it by other means.
    """
    errant, behind = shard.replicas
    uuid = shard.probe(errant)["server_uuid"]
    held = shard.executed(errant)
    shard.service.send(signal.SIGSTOP)
    shard.sql(errant, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", user=ENGINE)
    shard.sql(errant, "INSERT INTO ledger VALUES (-41), (-42)", database=DATABASE)
    shard.sql(errant, "DELETE FROM ledger WHERE id = -42", database=DATABASE)
    shard.sql(behind, f"CALL flyball.fence({shard.term}, {shard.version}, '{shard.issue}')", user=TOPOLOGY)
    before = len(shard.ledger.acknowledged)
    shard.until("writes that it alone acknowledges", lambda: len(shard.ledger.acknowledged) > before + 50)
    shard.sql(errant, "INSERT INTO ledger VALUES (-43)", database=DATABASE)
    shard.until("more of them", lambda: len(shard.ledger.acknowledged) > before + 70)
    own = shard.executed(errant).subtract(held).only_uuids([uuid])
    assert own.count == 3
    return errant, behind, own


def reseed_by_itself(shard, *, wanted: bool) -> None:
    """Whether errant members are made anew without asking."""
    errant = "reseed" if wanted else "isolate"
    shard.declare({**shard.keyspace.spec.wire(), "repair": {"errant": errant}})
    shard.until("the declaration to arrive", lambda: shard.record.spec.repair.errant == errant)


def test_what_only_an_errant_replica_acknowledged_is_fetched_from_it_and_it_is_made_anew(shard):
    """The primary never returns, and nobody does anything by hand."""
    reseed_by_itself(shard, wanted=True)
    old, term = shard.primary, shard.term
    errant, behind, own = leave_the_last_writes_to_an_errant_replica(shard)
    shard.kill_for_good(old)
    acknowledged = set(shard.ledger.acknowledged)
    shard.service.send(signal.SIGCONT)
    shard.until("another reign", lambda: shard.term > term)
    assert (shard.primary, acknowledged - shard.ledger_of(behind)) == (behind, set())
    assert shard.executed(behind).contains(own)
    assert not {-41, -42, -43} & shard.ledger_of(behind)
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.until("it to be made anew", lambda: (done := reseed_of(shard, errant)) and done.status.outcome.ended)
    done = reseed_of(shard, errant)
    assert done.status.outcome is Outcome.SUCCEEDED
    assert GtidSet.parse(done.status.evidence).contains(own)
    assert not [mark for mark in shard.record.status.diverged if mark.name == errant]
    shard.until("its ledger to be the primary's", lambda: not {-41, -42, -43} & shard.ledger_of(errant))
    shard.ledger.stop()
    assert shard.ledger.acknowledged <= shard.ledger_of(behind)
    shard.until("the errant one to hold it", lambda: shard.ledger.acknowledged <= shard.ledger_of(errant))
    assert shard.member_status(old).role is Role.UNREACHABLE
    shard.start(old)
    reseed_by_itself(shard, wanted=False)
    shard.until_healthy()
