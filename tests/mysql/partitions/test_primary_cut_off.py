"""A primary that is cut off: it goes offline by itself, nobody reads or writes there, and another one takes over."""

import time

import pymysql
import pytest

SHAPES = {
    "its link is down": lambda shard, old: shard.network.unplug(old),
    "it is cut from each other party": lambda shard, old: shard.divide([old], shard.others(old)),
    "nobody hears it": lambda shard, old: shard.silence(old, shard.others(old)),
    "it hears nobody": lambda shard, old: [shard.silence(other, [old]) for other in shard.others(old)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_goes_offline_and_is_replaced(shard, shape):
    old, term = shard.primary, shard.term
    number = -100 - 2 * list(SHAPES).index(shape)
    session = shard.at(old)
    write = shard.write_at(old, number)
    assert write.answer(shard.until) == "OK"
    began = time.monotonic()
    SHAPES[shape](shard, old)
    stranded = shard.write_at(old, number - 1)
    shard.until("another reign", lambda: shard.term > term)
    shard.measure(f"{shape}: until another reigns", began)
    seen = len(shard.ledger.acknowledged)
    shard.until("the client's writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.until("the old one to be offline", lambda: shard.is_offline(old))
    shard.measure(f"{shape}: until the old primary is offline", began)
    assert stranded.answer(shard.until) != "OK"
    with pytest.raises(pymysql.Error), session.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM ledger")
    with pytest.raises(pymysql.OperationalError, check=lambda error: error.args[0] == 3032):
        shard.at(old)
    shard.network.mend_all()
    shard.until_healthy()
    assert shard.primary != old
    held = shard.ledger_of(shard.primary)
    assert number in held
    if shape != "it hears nobody":  # what such a one sends arrives; only the acknowledgement does not
        assert number - 1 not in held


def test_without_any_write_of_a_client_it_goes_offline_too(shard):
    """Its own pulse is what waits."""
    old, term = shard.primary, shard.term
    shard.ledger.stop()
    began = time.monotonic()
    shard.network.unplug(old)
    shard.until("the old one to be offline", lambda: shard.is_offline(old))
    shard.measure("its link is down and nobody writes: until the old primary is offline", began)
    shard.until("another reign", lambda: shard.term > term)


def test_the_client_on_its_side_hears_no_ok(shard):
    """The partition goes through the middle: client and primary here, everybody else there."""
    old, term = shard.primary, shard.term
    shard.divide([old, "client"], shard.others(old, "client"))
    shard.until("another reign", lambda: shard.term > term)
    shard.until("the old one to be offline", lambda: shard.is_offline(old))
    shard.network.mend_all()
    seen = len(shard.ledger.acknowledged)
    shard.until("the client's writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)


def test_stopping_it_while_it_is_cut_off_answers_no_write(shard):
    """Rule 1, where the acknowledgement can never come."""
    old, term = shard.primary, shard.term
    shard.network.unplug(old)
    write = shard.write_at(old, -33)
    shard.until("the write to wait", lambda: shard.waits_at(old))
    shard.stop(old)
    assert write.answer(shard.until) != "OK"
    shard.until("another reign", lambda: shard.term > term)
    shard.network.mend_all()
    shard.start(old)
    shard.until_healthy()
    assert -33 not in shard.ledger_of(shard.primary)


def test_with_one_replica_on_its_side_it_stays(shard):
    """Two of three acknowledge: whoever is alone waits, and is attached again."""
    primary, term = shard.primary, shard.term
    _, alone = shard.replicas
    shard.divide([alone], shard.others(alone))
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 50)
    shard.until("the record to say so", lambda: any(alone in finding for finding in shard.record.status.findings))
    assert (shard.primary, shard.term) == (primary, term)
    shard.network.mend_all()
    shard.until_healthy()
    assert shard.primary == primary


def test_with_one_replica_and_no_topology_service_it_stays(shard):
    """The service's side cannot revoke, so it replaces nobody; the primary's side serves on."""
    primary, term = shard.primary, shard.term
    with_it, alone = shard.replicas
    shard.divide([primary, with_it, "client"], [alone, "topology-1", "topology-2"])
    shard.until("the refusal", lambda: any("FB4001" in refused for refused in shard.record.status.decision.refused))
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 50)
    assert (shard.primary, shard.term) == (primary, term)
    assert not shard.is_offline(primary)
