"""The control plane divided: a leader that reaches nobody, a store that nobody can write, a leader that slept."""

import signal


def leads(shard, number: int) -> bool:
    """Whether the service is the one that leads now, by what the services logged last."""
    events = [
        (event["at"], index)
        for index, service in enumerate(shard.services)
        for event in service.said()
        if "leads, lease term" in event.get("message", "")
    ]
    return bool(events) and max(events)[1] == number


def test_a_leader_that_reaches_no_member_makes_room_for_one_that_does(shard):
    old, term = shard.primary, shard.term
    shard.start_service()
    assert leads(shard, 0)
    shard.network.unplug(shard.party_of(0))
    shard.until("the other one to lead", lambda: leads(shard, 1))
    shard.kill_for_good(old)
    shard.until("another reign", lambda: shard.term > term)
    shard.network.mend_all()
    shard.start(old)
    shard.until_healthy()


def test_a_primary_that_dies_while_the_store_is_away_is_replaced_afterwards(shard):
    old, term = shard.primary, shard.term
    with shard.hold_the_store():
        shard.kill_for_good(old)
        shard.until(
            "the service to lose its lease",
            lambda: any("not renewed" in e.get("message", "") for e in shard.service.said()),
        )
        assert shard.term == term
    shard.until("another reign", lambda: shard.term > term)
    shard.start(old)
    shard.until_healthy()


def test_a_leader_that_slept_through_a_failover_of_its_standby_does_no_harm(shard):
    old, term = shard.primary, shard.term
    sleeper = shard.service
    awake = shard.start_service()
    sleeper.send(signal.SIGSTOP)
    shard.network.unplug(old)
    shard.until("another reign", lambda: shard.term > term)
    reigning, now = shard.primary, shard.term
    shard.network.mend_all()
    sleeper.send(signal.SIGCONT)
    shard.until_healthy()
    assert (shard.primary, shard.term) == (reigning, now)
    assert awake.process.poll() is None
