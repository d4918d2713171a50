"""Notes: what a member remembers of the reign that it has attached to, beside its promise.

The record names the reign, its line and its ack set. So do the members, each for itself: a note stands in the fence
row, unlogged, and survives restarts. The primary writes its own when it opens and when its ack set changes; a member
does when it is told to follow the primary, before it acknowledges anything of that reign (rule 7). The newest note
among enough members is of the newest reign that can have had a write acknowledged; of one reign the highest version
counts. So whatever is recorded of what counts, a beginning or an end, is recorded under another version.

In a planned change the others attach while the old primary is being fenced, before it is known that it wrote nothing
more. Their note's line goes on from the reign before (``since``), so that whatever it wrote belongs to it.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

from flyball.records import Shard
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.shard import Mode, Reign, Transition
from flyball_topology import steps


@dataclass(frozen=True, slots=True)
class Note:
    """One reign, as a member was told of it."""

    term: int
    issue: str
    version: int
    """Of the record: it rises with the ack set, within a reign too."""
    primary: str
    uuid: str
    base: str
    """The line that the reign began with; the primary's own transactions come after it."""
    since: tuple[str, ...]
    """Other uuids that may have added to the line since ``base``."""
    durability: DurabilitySpec
    ackers: tuple[str, ...]
    ackers_next: tuple[str, ...] | None
    """The set that will replace ``ackers``; until then both count."""
    serving: bool
    durability_next: DurabilitySpec | None = None
    """The one that will replace ``durability``; until then both count."""

    @property
    def age(self) -> tuple[int, int]:
        """Notes in their order: by term, then by version."""
        return self.term, self.version

    def text(self) -> str:
        """As it stands in the member's fence row."""
        told = {
            "term": self.term,
            "issue": self.issue,
            "version": self.version,
            "primary": self.primary,
            "uuid": self.uuid,
            "base": self.base,
            "since": self.since,
            "policy": self.durability.policy.value,
            "acks": self.durability.acks,
            "ackers": self.ackers,
            "next": self.ackers_next,
            "serving": self.serving,
            "coming": self.durability_next and [self.durability_next.policy.value, self.durability_next.acks],
        }
        return json.dumps(told, separators=(",", ":"))


@lru_cache(maxsize=8192)
def parse(text: str) -> Note | None:
    """The note that a fence row holds; ``None`` for one that this version cannot read: it counts as none."""
    try:
        told = json.loads(text)
        return Note(
            term=told["term"],
            issue=told["issue"],
            version=told["version"],
            primary=told["primary"],
            uuid=told["uuid"],
            base=told["base"],
            since=tuple(told["since"]),
            durability=DurabilitySpec(policy=DurabilityPolicy(told["policy"]), acks=told["acks"]),
            ackers=tuple(told["ackers"]),
            ackers_next=None if told["next"] is None else tuple(told["next"]),
            serving=told["serving"],
            durability_next=_coming_durability(told.get("coming")),  # older ones do not tell
        )
    except (LookupError, TypeError, ValueError):
        return None


def _coming_durability(told: tuple[str, int] | None) -> DurabilitySpec | None:
    return None if told is None else DurabilitySpec(policy=DurabilityPolicy(told[0]), acks=told[1])


def of_term(shard: Shard, term: int) -> Note | None:
    """What there is to note of ``term``: the reign, or the one that is about to begin; ``None`` where nobody has it."""
    reign, transition = shard.status.reign, shard.status.transition
    if transition is not None and transition.term == term:
        return _coming(shard, transition)
    if not term or reign.term != term:
        return None
    return _note(shard, reign)


def written_by(shard: Shard, act: steps.Act) -> Note | None:
    """What ``act`` has its member note; ``None`` where it stays attached as it was.

    Only who follows the primary itself attaches to its reign: a candidate that fetches what it lacks does not, nor a
    member that is moved under the candidate of a switchover.
    """
    note = of_term(shard, act.term)
    if note is None:
        return None
    match act:
        case steps.Follow():
            return note if act.source == note.primary else None
        case steps.CatchUp():
            return note if act.member != note.primary else None
        case steps.Promote() | steps.Admit():
            return note if act.member == note.primary else None
    return None


def _coming(shard: Shard, transition: Transition) -> Note | None:
    """Of the reign that a change of primary is about to begin; ``None`` before a candidate is appointed."""
    suspect = next((s for s in transition.suspects if s.term == transition.term), None)
    if suspect is None or suspect.name != transition.candidate:
        return None
    coming = Reign(
        term=transition.term,
        primary=transition.candidate,
        uuid=suspect.uuid,
        base=transition.holds,
        issue=transition.issue,
    )
    if transition.mode is not Mode.PLANNED:
        return _note(shard, coming)
    before = shard.status.reign
    return _note(shard, coming.model_copy(update={"base": before.base}), since=(before.uuid,))


def _note(shard: Shard, reign: Reign, since: tuple[str, ...] = ()) -> Note:
    status = shard.status
    return Note(
        term=reign.term,
        issue=reign.issue,
        version=status.version,
        primary=reign.primary,
        uuid=reign.uuid,
        base=reign.base,
        since=(*since, *status.imports),
        durability=status.durability or shard.spec.durability,
        ackers=status.ackers,
        ackers_next=status.ackers_next,
        serving=shard.serves,
        durability_next=status.durability_next,
    )
