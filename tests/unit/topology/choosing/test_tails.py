"""What nobody can have acknowledged, held against every way in which it could have been."""

from itertools import product

import pytest

from flyball.gtid import GtidSet
from flyball_topology.revocation import durability
from flyball_topology.tails import never_acknowledged
from tests.unit.topology.views import dead, emergency, fenced, gtids, healthy, holding, with_status


@pytest.mark.parametrize("acks", [1, 2])
@pytest.mark.parametrize("leaving", [False, True])
def test_a_write_counts_as_never_acknowledged_only_where_no_holders_could_have_acknowledged_it(acks, leaving):
    """m1 wrote one more; each other member holds it, lacks it, or is not reached."""
    for states in product(("holds", "lacks", "away"), repeat=3):
        view = emergency(dead(healthy(4, acks=acks), "m1"))
        if leaving:
            view = with_status(view, ackers_next=("m1", "m2", "m3"))
        for name, state in zip(("m2", "m3", "m4"), states, strict=True):
            held = holding(view, name, gtids(m1="1-10")) if state == "holds" else view
            view = dead(held, name) if state == "away" else fenced(held, name, 2)
        reached = [member for member in view.members.values() if member.seen is not None]
        may_hold = frozenset(n for n, state in zip(("m2", "m3", "m4"), states, strict=True) if state != "lacks")
        expected = gtids(m1="10") if "holds" in states and not durability(view).acknowledged("m1", may_hold) else None
        assert never_acknowledged(view, reached) == (expected or GtidSet()), states


def test_what_a_reign_began_with_is_never_given_up():
    view = holding(fenced(emergency(healthy(2)), "m2", 2), "m2", gtids(m1="1-3"))
    base = view.shard.status.reign.model_copy(update={"base": str(gtids(m1="1-9"))})
    view = with_status(fenced(view, "m1", 2), reign=base)
    assert never_acknowledged(view, view.members.values()).is_empty
