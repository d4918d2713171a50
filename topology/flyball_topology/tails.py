"""Tails: what of the line no client can have heard ok for.

A write was acknowledged only if enough of the ack-givers held it (``flyball.durability``), and whoever received
something keeps it. So where enough of them are reached and lack a write, it never was acknowledged, and never will be:
they obey a newer term, and receive nothing. Such writes are kept where that costs nothing. Where two members each
hold some that the other lacks (both were opened one after the other, and lost before anybody followed), giving up the
one tail or the other loses nothing that was promised to anybody.

A member that is being made anew may have held, and forgotten: it counts as one that holds everything (rule 6).
"""

from collections.abc import Iterable

from flyball.gtid import NOTHING, GtidSet
from flyball_topology.line import base, declared, line_of
from flyball_topology.revocation import being_made, durability, suspects
from flyball_topology.view import MemberView, View


def never_acknowledged(view: View, reached: Iterable[MemberView]) -> GtidSet:
    """The part of what the ``reached`` hold of the line that was never acknowledged. They must be fenced."""
    remade = being_made(view)
    lines = {member.name: line_of(view, member.seen) for member in reached if member.seen is not None}
    trusted = {name: line for name, line in lines.items() if name not in remade}
    kept = base(view).union(declared(view))
    written = NOTHING.union(*lines.values()).subtract(kept)
    predicate, found = durability(view), NOTHING
    for suspect in suspects(view):
        own = written.only_uuids([suspect.uuid])
        if own.is_empty:
            continue
        ways = predicate.missing_for_revocation(suspect.name, primary_reached=False, reached=frozenset())
        for way in ways - {frozenset({suspect.name})}:
            if way <= trusted.keys():
                found = found.union(own.subtract(NOTHING.union(*(trusted[name] for name in way))))
    return found
