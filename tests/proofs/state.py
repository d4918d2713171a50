"""What a small world of failovers consists of: members, elections, a record; and the rules that a protocol keeps."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

NAMES = "abcd"
WRITES = 1
"""Writes in a reign: the first one is the journal row, as far as anything here can tell."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol."""

    by_members: bool = True
    """Terms may be proposed without the record, and its restoration changes nothing."""
    named_issue: bool = True
    """A promise names the issue of the term beside its number: members tell two proposals of one number apart."""
    one_choice: bool = True
    """An issue appoints one candidate, once."""
    whoever_reigned: bool = True
    """Revocation holds for whatever member may have reigned, not for recorded suspects alone."""
    attached_first: bool = True
    """A member gives acks under a reign only once it has promised and noted it."""
    noted_line: bool = True
    """The line is that of the newest reign that a reached member has noted, not that of the record."""
    whole_line: bool = True
    """The candidate holds all of the line that any reached member holds."""
    kept_promise: bool = True
    """A promise and a note survive a stop."""
    of_the_set: bool = True
    """Candidates are of the ack set, of both sets while two count: those alone are looked for when one is deposed."""
    both_known: bool = True
    """What counts is replaced only once so many know that both may count as would acknowledge a write before."""
    both_bind: bool = True
    """While both count, candidate and acknowledgements are such as either wants."""
    held_first: bool = True
    """... and what was written before is held as the new one wants it, before that counts alone."""
    left_first: bool = True
    """A member is made anew only once enough members know that it has left."""


MEMBERS = Rules()
TODAY = Rules(
    by_members=False, named_issue=False, whoever_reigned=False, attached_first=False, noted_line=False,
)  # fmt: skip


class Member(NamedTuple):
    promise: tuple[int, int]
    """The number of the term, and the name of its issue."""
    note: int
    """The election whose reign the member has attached to, or begun; -1: none since it was made."""
    version: int
    """Which of the changes of what counts in that reign it has noted."""
    opened: int
    """The election under which it takes writes, or -1."""
    follows: int
    """The election whose primary it replicates from, or -1."""
    log: tuple[int, ...]


Counting = tuple[int, ...]
"""Which of the world's durabilities count: one, or two while one gives way to the other."""


class Reply(NamedTuple):
    """What a fenced member said."""

    note: int
    version: int
    log: tuple[int, ...]


class Choice(NamedTuple):
    """Who was appointed, and what the line was."""

    candidate: int
    base: frozenset[int]


class Election(NamedTuple):
    number: int
    name: int
    by_record: bool
    replies: tuple[Reply | None, ...] = ()
    choice: Choice | None = None
    second: Choice | None = None
    """Another choice under the same issue: where nothing forbids it."""
    counts: tuple[Counting, ...] = ()
    """What counts in this reign, from its beginning on."""


class Record(NamedTuple):
    """What the record store says, for elections that go by it."""

    issued: int = 1
    transition: int = -1
    reign: int = 0
    suspects: tuple[int, ...] = ()


class State(NamedTuple):
    members: tuple[Member, ...]
    elections: tuple[Election, ...]
    record: Record
    acks: tuple[int, ...]
    """Of each write, a bit for each member that gave its ack; -1 once the client has heard ok."""
    wrong: str = ""


def mirrored(state: State, alike: str = NAMES[1:]) -> State:
    """The same state for a world in which nothing but their names tells the members of ``alike`` apart."""
    places = [n for n in range(len(state.members)) if NAMES[n] in alike]
    members = [state.members[n] for n in places]
    if all(one < next_one for one, next_one in pairwise(members)):
        return state
    order = sorted(places, key=lambda n: _all_about(state, n))
    if order == places:
        return state
    turned = dict(zip(places, order, strict=True))
    return _renamed(state, [turned.get(n, n) for n in range(len(state.members))])


def _all_about(state: State, n: int) -> tuple:
    """All that a state says of a member but its name: who agree in this can change places."""
    elections = tuple(
        (
            (-1,) if not e.replies or e.replies[n] is None else e.replies[n],
            e.choice is not None and e.choice.candidate == n,
            e.second is not None and e.second.candidate == n,
        )
        for e in state.elections
    )
    return state.members[n], elections, tuple(acks > 0 and acks >> n & 1 for acks in state.acks)


def _renamed(state: State, order: list[int]) -> State:
    """``order``: who stands where, by the names of before."""
    place = [order.index(n) for n in range(len(order))]
    return state._replace(
        members=tuple(state.members[n] for n in order),
        elections=tuple(
            e._replace(
                replies=tuple(e.replies[n] for n in order) if e.replies else (),
                choice=e.choice and e.choice._replace(candidate=place[e.choice.candidate]),
                second=e.second and e.second._replace(candidate=place[e.second.candidate]),
            )
            for e in state.elections
        ),
        acks=tuple(
            acks if acks <= 0 else sum(1 << place[n] for n in range(len(order)) if acks >> n & 1) for acks in state.acks
        ),
    )


def without(rule: str, rules: Rules = MEMBERS) -> Rules:
    """The protocol with one rule taken out."""
    return replace(rules, **{rule: False})


def reigns_at(state: State, index: int, follower: int = -1) -> int:
    """The member that an election appointed; where it appointed two, the one that ``follower`` is not."""
    election = state.elections[index]
    if election.choice is None:
        return -1
    return (
        election.second.candidate
        if election.second and follower == election.choice.candidate
        else election.choice.candidate
    )


def author(state: State, write: int) -> int:
    return reigns_at(state, write // WRITES)


def title(state: State, index: int) -> str:
    election = state.elections[index]
    return f"term {election.number}{'' if index == 0 else f' (#{index})'}"


def put(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])


def with_member(
    state: State, n: int, member: Member, index: int | None = None, election: Election | None = None
) -> State:
    elections = state.elections if index is None else put(state.elections, index, election)
    return state._replace(members=put(state.members, n, member), elections=elections)
