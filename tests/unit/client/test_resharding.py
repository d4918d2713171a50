"""Rows move to other shards: what is for them waits, and goes where the routing says."""

import pytest

from flyball.client import KeyspaceClient
from flyball.client.connection import NotDoneError
from flyball.errors import Code, RefusedError
from flyball.keyspaceid import keyspace_id
from flyball.records import Keyspace

WHOLE, LOWER, UPPER = "commerce-x-x", "commerce-x-80", "commerce-80-x"
LOW_KEY = next(key for key in range(100) if keyspace_id(key) < 2**63)


def routed(*parts: tuple[str, str]) -> Keyspace:
    routing = [{"range": part, "shard": name} for part, name in parts]
    return Keyspace.model_validate(
        {"metadata": {"name": "commerce"}, "spec": {"shards": 2}, "status": {"routing": routing}}
    )


@pytest.fixture
def client(world, a_shard):
    """The whole serves; two halves are being filled."""
    world.write(
        a_shard(WHOLE, "-", primary="one"),
        a_shard(LOWER, "-80", primary="two", access="Filling"),
        a_shard(UPPER, "80-", primary="three", access="Filling"),
        routed(("-", WHOLE)),
    )
    options = {"connect": world.connect, "clock": lambda: world.now, "sleep": world.sleep}
    with KeyspaceClient(world.path, "commerce", user="app", password="p", ca="", **options) as made:
        yield made


def swap(world, a_shard):
    world.write(a_shard(LOWER, "-80", primary="two", access="Open"), routed(("-80", LOWER), ("80-", UPPER)))


def test_while_rows_are_copied_the_source_takes_statements(world, client):
    client.execute(LOW_KEY, "INSERT")
    assert world.members["one"].got == ["INSERT"]
    assert world.members["two"].connects == 0


def test_a_statement_that_is_held_goes_to_the_new_shard_and_no_error_is_seen(world, a_shard, client):
    world.write(a_shard(WHOLE, "-", primary="one", access="Frozen"))
    world.at(0.1, lambda: swap(world, a_shard))
    client.execute(LOW_KEY, "INSERT")
    assert (world.members["one"].got, world.members["two"].got) == ([], ["INSERT"])
    assert 0.1 <= world.now < 0.12
    assert client.counters.errors == 0


def test_a_statement_that_a_frozen_source_refuses_goes_there_too(world, a_shard, client):
    """The source is frozen before this client has seen the record."""
    world.members["one"].answers = [NotDoneError("read only")] * 3
    world.at(0.004, lambda: swap(world, a_shard))
    client.execute(LOW_KEY, "INSERT")
    assert world.members["two"].got == ["INSERT"]


def test_the_heirs_are_connected_to_while_statements_are_held(world, a_shard, client):
    world.write(a_shard(WHOLE, "-", primary="one", access="Frozen"))
    seen = []
    world.at(0.05, lambda: seen.append((world.members["two"].connects, world.members["three"].connects)))
    world.at(0.1, lambda: swap(world, a_shard))
    client.execute(LOW_KEY, "INSERT")
    assert seen == [(1, 1)]
    assert world.members["two"].connects == 1


def test_a_cutover_that_is_undone_goes_on_at_the_source(world, a_shard, client):
    world.write(a_shard(WHOLE, "-", primary="one", access="Frozen"))
    world.at(0.1, lambda: world.write(a_shard(WHOLE, "-", primary="one")))
    client.execute(LOW_KEY, "INSERT")
    assert world.members["one"].got == ["INSERT"]


def test_both_waits_have_one_limit(world, a_shard, client):
    world.write(a_shard(WHOLE, "-", primary="one", access="Frozen"))
    routing = routed(("-80", LOWER), ("80-", UPPER))
    world.at(20.0, lambda: world.write(routing))  # and the targets never open
    with pytest.raises(RefusedError) as caught:
        client.execute(LOW_KEY, "INSERT")
    assert caught.value.code is Code.TIMED_OUT
    assert 30.0 <= world.now < 30.2
