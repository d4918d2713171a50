"""At which GTID set two sides are compared."""

from flyball.gtid import GtidSet
from flyball_topology.moving.verifying import of_rows

SOURCE = "00000001-0000-0000-0000-000000000000"


def test_no_side_waits_for_what_the_other_writes_for_itself():
    """On the way back a source's own heartbeats and prunes are known to its target by their uuid, and never come."""
    rows = GtidSet.span(SOURCE, 1, 500)
    held = rows.union(GtidSet.span(SOURCE, 1, 108, tag="flyball"), GtidSet.span(SOURCE, 1, 9, tag="prune"))
    assert of_rows(held) == rows
