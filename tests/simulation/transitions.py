"""The language in which a member's behaviour is written down, to be held against the model and against real mysqld.

A transition is data: a shard in a known state, what is done to it or befalls it, and what can be seen afterwards. A
:class:`Bench` carries it out, once on :mod:`tests.simulation.server` and once on mysqld processes; both must show the
same. The shard has the members ``a``, ``b`` and ``c``. Terms are small numbers: ``a`` reigns under 3.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from flyball.gtid import NOTHING, GtidSet
from flyball.records.keyspace import DurabilitySpec
from flyball_topology.notes import Note
from flyball_topology.view import Snapshot

MEMBERS = ("a", "b", "c")
REIGN = 3
"""The term under which ``a`` reigns, as the table writes it."""

OK = "ok"
WAITS = "waits"
"""For an acknowledgement."""
LOST = "lost"
"""The session ended without an answer."""

OPEN = (False, False, False)
FROZEN = (True, True, False)
CLOSED = (True, True, True)
APART = (False, True, True)
"""Writable for flyball alone: being established, or waiting for a clone."""


class Given(Enum):
    """Where a transition begins."""

    EMPTY = "three members that were just made, closed"
    REIGNING = "a reigns under term 3 with one acknowledgement; b and c follow it and may acknowledge"


@dataclass(frozen=True, slots=True)
class Act:
    """A procedure of a member is called."""

    member: str
    name: str
    term: int
    given: Mapping[str, Any]
    hears: str


@dataclass(frozen=True, slots=True)
class Write:
    """A client writes one row, in a session of its own. What was written is known as ``label`` from then on."""

    member: str
    label: str
    hears: str


@dataclass(frozen=True, slots=True)
class Hears:
    """What the client of an earlier write has heard by now."""

    label: str
    what: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something befalls members."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sees:
    """What a probe of the member shows, sooner or later; see :func:`observe`."""

    member: str
    wanted: Mapping[str, Any]


Step = Act | Write | Hears | Event | Sees


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the table."""

    name: str
    steps: tuple[Step, ...]
    given: Given = Given.REIGNING

    def __str__(self) -> str:
        return self.name


def act(member: str, name: str, term: int = REIGN, *, hears: str = OK, **given: Any) -> Act:
    return Act(member, name, term, given, hears)


def write(member: str, label: str, hears: str = OK) -> Write:
    return Write(member, label, hears)


def hears(label: str, what: str) -> Hears:
    return Hears(label, what)


def event(name: str, *members: str) -> Event:
    return Event(name, members)


def sees(member: str, **wanted: Any) -> Sees:
    return Sees(member, wanted)


def note(issue: str) -> Note:
    """What an act has a member note, told apart by the name of the issue."""
    durability = DurabilitySpec()
    return Note(REIGN, issue, 0, "a", "uuid", "", (), durability, MEMBERS, None, serving=True)


@dataclass(slots=True)
class Labels:
    """What the transition's own names stand for."""

    members: Mapping[str, str]
    """A member's name by its uuid, by its account, and by each address that leads to it."""
    shift: int = 0
    """What to add to a term of the table."""
    writes: dict[str, GtidSet] = field(default_factory=dict)

    def term(self, number: int | None) -> int | None:
        """A member's term as the table writes it; 0 and unknown stay what they are."""
        return number - self.shift if number else number

    def held(self, names: tuple[str, ...]) -> GtidSet:
        found = NOTHING
        for name in names:
            found = found.union(self.writes[name])
        return found


class Bench(Protocol):
    """Carries steps out, on whatever it has for members."""

    labels: Labels

    def begin(self, given: Given) -> None: ...

    def act(self, step: Act) -> str:
        """``ok``, ``waits``, or the code of what it was refused with."""

    def write(self, step: Write) -> str:
        """The same; what is written has its label from then on."""

    def heard(self, label: str) -> str:
        """``ok``, ``waits``, ``lost`` or a code: what the client knows now."""

    def happens(self, step: Event) -> None: ...

    def look(self, member: str) -> Snapshot: ...

    def until(self, what: Callable[[], str]) -> str:
        """Let things go on until ``what`` says nothing is wrong any more, or there is no hope; returns what it said."""


def carry_out(bench: Bench, transition: Transition) -> None:
    """Carry the transition out.

    :raises AssertionError: something else was seen; the message says after which step.
    """
    bench.begin(transition.given)
    for number, step in enumerate(transition.steps, 1):
        wrong = _step(bench, step)
        assert not wrong, f"{transition.name}: step {number}, {step}: {wrong}"


def _step(bench: Bench, step: Step) -> str:
    match step:
        case Act():
            return _differs(step.hears, bench.act(step))
        case Write():
            return _differs(step.hears, bench.write(step))
        case Hears():
            return bench.until(lambda: _differs(step.what, bench.heard(step.label)))
        case Event():
            bench.happens(step)
            return ""
        case Sees():
            return bench.until(lambda: "; ".join(_missed(bench, step)))


def _differs(wanted: str, got: str) -> str:
    return "" if wanted == got else f"{got}, not {wanted}"


def _missed(bench: Bench, step: Sees) -> Iterator[str]:
    seen = observe(bench.look(step.member), bench.labels)
    for name, wanted in step.wanted.items():
        if name in {"has", "lacks", "got", "missed", "purged", "kept"}:
            yield from _sets(name, seen, bench.labels, wanted)
        elif seen[name] != wanted:
            yield f"{name} is {seen[name]}, not {wanted}"


def _sets(name: str, seen: Mapping[str, Any], labels: Labels, wanted: tuple[str, ...]) -> Iterator[str]:
    """``has``/``lacks``: executed or not; ``got``/``missed``: received or not; ``purged``/``kept``: its binary log."""
    which, present = {
        "has": ("executed", True),
        "lacks": ("executed", False),
        "got": ("received", True),
        "missed": ("received", False),
        "purged": ("gone", True),
        "kept": ("gone", False),
    }[name]
    for label in wanted:
        if seen[which].contains(labels.held((label,))) is not present:
            yield f"{label} is {'not ' if present else ''}among what is {which}"


def observe(seen: Snapshot, labels: Labels) -> dict[str, Any]:
    """A probe in the table's own words."""
    channel = seen.channel
    return {
        "door": (seen.super_read_only, seen.read_only, seen.offline),
        "promise": labels.term(seen.promise),
        "opened": labels.term(seen.opened),
        "reigned": labels.term(seen.reigned),
        "issue": seen.issue,
        "noted": seen.noted - labels.shift,
        "attached": seen.note.issue if seen.note else None,
        "journal": labels.term(seen.journal_term),
        "waiting": seen.waiting,
        "semi": seen.semi_sync_source,
        "acks": seen.semi_sync_acks,
        "acknowledges": seen.semi_sync_replica,
        "source": labels.members.get(channel.address) if channel else None,
        "receiver": channel.receiver if channel else None,
        "receiver_errno": channel.receiver_errno if channel else None,
        "applier": channel.applier_on if channel else None,
        "applier_errno": channel.applier_errno if channel else None,
        "followers": {labels.members[account] for account in seen.followers},
        "locked": None if seen.accounts is None else _locked(seen.accounts, labels),
        "clone": seen.clone_state,
        "database": None if seen.databases is None else "commerce" in seen.databases,
        "executed": seen.executed,
        "received": seen.received,
        "gone": seen.purged,
    }


def _locked(accounts: Mapping[str, bool], labels: Labels) -> set[str]:
    found = set()
    for account, locked in accounts.items():
        with suppress(KeyError):
            name = labels.members[account]
            if locked:
                found.add(name)
    return found
