"""The explicit ack set: with three members, one long dead, the primary's death is survived without loss."""

from flyball.records.shard import Role


def test_one_dead_for_a_minute_then_the_primary(shard):
    """The last one holds every acknowledged write, since nobody else could acknowledge any more. It reigns alone; then
    writes wait for a second member, and the record says so."""
    old, term = shard.primary, shard.term
    dead, last = shard.replicas
    shard.kill_for_good(dead)
    shard.until("it to leave the ack set", lambda: dead not in shard.record.status.ackers, limit=180)
    seen = len(shard.ledger.acknowledged)
    shard.until("writes that the last one acknowledges", lambda: len(shard.ledger.acknowledged) > seen + 50)
    shard.kill_for_good(old)

    def is_open() -> bool:
        seen = shard.probe(last)
        return seen["opened"] > term and not seen["offline_mode"]

    shard.until("the last one to be open", is_open)
    held = shard.ledger_of(last)
    assert shard.ledger.acknowledged <= held
    shard.until(
        "the record to say what it waits for",
        lambda: any("acknowledge" in awaited for awaited in shard.record.status.decision.awaited),
    )
    shard.start(dead)
    shard.until("its reign", lambda: shard.term > term)
    assert shard.primary == last
    seen = len(shard.ledger.acknowledged)
    shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    shard.start(old)
    shard.until_healthy()
    assert shard.member_status(old).role is Role.REPLICA
