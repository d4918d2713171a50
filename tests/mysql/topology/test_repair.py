"""What is wrong with a member is repaired, or the member is kept out; the shard serves on meanwhile."""

import signal

from flyball.errors import Code
from flyball.member.accounts import ENGINE, TOPOLOGY, replica_account, replica_password
from flyball.records.failover import Outcome
from flyball.records.shard import Role
from flyball_local import mysqld

COPYING = "SELECT 1 FROM performance_schema.clone_progress WHERE stage = 'FILE COPY' AND state = 'In Progress'"


def call(shard, member: str, statement: str) -> None:
    """An act on a member behind the service's back, as a leader that was replaced might still do it."""
    shard.sql(member, f"CALL flyball.{statement}", user=TOPOLOGY)


def test_a_replica_that_stopped_replicating_is_started(shard):
    call(shard, shard.replicas[0], f"isolate({shard.term})")
    shard.until_healthy()


def test_a_replica_that_follows_the_wrong_source_is_turned_round(shard):
    wrong, other = shard.replicas
    account, password = replica_account(wrong), replica_password(shard.secret["replica-seed"], wrong)
    source = f"'127.0.0.1', {shard.port(other)}, '{account}', '{password}', TRUE"
    call(shard, wrong, f"follow({shard.term}, {shard.version}, '{shard.issue}', {source}, NULL)")
    assert int(shard.probe(wrong)["source_port"]) == shard.port(other)
    shard.until_healthy()


def test_a_writable_replica_is_closed(shard):
    replica = shard.replicas[0]
    shard.sql(replica, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", user=ENGINE)
    shard.until("it to be closed", lambda: shard.probe(replica)["super_read_only"] == 1)
    shard.until_healthy()


def test_the_primary_asks_for_acknowledgements_again(shard):
    primary = shard.primary
    shard.sql(primary, "SET GLOBAL rpl_semi_sync_source_enabled = OFF", user=ENGINE)
    shard.until("semi-sync", lambda: shard.probe(primary)["semi_sync_source"] == 1)
    shard.until_healthy()


def test_a_frozen_primary_is_opened_again(shard):
    primary, term = shard.primary, shard.term
    call(shard, primary, f"freeze({term}, 1, 0)")
    seen = len(shard.ledger.acknowledged)
    shard.until("writes", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.until_healthy()
    assert (shard.primary, shard.term) == (primary, term)


def test_a_killed_replica_comes_back(shard):
    replica = shard.replicas[0]
    before = shard.process(replica)
    shard.kill(replica)
    shard.until("another process", lambda: shard.runs_anew(replica, before))
    shard.until_healthy()


def write_past_the_primary(shard, member: str, number: int) -> None:
    """What a person with too many rights can do: open a replica and write to it."""
    shard.sql(member, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", user=ENGINE)
    shard.sql(member, f"INSERT INTO ledger VALUES ({number})", database="commerce")
    assert number in shard.ledger_of(member)


def test_a_member_with_errant_transactions_is_isolated_never_promoted_and_healed_by_a_reseed(shard):
    errant = shard.replicas[0]
    shard.service.send(signal.SIGSTOP)
    write_past_the_primary(shard, errant, -31)
    shard.service.send(signal.SIGCONT)
    shard.until("it to be isolated", lambda: shard.member_status(errant).role is Role.ISOLATED)
    shard.until("it to be closed", lambda: shard.probe(errant)["offline_mode"] == 1)
    assert shard.member_status(errant).errant
    refused = shard.change_primary(to=errant)
    assert (refused.status.outcome, refused.status.code) == (Outcome.REFUSED, Code.CANDIDATE_UNFIT.number)
    assert "errant" in refused.status.message
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    uuid = shard.probe(errant)["server_uuid"]
    word = shard.say("reseed", errant)
    shard.until("the reseed", lambda: shard.operation(word).status.outcome.ended)
    done = shard.operation(word).status
    assert (done.outcome, uuid in done.evidence) == (Outcome.SUCCEEDED, True)
    shard.until_healthy()
    assert -31 not in shard.ledger_of(errant)


def test_a_member_made_anew_is_another_server_and_only_a_clone_makes_one(shard):
    """It would go on with numbers that somebody who is away may hold for other transactions."""
    anew, other = shard.replicas
    before = {name: shard.probe(name)["server_uuid"] for name in shard.names}
    process = shard.process(other)
    shard.kill(other)
    word = shard.say("reseed", anew)
    shard.until("the reseed", lambda: shard.operation(word).status.outcome.ended)
    shard.until("another process", lambda: shard.runs_anew(other, process))
    shard.until_healthy()
    after = {name: shard.probe(name)["server_uuid"] for name in shard.names}
    assert [name for name in shard.names if after[name] != before[name]] == [anew]
    assert shard.change_primary(to=anew).status.outcome is Outcome.SUCCEEDED
    seen = len(shard.ledger.acknowledged)
    shard.until("writes", lambda: len(shard.ledger.acknowledged) > seen + 5)
    written = shard.executed(anew)
    assert not written.only_uuids([after[anew]]).is_empty
    assert written.only_uuids([before[anew]]).is_empty
    shard.until_healthy()
    shard.ledger.stop()  # killed with a write that nobody acknowledged, it would be cloned once more
    restarted = shard.process(anew)
    shard.kill(anew)
    shard.until("another process", lambda: shard.runs_anew(anew, restarted))
    shard.until_healthy()
    assert shard.probe(anew)["server_uuid"] == after[anew]


def test_a_member_whose_clone_was_broken_off_comes_back(shard):
    """CLONE drops the schemas first. Broken off, it leaves their directories, which the next start stumbles over."""
    broken = shard.replicas[0]
    shard.kill_for_good(broken)
    shard.empty(broken)
    for schema in ("flyball", "flyball_shard", "commerce"):
        (mysqld.data_directory(shard.home.member(broken)) / schema).mkdir()
    shard.start(broken)
    shard.until_healthy()


def test_a_clone_that_breaks_off_halfway_is_explained_and_tried_again(shard):
    """It has dropped the member's data by then, and with it the procedures that a probe needs."""
    anew, donor = shard.replicas
    for name in shard.names:
        shard.sql(name, "SET GLOBAL clone_max_data_bandwidth = 1", user=ENGINE)
    word = shard.say("reseed", anew)
    shard.until("the copy", lambda: shard.sql(anew, COPYING, user=ENGINE))
    shard.kill(donor)  # the engine starts it again, and it knows nothing of the clone
    shard.until("the cause", lambda: any("clone of a member failed" in text for text in shard.record.status.findings))
    shard.until("the reseed", lambda: shard.operation(word).status.outcome.ended)
    assert shard.operation(word).status.outcome is Outcome.SUCCEEDED
    for name in shard.names:
        shard.sql(name, "SET GLOBAL clone_max_data_bandwidth = 0", user=ENGINE)
    shard.until_healthy()


def test_a_sound_member_takes_over_from_a_dead_primary_though_another_is_errant(shard):
    errant = shard.replicas[0]
    old, term = shard.primary, shard.term
    shard.service.send(signal.SIGSTOP)
    write_past_the_primary(shard, errant, -32)
    shard.service.send(signal.SIGCONT)
    shard.until("it to be isolated", lambda: shard.member_status(errant).role is Role.ISOLATED)
    shard.ledger.stop()  # the old primary must come back without a write of its own: it is needed to acknowledge
    shard.kill(old)
    shard.until("another reign", lambda: shard.term > term)
    assert shard.primary != errant
    shard.say("reseed", errant)
    shard.until_healthy()
    assert -32 not in shard.ledger_of(errant)


def test_while_paused_nothing_is_touched(shard):
    word = shard.say("pause")
    shard.until("the pause", lambda: shard.operation(word).status.outcome is Outcome.RUNNING)
    primary, term, replica = shard.primary, shard.term, shard.replicas[0]
    call(shard, replica, f"fence({term}, {shard.version}, '{shard.issue}')")
    lines = len(shard.service.steps())
    for _ in range(3):  # three looks of the service, each of which is a heartbeat later
        beat = shard.probe(primary)["beat"]
        shard.until("another look", lambda beat=beat: shard.probe(primary)["beat"] > beat)
    assert shard.probe(replica)["receiver_state"] == "OFF"
    assert len(shard.service.steps()) == lines
    shard.unsay(word)
    shard.until_healthy()


def test_a_primary_killed_while_paused_is_replaced_once_the_pause_is_lifted(shard):
    word = shard.say("pause")
    shard.until("the pause", lambda: shard.operation(word).status.outcome is Outcome.RUNNING)
    old, term = shard.primary, shard.term
    shard.kill_for_good(old)
    shard.until("the loss to be seen", lambda: shard.member_status(old).role is Role.UNREACHABLE)
    assert (shard.term, shard.record.status.issued) == (term, term)
    shard.unsay(word)
    shard.until("another reign", lambda: shard.term > term)
    shard.start(old)
    shard.until_healthy()
