"""What a service knows of workflows by their shard, whatever the watch tells and it writes itself."""

from flyball.records import Failover, Operation
from flyball.store.memory import MemoryRecords
from flyball.store.port import Added, Deleted, Modified
from flyball_topology.cache import Cache


def failover(name: str, shard: str, created: str = "2026-01-01") -> Failover:
    spec = {"keyspace": "k", "shard": shard, "mode": "planned"}
    return Failover.model_validate({"metadata": {"name": name, "uid": name, "created": created}, "spec": spec})


def pause(name: str, shard: str | None) -> Operation:
    spec = {"type": "pause", "keyspace": "k", "shard": shard}
    return Operation.model_validate({"metadata": {"name": name, "uid": name}, "spec": spec})


def names(found: tuple[Failover | Operation, ...]) -> list[str]:
    return [record.name for record in found]


def test_a_workflow_is_found_by_its_shard_oldest_first() -> None:
    cache = Cache(MemoryRecords(), Failover, lambda _: None)
    cache._take(Added(failover("late", "a", "2026-01-03")))
    cache.put(failover("early", "a", "2026-01-02"))
    cache.put(failover("other", "b"))
    assert names(cache.about("a")) == ["early", "late"]
    assert names(cache.about("b")) == ["other"]
    assert cache.about("c") == ()


def test_a_word_about_a_keyspace_is_about_each_of_its_shards() -> None:
    cache = Cache(MemoryRecords(), Operation, lambda _: None)
    cache.put(pause("all", None))
    cache.put(pause("one", "a"))
    assert names(cache.about("a")) == ["all", "one"]
    assert names(cache.about("b")) == ["all"]


def test_what_is_gone_or_has_moved_is_not_found_any_more() -> None:
    cache = Cache(MemoryRecords(), Failover, lambda _: None)
    cache._take(Added(failover("f", "a")))
    cache._take(Modified(failover("f", "b")))
    assert cache.about("a") == ()
    assert names(cache.about("b")) == ["f"]
    cache._take(Deleted(failover("f", "b")))
    assert cache.about("b") == ()
    assert cache.all() == ()
