"""At which GTID set two sides are compared."""

from flyball.gtid import GtidSet
from flyball_topology.moving.verifying import of_rows

SOURCE = "00000001-0000-0000-0000-000000000000"
TARGET = "00000002-0000-0000-0000-000000000000"


def test_no_side_waits_for_what_the_other_writes_for_itself():
    """On the way back a source's own writes are known to its target by their uuid, and never come."""
    brought = GtidSet.span(TARGET, 1, 500)
    own = GtidSet.span(SOURCE, 1, 90).union(GtidSet.span(SOURCE, 1, 108, tag="flyball"))
    pruned = GtidSet.span(SOURCE, 1, 9, tag="prune").union(GtidSet.span(TARGET, 1, 3, tag="prune"))
    beats = GtidSet.span(TARGET, 1, 70, tag="flyball")
    assert of_rows(brought.union(own, pruned, beats), SOURCE) == brought
