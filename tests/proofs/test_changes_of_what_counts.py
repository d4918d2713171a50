"""One change of what counts, in three notes (``changing.py``): members leave and join, a durability gives way.

Searched with one new term, which anybody may propose at any moment: before, between and after the notes. Either reign
may ask for a change. Larger worlds, and changes that are taken back: ``python -m tests.proofs``.
"""

import pytest

from flyball.durability import SemiSync
from tests.proofs.failover import World, explore
from tests.proofs.state import MEMBERS, mirrored, without

A_TERM = ((2, False),)
ALL, TWO = SemiSync(1, frozenset("abc")), SemiSync(1, frozenset("ab"))
LEAVING, JOINING = (ALL, TWO), (TWO, ALL)
STRICTER = ALL, SemiSync(2, frozenset("abc"))


# --- what holds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "more"),
    [
        pytest.param(LEAVING, {}, id="a member leaves, and is made anew"),
        pytest.param(JOINING, {}, id="a member joins"),
        pytest.param(STRICTER, {"fold": mirrored}, id="more acknowledgements are asked for"),
    ],
)
def test_what_counts_changes_while_a_term_is_proposed(policies, more):
    found = explore(World(MEMBERS, policies, changes=1), A_TERM, **more)
    assert found.broken == ""
    assert found.states > 50_000


# --- what breaks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["both_known", "both_bind", "held_first", "left_first"])
def test_each_rule_of_leaving_is_needed(rule):
    assert explore(World(without(rule), LEAVING, changes=1), A_TERM).broken == "b reigns without [0]"


def test_a_member_that_joins_is_not_let_in_before_enough_know_of_it():
    """Else one that does not know deposes by the smaller set, and misses the two who acknowledged."""
    assert explore(World(without("both_known"), JOINING, changes=1), A_TERM).broken == "b reigns without [0]"


@pytest.mark.parametrize("rule", ["both_known", "held_first"])
def test_each_rule_of_another_durability_is_needed(rule):
    fewer = STRICTER[::-1]
    world = World(without(rule), STRICTER if rule == "held_first" else fewer, changes=1)
    assert explore(world, A_TERM, fold=mirrored).broken
