"""Statements go to the shard that the sharding key belongs to."""

import pytest

from flyball.client import KeyspaceClient
from flyball.errors import Code, InputError
from flyball.keyspaceid import keyspace_id
from flyball.records import Keyspace

LOWER, UPPER = "commerce-x-80", "commerce-80-x"


@pytest.fixture
def keyspace_client(world, a_shard):
    world.write(a_shard(LOWER, "-80", primary="one"), a_shard(UPPER, "80-", primary="two"))
    world.store.execute("DELETE FROM records WHERE name = 'commerce-x-x'")
    world.write(Keyspace.model_validate({"metadata": {"name": "commerce"}, "spec": {"shards": 2}}))
    options = {"connect": world.connect, "clock": lambda: world.now, "sleep": world.sleep}
    with KeyspaceClient(world.path, "commerce", user="app", password="p", ca="", **options) as made:
        yield made


def test_each_key_goes_to_its_shard(world, keyspace_client):
    for key in range(40):
        keyspace_client.execute(key, f"INSERT {key}")
    upper = {f"INSERT {key}" for key in range(40) if keyspace_id(key) >= 2**63}
    assert set(world.members["two"].got) == upper
    assert set(world.members["one"].got) == {f"INSERT {key}" for key in range(40)} - upper
    assert keyspace_client.counters.statements == 40
    assert len(keyspace_client.shards) == 2


def test_the_keyspaces_routing_goes_before_what_shards_declare(world, keyspace_client):
    routed = {"routing": [{"range": "-", "shard": UPPER}]}
    world.write(Keyspace.model_validate({"metadata": {"name": "commerce"}, "spec": {"shards": 2}, "status": routed}))
    for key in range(10):
        keyspace_client.execute(key, "INSERT")
    assert len(world.members["two"].got) == 10


def test_a_key_that_nobody_serves_is_refused(world, keyspace_client):
    routed = {"routing": [{"range": "-80", "shard": LOWER}]}
    world.write(Keyspace.model_validate({"metadata": {"name": "commerce"}, "spec": {"shards": 2}, "status": routed}))
    high = next(key for key in range(100) if keyspace_id(key) >= 2**63)
    with pytest.raises(InputError) as caught:
        keyspace_client.execute(high, "INSERT")
    assert caught.value.code is Code.NO_SUCH_OBJECT
