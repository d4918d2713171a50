"""A primary guards itself when nobody watches it and nobody acknowledges; either alone changes nothing."""

import signal

from flyball.gtid import GtidSet
from flyball_topology.sql_members import LEASE
from flyball_topology.view import HOUSEKEEPING


def test_unwatched_and_unacknowledged_a_primary_goes_offline_and_comes_back(shard):
    primary, replicas = shard.primary, shard.replicas
    shard.service.send(signal.SIGSTOP)
    for replica in replicas:
        shard.hang(replica)
    write = shard.begin_write(primary, -21)
    shard.until("it to go offline", lambda: shard.probe(primary)["offline_mode"] == 1)
    assert write.answer(shard.until) != "OK"
    shard.ledger.stop()
    for replica in replicas:
        shard.resume(replica)
    shard.service.send(signal.SIGCONT)
    shard.until_healthy()


def pulses(shard, member: str) -> int:
    """How many housekeeping rows the member has written or received."""
    return GtidSet.parse(shard.probe(member)["gtid_executed"]).only_tag(HOUSEKEEPING).count


def test_an_outage_of_the_topology_service_changes_nothing(shard):
    """Well beyond the lease: until the pulse that a lonely primary writes has come through several times."""
    primary, term = shard.primary, shard.term
    shard.end_services()
    before = pulses(shard, primary)
    shard.until("several pulses", lambda: pulses(shard, primary) > before + 5)
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 20)
    assert shard.probe(primary)["offline_mode"] == 0
    shard.start_service()
    shard.until_watched()
    shard.until_healthy()
    assert (shard.primary, shard.term) == (primary, term)


def test_a_watched_primary_whose_writes_wait_stays_open(shard):
    """Those who could acknowledge must be able to come back to it; it does not flap."""
    primary, replicas = shard.primary, shard.replicas
    for replica in replicas:
        shard.hang(replica)
    write = shard.begin_write(primary, -22)
    shard.until("the write to wait", lambda: shard.waits_for_ack(primary))

    def clock() -> float:
        (row,) = shard.sql(primary, "SELECT UNIX_TIMESTAMP(NOW(6)) AS now")
        assert shard.probe(primary)["offline_mode"] == 0
        return float(row["now"])

    began = clock()
    shard.until("two leases to be over by its own clock", lambda: clock() > began + 2 * LEASE + 1)
    assert write.said is None
    for replica in replicas:
        shard.resume(replica)
    assert write.answer(shard.until) == "OK"
