"""A change of *what counts* in a living reign: who may acknowledge, or how many must (rule 11).

    one alone     what counts now
    both          the one and the other: who acknowledges a write does so under either, and only both depose. As many
                  know it as would have acknowledged a write, before anything further is said to anybody
    one alone     the other, once whatever was written is held as it wants; or the one of before, at any moment

What a reign has decided stands in its election, in order; members note it by its place there, in any order, whenever
the word reaches them. A member outside of what counts alone by now has left, and may be made anew: it forgets
everything, and obeys whatever was decided before.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.proofs.state import NAMES, Counting, Election, Member, State, put, with_member

if TYPE_CHECKING:
    from tests.proofs.failover import World


def acts(world: "World", state: State) -> Iterator[tuple[str, State]]:
    """What may come next in each reign."""
    begun = sum(len(counting) == 2 for election in state.elections for counting in election.counts[1:])
    for index, election in enumerate(state.elections):
        if election.choice is None:
            continue
        who, latest = election.choice.candidate, len(election.counts) - 1
        noted = [n for n, member in enumerate(state.members) if _is_attached(member, index, election)]
        if state.members[who].opened == index:
            yield from _decides(world, state, index, noted, begun)
        for n in noted:
            for version in range(state.members[n].version + 1, latest + 1):
                yield (
                    f"{NAMES[n]} learns that {_said(election.counts[version])} count under #{index}",
                    with_member(state, n, state.members[n]._replace(version=version)),
                )
        yield from _made_anew(world, state, index, noted)


def _is_attached(member: Member, index: int, election: Election) -> bool:
    return member.note == index and member.promise == (election.number, election.name)


def _decides(world: "World", state: State, index: int, noted: list[int], begun: int) -> Iterator[tuple[str, State]]:
    election = state.elections[index]
    counting, who = election.counts[-1], election.choice.candidate
    if len(counting) == 1:
        if begun < world.changes:
            for other in range(len(world.policies)):
                both = (*counting, other)
                if other != counting[0] and world.able(who, both):
                    yield f"{_said(both)} are to count under #{index}", _decided(state, index, both)
        return
    if world.takes_back:
        yield f"only {_said(counting[:1])} counts again under #{index}", _decided(state, index, counting[:1])
    old, new = counting
    latest = len(election.counts) - 1
    known = sum(1 << n for n in noted if state.members[n].version == latest)
    log = set(state.members[who].log)
    holders = sum(1 << n for n in noted if log <= set(state.members[n].log))
    widely = known >> who & 1 and world.acknowledged((old,), who, known)
    if (widely or not world.rules.both_known) and (
        world.acknowledged((new,), who, holders) or not world.rules.held_first
    ):
        yield f"only {_said((new,))} counts under #{index}", _decided(state, index, (new,))


def _made_anew(world: "World", state: State, index: int, noted: list[int]) -> Iterator[tuple[str, State]]:
    election = state.elections[index]
    who, latest = election.choice.candidate, len(election.counts) - 1
    counting = election.counts[latest]
    known = sum(1 << n for n in noted if state.members[n].version == latest)
    gone = len(counting) == 1 and known >> who & 1 and world.acknowledged(counting, who, known)
    if latest == 0 or not (gone or (len(counting) == 2 and not world.rules.left_first)):
        return
    for n, member in enumerate(state.members):
        if not world.able(n, counting) and member.log and member.opened == -1:
            new = Member((0, 0), -1, 0, -1, -1, ())
            yield f"{NAMES[n]} is made anew, of an old copy", with_member(state, n, new)


def _decided(state: State, index: int, counting: Counting) -> State:
    election = state.elections[index]
    changed = election._replace(counts=(*election.counts, counting))
    return state._replace(elections=put(state.elections, index, changed))


def _said(counting: Counting) -> str:
    return " and ".join(f"policy {p}" for p in counting)
