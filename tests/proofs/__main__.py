"""``python -m tests.proofs [PART]``: the worlds that take minutes each, those with ``PART`` in their name.

Prints of each how many states it has, and the way to the first broken one, if there is any.
"""

import sys
import time
from functools import partial

from flyball.durability import CrossZone, Durability, SemiSync
from tests.proofs.failover import World, explore
from tests.proofs.state import MEMBERS, mirrored, without

A_TERM, TWO_TERMS = ((2, False),), ((2, False), (3, False))
ZONES = CrossZone.across({"a": "x", "b": "x", "c": "y"}, acks=1, ackers=frozenset("abc"))


def ackers(names: str, acks: int = 1) -> Durability:
    """Any of these."""
    return SemiSync(acks, frozenset(names))


ABC, AB = ackers("abc"), ackers("ab")
WORLDS = {
    "three members, two acks, two terms": (World(MEMBERS, (ackers("abc", 2),)), TWO_TERMS, "bc"),
    "a member leaves, and that is taken back": (World(MEMBERS, (ABC, AB), changes=1, takes_back=True), A_TERM, ""),
    "a member joins, and that is taken back": (World(MEMBERS, (AB, ABC), changes=1, takes_back=True), A_TERM, ""),
    "more acks, and that is taken back": (
        World(MEMBERS, (ABC, ackers("abc", 2)), changes=1, takes_back=True),
        A_TERM,
        "bc",
    ),
    "fewer acks, and that is taken back": (
        World(MEMBERS, (ackers("abc", 2), ABC), changes=1, takes_back=True),
        A_TERM,
        "bc",
    ),
    "across zones": (World(MEMBERS, (ABC, ZONES), changes=1), A_TERM, ""),
    "across zones no more": (World(MEMBERS, (ZONES, ABC), changes=1), A_TERM, ""),
    "a member leaves, is made anew, and joins": (World(MEMBERS, (ABC, AB), changes=2), A_TERM, ""),
    "two of four leave": (World(MEMBERS, (ackers("abcd"), AB), changes=1, count=4), A_TERM, "cd"),
    "more acks among four": (World(MEMBERS, (ackers("abcd"), ackers("abcd", 2)), changes=1, count=4), A_TERM, "bcd"),
    "four members, two terms": (World(MEMBERS, (ackers("abcd"),), count=4), TWO_TERMS, "bcd"),
    "more acks among four, noted by the primary alone": (
        World(without("both_known"), (ackers("abcd"), ackers("abcd", 2)), changes=1, count=4),
        A_TERM,
        "bcd",
    ),
}
"""Each with what is proposed, and with the members that nothing but their names tells apart."""


def main() -> None:
    part = " ".join(sys.argv[1:])
    for name in (name for name in WORLDS if part in name):
        world, plan, alike = WORLDS[name]
        began = time.monotonic()
        fold = {"fold": partial(mirrored, alike=alike)} if alike else {}
        found = explore(world, plan, most=20_000_000, **fold)
        took = time.monotonic() - began
        print(f"{name}: {found.states} states, {took:.0f} s: {found.broken or 'nothing lost'}", flush=True)  # noqa: T201
        for act in found.way:
            print(f"    {act}")  # noqa: T201


if __name__ == "__main__":
    main()
