"""Following: who replicates from the candidate before it opens, so that its first write can be acknowledged.

After a switchover the old primary comes later, since its semi-sync takes up to a second to end. So does, after a
failover, one that is back with a tail that nobody acknowledged: that shows once the new line begins, and it is made
anew. Unless the first acknowledgement can only be theirs. Last come errant members, and those that wait to be made
anew: their acknowledgements are good, but they are kept out wherever that can be. Who lacks what the candidate has
purged can never connect to it, and counts for nothing.
"""

from flyball.gtid import GtidSet
from flyball.records.operation import OperationType, ReseedPhase
from flyball.records.shard import Mode, Transition
from flyball_topology.attached import is_attached
from flyball_topology.diagnose import gives_acks, lacks_purged
from flyball_topology.line import Errant, beside_the_line, line_of
from flyball_topology.revocation import durability
from flyball_topology.steps import Act, Fence, Follow
from flyball_topology.view import MemberView, View


def following(view: View, transition: Transition, candidate: MemberView) -> list[Act]:
    """What lets the others follow: nothing for those that do."""
    there = [member for member in _closed(view, candidate) if _promised(member, transition)]
    lasting = [member for member in there if member.name not in _made_anew(view)]
    sound = able(view, transition, candidate)
    later = {view.reign.primary} if transition.mode is Mode.PLANNED else _ahead(view, transition, candidate, sound)
    first = [member for member in sound if member.name not in later]
    chosen = next((some for some in (first, sound, lasting, there) if _suffice(view, candidate, some)), None)
    acts: list[Act] = [
        Follow(member.name, transition.term, candidate.name, gives_acks(view, member, candidate.name))
        for member in (sound if chosen is None else chosen)
        if not _follows_well(view, member, candidate, transition.term)
    ]
    if chosen is None:  # one that was cloned meanwhile obeys a fence alone, and may be the one that is missing
        forgetful = [member for member in _closed(view, candidate) if not _promised(member, transition)]
        acts += [Fence(member.name, transition.term) for member in forgetful]
    return acts


def able(view: View, transition: Transition, candidate: MemberView) -> list[MemberView]:
    """Who answers, is closed, stays, and holds nothing beside the line: they could follow the candidate."""
    return [
        member
        for member in _closed(view, candidate)
        if _promised(member, transition)
        and member.name not in _made_anew(view)
        and beside_the_line(view, member).kind is Errant.NONE
    ]


def _made_anew(view: View) -> set[str | None]:
    waiting = {o.spec.member for o in view.operations if o.status.phase in {ReseedPhase.LEAVING, ReseedPhase.CLONING}}
    return waiting | {entry.name for entry in view.shard.status.reseeding if not entry.counts_from}


def _closed(view: View, candidate: MemberView) -> list[MemberView]:
    """The others that answer, take no writes, are kept out by nobody, and can connect."""
    kept_out = {o.spec.member for o in view.operations if o.spec.type is OperationType.FENCE}
    return [
        member
        for member in view.members.values()
        if member is not candidate
        and member.name not in kept_out
        and member.seen is not None
        and member.seen.read_only
        and member.seen.clone_state != "In Progress"
        and not _is_behind(member, candidate)
    ]


def left_behind(view: View, candidate: MemberView) -> list[str]:
    """Who answers, and lacks what the candidate has purged."""
    return [m.name for m in view.members.values() if m is not candidate and _is_behind(m, candidate)]


def _is_behind(member: MemberView, candidate: MemberView) -> bool:
    return candidate.seen is not None and member.seen is not None and lacks_purged(candidate.seen, member.seen)


def _promised(member: MemberView, transition: Transition) -> bool:
    return transition.mode is Mode.BOOTSTRAP or (member.seen is not None and member.seen.promise is not None)


def _suffice(view: View, candidate: MemberView, members: list[MemberView]) -> bool:
    return durability(view).acknowledged(candidate.name, frozenset(member.name for member in members))


def _ahead(view: View, transition: Transition, candidate: MemberView, members: list[MemberView]) -> set[str]:
    """Those that hold part of the line which the candidate lacks: they were not reached when it was chosen."""
    holds = GtidSet.parse(transition.holds)
    if candidate.seen is not None:  # whatever it has written itself it has, or will have
        own = (line_of(view, member.seen).only_uuids([candidate.seen.uuid]) for member in members if member.seen)
        holds = holds.union(line_of(view, candidate.seen), *own)
    return {member.name for member in members if member.seen and not holds.contains(line_of(view, member.seen))}


def _follows_well(view: View, member: MemberView, candidate: MemberView, term: int) -> bool:
    """One that is counted since it began to follow does not acknowledge yet: it has to follow again. So has one that
    follows since before the term was issued, to attach.
    """
    seen = member.seen
    return (
        seen is not None
        and member.follows(candidate.spec)
        and seen.channel is not None
        and seen.channel.receiver != "OFF"
        and is_attached(view, member, term)
        and seen.semi_sync_replica is gives_acks(view, member, candidate.name)
    )
