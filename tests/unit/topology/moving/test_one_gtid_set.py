"""At which GTID set two sides are compared."""

from flyball.gtid import GtidSet
from flyball_topology.moving.verifying import of_rows, owed

SOURCE = "00000001-0000-0000-0000-000000000000"
TARGET = "00000002-0000-0000-0000-000000000000"
ONE, TWO, OLD = (f"0000001{digit}-0000-0000-0000-000000000000" for digit in "123")


def test_no_side_waits_for_what_the_other_writes_for_itself():
    """On the way back a source's own writes are known to its target by their uuid, and never come."""
    brought = GtidSet.span(TARGET, 1, 500)
    own = GtidSet.span(SOURCE, 1, 90).union(GtidSet.span(SOURCE, 1, 108, tag="flyball"))
    pruned = GtidSet.span(SOURCE, 1, 9, tag="prune").union(GtidSet.span(TARGET, 1, 3, tag="prune"))
    beats = GtidSet.span(TARGET, 1, 70, tag="flyball")
    assert of_rows(brought.union(own, pruned, beats), SOURCE) == brought


def gtids(*spans: tuple[str, int]) -> GtidSet:
    return GtidSet().union(*(GtidSet.span(uuid, 1, last) for uuid, last in spans))


def test_what_came_from_its_server_is_waited_for() -> None:
    held = gtids((ONE, 30), (TWO, 20))
    assert owed(held, gtids((ONE, 10)), [gtids((TWO, 20))]) == held.only_uuids([ONE])


def test_a_neighbours_server_known_from_an_earlier_reshard_is_not_waited_for() -> None:
    held = gtids((ONE, 30), (TWO, 20))
    first, second = gtids((ONE, 30), (TWO, 5)), gtids((ONE, 4), (TWO, 20))
    missing = owed(held, first, [second]).subtract(first)
    assert missing.is_empty


def test_what_nobody_holds_yet_is_waited_for_at_whoever_knows_its_server() -> None:
    """The two shards' way back brought what a target of theirs had written; one of their members is behind."""
    held, known = gtids((ONE, 3), (OLD, 9)), gtids((ONE, 3), (OLD, 7))
    assert owed(held, known, [gtids((OLD, 8))]).subtract(known) == GtidSet.span(OLD, 9)
