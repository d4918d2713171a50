"""Channels are told to hold still until they do, and no longer than that makes sense."""

from collections.abc import Mapping

import pytest

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball_topology.moving.verifying import HOLDS, Verifying

BUSY = MemberError(Code.MEMBER_REFUSED, "the thread is busy, and will stop once the current task is complete (1875)")


class Feed:
    """Refuses as often as it is told to."""

    def __init__(self, *refusals: MemberError) -> None:
        self.refusals = list(refusals)
        self.asked = 0

    def hold(self) -> None:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)

    def until(self, holds: Mapping[str, GtidSet]) -> None:
        pass

    def release(self) -> None:
        pass


def hold(feed: Feed) -> None:
    Verifying(None, feed)._hold()  # type: ignore[arg-type]


def test_an_applier_that_is_busy_is_asked_again() -> None:
    feed = Feed(BUSY, BUSY)
    hold(feed)
    assert feed.asked == 3


def test_one_that_never_stops_is_given_up() -> None:
    feed = Feed(*[BUSY] * 100)
    with pytest.raises(MemberError, match="1875"):
        hold(feed)
    assert feed.asked == HOLDS


def test_who_serves_a_newer_term_is_not_asked_again() -> None:
    feed = Feed(MemberError(Code.TERM_TOO_OLD, "a newer term"))
    with pytest.raises(MemberError, match="newer"):
        hold(feed)
    assert feed.asked == 1
