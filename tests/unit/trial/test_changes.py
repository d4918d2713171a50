"""When a shard counts as whole again."""

import pytest

from flyball.records import Condition, Metadata, Shard
from flyball.records.shard import MemberSpec, MemberStatus, Mode, Phase, Reign, Role, ShardSpec, ShardStatus, Transition
from flyball_local.trial.changes import is_whole

MEMBERS = ("a", "b", "c")


def shard(**changes: object) -> Shard:
    members = tuple(MemberSpec(name=name, host="127.0.0.1", port=3306) for name in MEMBERS)
    spec = ShardSpec(keyspace="k", range="-", database="k", members=members, credentials="k")
    roles = {"a": Role.PRIMARY, "b": Role.REPLICA, "c": Role.REPLICA}
    status = ShardStatus(
        reign=Reign(term=3, primary="a"),
        ackers=MEMBERS,
        members=tuple(MemberStatus(name=name, role=role) for name, role in roles.items()),
        conditions=(Condition(type="Healthy", status=True, reason="AsDeclared"),),
    )
    return Shard(metadata=Metadata(name="k-x-x"), spec=spec, status=status.model_copy(update=changes))


def test_one_primary_and_replicas_that_count_are_whole():
    assert is_whole(shard())


@pytest.mark.parametrize(
    "changes",
    [
        {"reign": Reign(term=4, primary="b")},  # it has just changed: what was published is of the reign before
        {"transition": Transition(mode=Mode.PLANNED, phase=Phase.PREPARING)},
        {"ackers": ("a", "b")},
        {"conditions": (Condition(type="Healthy", status=False, reason="MemberUnreachable"),)},
        {"conditions": ()},
        {"members": (MemberStatus(name="a", role=Role.PRIMARY), MemberStatus(name="b", role=Role.REPLICA))},
    ],
)
def test_anything_less_is_not(changes):
    assert not is_whole(shard(**changes))
