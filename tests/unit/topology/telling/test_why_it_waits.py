"""A remedy that is refused, or does not help, says so: what failed, what MySQL says, who is asked in the end."""

from dataclasses import replace

import pytest

from flyball.records import Shard
from flyball.records.shard import ShardOverview
from flyball.store.memory import MemoryRecords
from flyball_topology.decide import decide
from flyball_topology.diagnose import CONNECTING_FOR, diagnose
from flyball_topology.findings import Kind
from flyball_topology.steps import Follow
from flyball_topology.view import Tried
from tests.unit.topology.scenarios import Scenario, begin
from tests.unit.topology.service import Effects, Fate, Service
from tests.unit.topology.views import NOW, acts, gtids, healthy, member, on_channel, with_received
from tests.unit.topology.world import SHARD


def found(view, name):
    return [finding for finding in diagnose(view) if finding.member == name]


async def test_what_made_the_last_try_fail_stands_beside_the_next_one():
    run = await begin(Scenario("a replica is stopped"))
    channel = run.world["m2"].channel
    assert channel is not None
    channel.stop()
    async with Service(run.world, run.records, Effects(1, Fate.FAILED)) as service:
        tried = await service.one_pass()
        assert tried.decision.step is not None
        waits = await service.one_pass()
    assert waits.decision.step is None
    assert "let m2 follow m1: m2: " in waits.decision.awaited[0]
    assert "the connection broke" in waits.decision.awaited[0]


async def test_what_a_store_with_older_definitions_drops_is_written_once(monkeypatch):
    run = await begin(Scenario("a replica is stopped"))
    keep, written = MemoryRecords.replace_status, []

    async def replace_status(self, record):
        written.append(record)
        status = record.status.model_copy(update={"overview": ShardOverview()})
        return await keep(self, record.model_copy(update={"status": status}))

    monkeypatch.setattr(MemoryRecords, "replace_status", replace_status)
    await run.records.replace_status(await run.records.get(Shard, SHARD))
    async with Service(run.world, run.records) as service:
        for _ in range(5):
            await service.one_pass()
        before = len(written)
        for _ in range(5):
            await service.one_pass()
    assert len(written) == before
    assert written[-1].status.overview.members == "3/3"


def cannot_apply():
    """m2 has followed m3 until now, and holds received transactions that its applier fails at."""
    view = with_received(healthy(), "m2", gtids(m1="1-12"))
    return on_channel(view, "m2", host="m3.test", applier_errno=1062, applier_error="Duplicate entry", applier_on=False)


def test_a_member_that_cannot_apply_what_it_received_names_that_and_not_its_source():
    """Rule 2: following the primary would throw away what it may have acknowledged, and is refused."""
    (finding,) = found(cannot_apply(), "m2")
    assert finding.kind is Kind.REPLICATION_FAILED
    assert "m3.test:3306" in finding.detail
    assert "1062 Duplicate entry" in finding.detail


def test_it_is_tried_with_growing_rests_and_then_a_person_is_asked():
    view = cannot_apply()
    assert acts(decide(view)) == (Follow("m2", 1, "m1"),)
    key = "REPLICATION_FAILED m2"
    assert decide(replace(view, tried={key: Tried(4, NOW - 3.9)})).step is None
    assert acts(decide(replace(view, tried={key: Tried(4, NOW - 4.1)})))
    asked = decide(replace(view, tried={key: Tried(6, NOW - 9999)}))
    assert asked.step is None
    assert "a person (flyball reseed m2)" in asked.awaited[0]


def test_one_that_has_applied_everything_only_follows_the_wrong_source():
    view = on_channel(healthy(), "m2", host="m3.test", applier_errno=1062)
    assert [finding.kind for finding in found(view, "m2")] == [Kind.WRONG_SOURCE]


def connecting(seconds, error="", errno=0):
    view = on_channel(healthy(), "m2", receiver="CONNECTING", receiver_errno=errno, receiver_error=error)
    return member(view, "m2", connecting_since=NOW - seconds)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_member_that_cannot_connect_says_what_mysql_says_without_counting(attempt):
    error = (
        f"Error connecting to source 'r@m1.test:3306'. This was attempt {attempt}/0, with a delay of 1 seconds between "
        "attempts. Message: Can't connect to MySQL server on 'm1.test:3306' (113)"
    )
    (finding,) = found(connecting(CONNECTING_FOR, error, 2003), "m2")
    assert finding.kind is Kind.NOT_CONNECTED
    assert finding.detail == "2003 Can't connect to MySQL server on 'm1.test:3306' (113)"


def test_its_receiver_is_started_anew_and_a_moment_is_no_finding():
    assert acts(decide(connecting(CONNECTING_FOR))) == (Follow("m2", 1, "m1"),)
    assert not found(connecting(CONNECTING_FOR - 0.1), "m2")
