"""How a member leaves, as an engine sees it: one at a time, the primary last, released for this very wish."""

import pytest

from flyball.leaving import is_released, leaving, next_to_leave
from flyball.records import Metadata, Shard
from flyball.records.shard import Intent, MemberSpec, MemberStatus, Reign, Release, Role, ShardSpec, ShardStatus

NAMES = ("s-x-1", "s-x-2", "s-x-3")


def shard(*told: str, generation: int = 4, primary: str = "s-x-3", release: Release | None = None) -> Shard:
    members = tuple(
        MemberSpec(name=name, host="h", port=1, incarnation=2, intent=Intent.LEAVE if name in told else Intent.SERVE)
        for name in NAMES
    )
    seen = tuple(MemberStatus(name=name, role=Role.REPLICA, released_for=release) for name in told)
    return Shard(
        metadata=Metadata(name="s-x", generation=generation),
        spec=ShardSpec(keyspace="s", range="-", database="s", members=members, credentials="c"),
        status=ShardStatus(members=seen, reign=Reign(term=1, primary=primary)),
    )


def test_the_highest_ordinal_goes_first_and_the_primary_last():
    assert next_to_leave(shard(), NAMES) == "s-x-2"
    assert next_to_leave(shard(), ["s-x-3"]) == "s-x-3"
    assert next_to_leave(shard(), []) is None


@pytest.mark.parametrize(
    ("release", "let_go"),
    [
        (None, False),
        (Release(incarnation=2, generation=4), True),
        (Release(incarnation=1, generation=4), False),
        (Release(incarnation=2, generation=3), False),
    ],
)
def test_only_the_wish_that_stands_is_answered(release, let_go):
    assert is_released(shard("s-x-1", release=release), "s-x-1") is let_go


def test_a_member_that_shall_serve_is_never_released():
    record = shard("s-x-1", release=Release(incarnation=2, generation=4))
    assert not is_released(record, "s-x-2")
    assert not is_released(record, "no-such")
    assert [member.name for member in leaving(record)] == ["s-x-1"]
