"""The routing of a keyspace is recorded once every shard has a primary."""

from flyball.records import Keyspace, Metadata, Shard
from flyball.records.keyspace import KeyspaceSpec, KeyspaceStatus, ShardRoute
from flyball.records.shard import Reign, ShardSpec, ShardStatus
from flyball_topology.routing import RoutingView, SetRouting, plan

KEYSPACE = Keyspace(metadata=Metadata(name="shop"), spec=KeyspaceSpec(shards=2))


def shard(name: str, part: str, *, reigns: bool = True, serving: bool = True) -> Shard:
    spec = ShardSpec(keyspace="shop", range=part, database="shop", members=(), credentials="c", serving=serving)
    status = ShardStatus(reign=Reign(term=1, primary="m") if reigns else Reign())
    return Shard(metadata=Metadata(name=name), spec=spec, status=status)


def test_it_waits_for_the_last_shard() -> None:
    decision = plan(RoutingView(KEYSPACE, (shard("low", "-80"), shard("high", "80-", reigns=False))))
    assert decision.step is None
    assert decision.awaited == ("high",)


def test_it_routes_every_range_in_order() -> None:
    decision = plan(RoutingView(KEYSPACE, (shard("high", "80-"), shard("low", "-80"))))
    routes = (ShardRoute(range="-80", shard="low"), ShardRoute(range="80-", shard="high"))
    assert decision.step == SetRouting(KEYSPACE, routes)


def test_shards_that_do_not_serve_are_left_out_and_a_gap_is_refused() -> None:
    decision = plan(RoutingView(KEYSPACE, (shard("low", "-80"), shard("high", "80-", serving=False))))
    assert decision.step is None
    assert "80-" in decision.refused[0]


def test_a_routing_that_stands_is_left_alone() -> None:
    status = KeyspaceStatus(routing=(ShardRoute(range="-", shard="x"),))
    decision = plan(
        RoutingView(KEYSPACE.model_copy(update={"status": status}), (shard("low", "-80"), shard("high", "80-")))
    )
    assert decision.step is None
