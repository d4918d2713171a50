"""What a small world of failovers consists of: members, elections, a record; and the rules that a protocol keeps."""

from dataclasses import dataclass, replace
from typing import NamedTuple

NAMES = "abc"
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
    leave_known: bool = True
    """The smaller ack set is in force only once enough members know that it may come to be."""
    leave_held: bool = True
    """... and once those who stay hold everything."""
    leave_binds: bool = True
    """A reign that begins halfway through takes candidate and acks from those who stay."""
    join_known: bool = True
    """A member that joins is let in only once so many know of it as would acknowledge a write without it."""
    left_first: bool = True
    """A member is made anew only after it has left."""


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
    """Of the ack set, in that reign: 1 as it was, 2 both count, 3 the smaller one."""
    opened: int
    """The election under which it takes writes, or -1."""
    follows: int
    """The election whose primary it replicates from, or -1."""
    log: tuple[int, ...]


class Reply(NamedTuple):
    """What a fenced member said."""

    note: int
    version: int
    log: tuple[int, ...]


class Choice(NamedTuple):
    """Who was appointed, what the line was, and which ack set its reign begins with."""

    candidate: int
    base: frozenset[int]
    version: int


class Election(NamedTuple):
    number: int
    name: int
    by_record: bool
    replies: tuple[Reply | None, ...] = ()
    choice: Choice | None = None
    second: Choice | None = None
    """Another choice under the same issue: where nothing forbids it."""


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


def mirrored(state: State) -> State:
    """The same state for a world in which nothing but their names tells ``b`` and ``c`` apart."""
    a, b, c = state.members
    if b <= c:
        return state
    return state._replace(
        members=(a, c, b),
        elections=tuple(
            e._replace(
                replies=(e.replies[0], e.replies[2], e.replies[1]) if e.replies else (),
                choice=e.choice and e.choice._replace(candidate=_SWAPPED[e.choice.candidate]),
            )
            for e in state.elections
        ),
        acks=tuple(acks if acks <= 0 else _SWAPPED_BITS[acks] for acks in state.acks),
    )


_SWAPPED = (0, 2, 1)
_SWAPPED_BITS = (0, 1, 4, 5, 2, 3, 6, 7)


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


def with_version(state: State, n: int, version: int) -> State:
    return with_member(state, n, state.members[n]._replace(version=version))
