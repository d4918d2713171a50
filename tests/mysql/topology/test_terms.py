"""Terms are enforced in the members: whoever comes late, from whatever past, changes nothing."""

import json
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest

from flyball.errors import Code
from flyball.member.accounts import ENGINE, TOPOLOGY, replica_account
from flyball.records.failover import Outcome

TERM_TOO_OLD = 33003


def acts(shard, member: str) -> dict[str, list[str]]:
    """The member's procedures that take a term and that the service may call: name to parameter types."""
    rows = shard.sql(
        member,
        "SELECT specific_name AS name, data_type AS type, parameter_name AS parameter "
        "FROM information_schema.parameters "
        "WHERE specific_schema = 'flyball' AND routine_type = 'PROCEDURE' ORDER BY specific_name, ordinal_position",
        user=TOPOLOGY,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["parameter"] == "p_term" or row["name"] in found:
            found.setdefault(row["name"], []).append(row["type"])
    return found


def test_a_leader_that_slept_through_its_replacement_changes_nothing(shard):
    """Every act of the term before is refused by every member, before it does anything."""
    assert shard.change_primary().status.outcome is Outcome.SUCCEEDED
    shard.until_healthy()
    late = shard.term - 1
    for member in shard.names:
        known = acts(shard, member)
        assert {"fence", "freeze", "thaw", "follow", "promote", "isolate", "beat", "arm_clone"} <= known.keys()
        for name, types in known.items():
            values = [str(late), *("'x'" if "char" in kind or "text" in kind else "1" for kind in types[1:])]
            with pytest.raises(pymysql.MySQLError) as caught:
                shard.sql(member, f"CALL flyball.{name}({', '.join(values)})", user=TOPOLOGY)
            number = caught.value.args[0] & 0xFFFF  # PyMySQL reads it as a signed number
            assert number == TERM_TOO_OLD, (member, name, caught.value)
    assert not shard.troubles()


def test_a_fence_of_the_reigning_term_that_comes_late_leaves_its_primary_open(shard):
    """It was sent before the primary was chosen; only a newer term closes it."""
    primary, term = shard.primary, shard.term
    shard.sql(primary, f"CALL flyball.fence({term}, {shard.version}, '{shard.issue}')", user=TOPOLOGY)
    seen = shard.probe(primary)
    assert (seen["opened"], seen["super_read_only"], seen["offline_mode"], seen["semi_sync_source"]) == (term, 0, 0, 1)
    before = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > before + 5)
    assert (shard.primary, shard.record.status.issued) == (primary, term)


def test_an_ack_set_that_waited_in_the_server_unlocks_nobody_who_has_left(shard):
    """Two sessions, in the wrong order: the older set waits for the member's lock while the newer one is applied."""
    primary, term, version = shard.primary, shard.term, shard.version
    stays, leaves = (replica_account(name) for name in shard.replicas)
    shard.service.send(signal.SIGSTOP)
    record = shard.record  # the next leader begins a change
    status = record.status.model_copy(update={"version": version + 1})
    shard.wait(shard.records.replace_status(record.model_copy(update={"status": status})))
    with shard.connect(primary, TOPOLOGY) as late, shard.connect(primary, TOPOLOGY) as present:
        present.cursor().execute("SELECT GET_LOCK('flyball.fence', 1)")
        with ThreadPoolExecutor(1) as pool:
            older = pool.submit(
                late.cursor().execute,
                f"CALL flyball.admit({term}, {version}, '{shard.issue}', '{stays},{leaves}', NULL)",
            )
            shard.until("the older act to wait", lambda: waits_for_lock(shard, primary))
            present.cursor().execute(f"CALL flyball.admit({term}, {version + 1}, '{shard.issue}', '{stays}', NULL)")
            present.cursor().execute("SELECT RELEASE_LOCK('flyball.fence')")
            with pytest.raises(pymysql.MySQLError, match="FB3006"):
                older.result()
    seen = shard.probe(primary)
    accounts = json.loads(seen["accounts"])
    assert (accounts[leaves], accounts[stays], seen["fence_version"]) == (True, False, version + 1)
    shard.service.send(signal.SIGCONT)


def waits_for_lock(shard, member: str) -> bool:
    states = shard.sql(member, "SELECT processlist_state AS state FROM performance_schema.threads", user=ENGINE)
    return any(row["state"] == "User lock" for row in states)


def test_a_member_that_takes_writes_does_not_settle(shard):
    primary, term = shard.primary, shard.term
    with pytest.raises(pymysql.MySQLError) as caught:
        shard.sql(primary, f"CALL flyball.settle({term})", user=TOPOLOGY)
    assert "takes writes" in str(caught.value)
    assert shard.probe(primary)["reigned"] == term


def test_a_newer_promise_of_the_members_stops_every_act_until_a_person_adopts_it(shard):
    """A record that was restored from an old copy must not undo what the members have promised since (rule 10)."""
    shard.ledger.stop()
    shard.end_services()
    copy = shard.home.root / "records.copy"
    shard.restart_engine(lambda: shutil.copy(shard.home.records, copy))
    shard.start_service()
    shard.until_watched()
    assert shard.change_primary().status.outcome is Outcome.SUCCEEDED
    shard.until_healthy()
    primary, term = shard.primary, shard.term
    shard.end_services()
    shard.restart_engine(lambda: shutil.move(copy, shard.home.records))
    assert shard.term < term
    service = shard.start_service()
    refused = shard.until("the refusal", lambda: shard.record.status.decision.refused)
    assert any(Code.RECORD_OLDER_THAN_MEMBERS.number in text for text in refused)
    assert any("older" in finding for finding in shard.record.status.findings)
    asked = shard.change_primary()
    assert (asked.status.outcome, asked.status.code) == (Outcome.REFUSED, Code.RECORD_OLDER_THAN_MEMBERS.number)
    assert not [step for step in service.steps() if not step.startswith("refuse")]
    word = shard.say("adopt")
    shard.until("the adoption", lambda: shard.operation(word).status.outcome.ended)
    assert shard.operation(word).status.outcome is Outcome.SUCCEEDED
    shard.until_healthy()
    assert shard.term >= term
    assert primary in shard.names
    shard.ledger.start()
    seen = len(shard.ledger.acknowledged)
    shard.until("writes", lambda: len(shard.ledger.acknowledged) > seen + 5)


def test_a_cloned_member_promises_nothing_by_its_donor_s_fence(shard):
    """Rule 6: CLONE copies the donor's fence row; it counts only under its own server's uuid."""
    member, donor = shard.replicas
    word = shard.say("reseed", member)
    # Its own service is away while it starts with the donor's row.
    shard.until("the clone", lambda: "Cloning" in str(shard.operation(word).status.phase))
    before = shard.process(member)
    shard.until("its next process", lambda: shard.runs_anew(member, before))
    shard.service.send(signal.SIGSTOP)
    shard.start(member)
    seen = shard.probe(member)
    if seen["fence_uuid"] != seen["server_uuid"]:  # the service was not quicker than we
        assert seen["fence_uuid"] == shard.probe(donor)["server_uuid"]
    shard.service.send(signal.SIGCONT)
    shard.until("the reseed", lambda: shard.operation(word).status.outcome.ended)
    assert shard.operation(word).status.outcome is Outcome.SUCCEEDED
    shard.until_healthy()
    seen = shard.probe(member)
    assert seen["server_uuid"] == seen["fence_uuid"] != shard.probe(donor)["server_uuid"]


def test_what_a_replica_received_survives_a_crash(still):
    """Rule 2: relay logs are not thrown away, though their transactions were not applied when it was killed."""
    shard = still
    shard.start_service()
    shard.until_watched()
    shard.until_healthy()
    member = shard.replicas[0]
    with shard.connect(member, database="commerce") as reader, reader.cursor() as cursor:
        cursor.execute("LOCK TABLES ledger READ")  # its applier waits
        shard.ledger.start()
        shard.until("transactions in its relay log alone", lambda: shard.backlog(member).count > 20)
        shard.end_services()  # nobody restarts its replication
        shard.ledger.stop()
        backlog, before = shard.backlog(member), shard.process(member)
        shard.kill(member)
    shard.until("another process", lambda: shard.runs_anew(member, before))
    shard.start(member)
    assert shard.received(member).contains(backlog)
    assert not shard.executed(member).contains(backlog)
    shard.start_service()
    shard.until_healthy()
    shard.until("the backlog to be applied", lambda: shard.executed(member).contains(backlog))


def test_a_primary_that_is_stopped_with_commits_waiting_tells_no_client_ok(shard):
    """Rule 1, with the failover that loses these commits."""
    old, term = shard.primary, shard.term
    shard.service.send(signal.SIGSTOP)
    for replica in shard.replicas:
        shard.sql(replica, f"CALL flyball.fence({term}, {shard.version}, '{shard.issue}')", user=TOPOLOGY)
    write = shard.begin_write(old, -41)
    shard.until("the write to wait", lambda: shard.waits_for_ack(old))
    shard.stop(old)
    assert write.answer(shard.until) != "OK"
    shard.service.send(signal.SIGCONT)
    shard.until("another reign", lambda: shard.term > term)
    assert -41 not in shard.ledger_of(shard.primary)
    shard.start(old)
    shard.until_healthy()


def test_a_standby_takes_over_from_a_leader_that_is_killed(shard):
    standby = shard.start_service()
    shard.until("it to stand by", lambda: any("metrics on" in event["message"] for event in standby.said()))
    leader = shard.services[0]
    leader.send(signal.SIGKILL)
    shard.until("the standby to lead", lambda: any(" leads, " in event["message"] for event in standby.said()))
    term = shard.term
    shard.kill(shard.primary)
    shard.until("another reign", lambda: shard.term > term)
    shard.until_healthy()


def test_a_leader_that_was_frozen_and_replaced_does_no_harm_when_it_wakes(shard):
    frozen = shard.service
    standby = shard.start_service()
    frozen.send(signal.SIGSTOP)
    shard.until("the standby to lead", lambda: any(" leads, " in event["message"] for event in standby.said()))
    assert shard.change_primary().status.outcome is Outcome.SUCCEEDED
    shard.until_healthy()
    reign = shard.record.status.reign
    frozen.send(signal.SIGCONT)
    shard.until(
        "it to notice",
        lambda: any("leading ends" in e["message"] or "not renewed" in e["message"] for e in frozen.said()),
    )
    shard.until_watched()
    assert shard.record.status.reign == reign
    shard.until_healthy()
