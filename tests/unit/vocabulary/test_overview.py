"""What one line about a keyspace says of its shards."""

import pytest

from flyball.overview import overview_of, overview_of_members
from flyball.records import Keyspace, Shard
from flyball.records.shard import MemberStatus, ShardOverview


def keyspace(**status) -> Keyspace:
    return Keyspace.model_validate({"metadata": {"name": "shop"}, "spec": {"shards": 2}, "status": status})


def shard(term: int = 1, lag: str = "ok", role: str = "Replica", **status) -> Shard:
    members = [{"name": f"shop-x-x-{number}", "host": "127.0.0.1", "port": number} for number in (1, 2)]
    spec = {"keyspace": "shop", "range": "-", "database": "shop", "members": members, "credentials": "c"}
    seen = [{"name": "shop-x-x-1", "role": "Primary"}, {"name": "shop-x-x-2", "role": role, "lag": lag}]
    reign = {"term": term, "primary": "shop-x-x-1", "uuid": "u"}
    document = {"metadata": {"name": "shop-x-x"}, "spec": spec, "status": {"reign": reign, "members": seen, **status}}
    return Shard.model_validate(document)


def test_shards_that_serve_are_counted_beside_those_that_are_meant() -> None:
    assert overview_of(keyspace(), [shard(), shard(role="Unreachable")]).ready == "1/2"
    assert overview_of(keyspace(), [shard(), None]).ready == "1/2"


@pytest.mark.parametrize(("terms", "said"), [([7], "7"), ([7, 3], "7 3"), ([9, 2, 3, 4, 5], "2..9"), ([], "")])
def test_terms_are_listed_while_they_are_few(terms: list[int], said: str) -> None:
    assert overview_of(keyspace(), [shard(term) for term in terms]).terms == said


def test_the_lag_is_the_worst_of_any_replica() -> None:
    assert overview_of(keyspace(), [shard(lag="over 1 s"), shard(lag="over 10 s"), shard()]).lag == "over 10 s"


def test_a_reshard_comes_before_a_change_of_primary() -> None:
    changing = shard(transition={"mode": "planned", "phase": "Preparing"})
    assert overview_of(keyspace(), [changing]).workflow == "planned shop-x-x"
    claimed = keyspace(reshard={"workflow": "shop-to-4"})
    assert overview_of(claimed, [changing]).workflow == "shop-to-4"
    assert overview_of(keyspace(), [shard()]).workflow == ""


def test_a_shards_members_are_told_in_one_line() -> None:
    def member(number: int, role: str = "Replica", **seen: str) -> MemberStatus:
        return MemberStatus.model_validate({"name": f"m{number}", "role": role, **seen})

    members = [
        member(1, "Primary"),
        member(2, lag="over 1 s"),
        member(3, "Isolated", errant="u:7"),
        member(4, lag="ok"),
    ]
    assert overview_of_members(members) == ShardOverview(members="3/4", lag="over 1 s", errant="m3")
    assert overview_of_members([]) == ShardOverview(members="0/0")
