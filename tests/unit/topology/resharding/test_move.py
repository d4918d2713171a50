"""What the ports are told about a reshard."""

import pytest

from flyball.records.keyspace import ShardRoute
from flyball_topology.reshard.port import Move
from tests.unit.topology.resharding.views import view_at, with_spec


def move(sources: str, targets: str) -> Move:
    """Nothing of the targets is made yet: a check comes before that."""

    def routes(ranges: str, side: str) -> tuple[ShardRoute, ...]:
        return tuple(ShardRoute(range=part, shard=f"{side}{n}") for n, part in enumerate(ranges.split(), 1))

    spec = with_spec(view_at(), sources=routes(sources, "s"), targets=routes(targets, "t")).reshard.spec
    return Move("w", spec, view_at().keyspace, (), ())


@pytest.mark.parametrize(
    ("sources", "targets", "merges"),
    [
        ("-", "-80 80-", ()),
        ("-80 80-", "-", ("t1",)),
        ("-80 80-", "-55 55-aa aa-", ("t2",)),
        ("-80 80-", "-40 40-80 80-c0 c0-", ()),
        ("-55 55-aa aa-", "-80 80-", ("t1", "t2")),
    ],
)
def test_targets_that_take_rows_of_several_sources_are_told_before_they_are_made(
    sources: str, targets: str, merges: tuple[str, ...]
):
    """Else a check would not refuse unique keys that two sources may have given out alike (rule 20)."""
    assert move(sources, targets).merges() == merges


@pytest.mark.parametrize(
    ("sources", "targets", "splits"),
    [("-", "-80 80-", ("s1",)), ("-80 80-", "-", ()), ("-80 80-", "-55 55-aa aa-", ("s1", "s2"))],
)
def test_sources_whose_rows_go_to_several_targets_are_told_before_those_are_made(
    sources: str, targets: str, splits: tuple[str, ...]
):
    """On the way back they are merged, and what two targets gave out alike would collide (rule 20)."""
    assert move(sources, targets).splits() == splits
