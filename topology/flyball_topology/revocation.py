"""Revocation: nobody of an older reign can acknowledge a write any more.

Before a member is promoted under a new term, every *suspect* must be revoked: the recorded primary, and each
candidate that a newer term was issued to. A suspect is revoked when it is itself fenced and closed, or when too few
of its ack-givers remain unreached (``flyball.durability``). A member counts as reached once it has promised the new
term under its own uuid and receives nothing (rules 4 to 7).
"""

from functools import lru_cache

from flyball.durability import Both, CrossZone, Durability, NoDurability, SemiSync
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.operation import ReseedPhase
from flyball.records.shard import Suspect
from flyball_topology.view import MemberView, View


def policy(view: View, spec: DurabilitySpec, ackers: tuple[str, ...]) -> Durability:
    """The predicate over one ack set."""
    if spec.policy is DurabilityPolicy.NONE:
        return NoDurability()
    if spec.policy is DurabilityPolicy.SEMI_SYNC:
        return _semi_sync(spec.acks, ackers)
    # A zone that is not known is a zone of its own: whoever may have acknowledged must be reached.
    zones = {name: (view.members[name].spec.zone if name in view.members else "") or f"?{name}" for name in ackers}
    return CrossZone.across(zones, acks=spec.acks, ackers=frozenset(ackers))


@lru_cache(maxsize=8192)
def _semi_sync(acks: int, ackers: tuple[str, ...]) -> Durability:
    """An ack set stays for long, and is asked for at each look."""
    return SemiSync(acks=acks, ackers=frozenset(ackers))


def durability(view: View) -> Durability:
    """The predicate in force: during a change of the ack set both sets count (rule 11)."""
    status = view.shard.status
    spec = status.durability or view.shard.spec.durability
    now = policy(view, spec, status.ackers)
    return now if status.ackers_next is None else Both(now, policy(view, spec, status.ackers_next))


def homeless(view: View) -> tuple[str, ...]:
    """The members whose zone is not known, where the declared durability asks for zones."""
    if view.shard.spec.durability.policy is not DurabilityPolicy.CROSS_ZONE:
        return ()
    return tuple(name for name, member in view.members.items() if not member.spec.zone)


def may_acknowledge(view: View, primary: str) -> frozenset[str]:
    """Whose acknowledgements are wanted while ``primary`` reigns.

    While another durability is being put in force, only of those who count under both. That goes by the record alone:
    what was decided on it stays right for as long as it stands, whoever answers or not.
    """
    status, declared = view.shard.status, view.shard.spec.durability
    in_force = durability(view)
    now = in_force.ack_givers(primary)
    seen = view.members[primary].seen if primary in view.members else None
    ends = declared.policy is DurabilityPolicy.NONE and isinstance(in_force, NoDurability)
    if ends and status.durability_next is None and seen is not None and seen.semi_sync_source:
        return frozenset(status.ackers) - {primary}  # its commits wait, until its semi-sync has ended
    if status.durability_next is None:
        return now
    coming = policy(view, status.durability_next, status.ackers).ack_givers(primary)
    return coming if isinstance(in_force, NoDurability) else coming & now


def suspects(view: View) -> tuple[Suspect, ...]:
    """Whoever may be acknowledging writes: the reigning primary first."""
    reign, transition = view.reign, view.shard.status.transition
    first = (Suspect(name=reign.primary, uuid=reign.uuid, term=reign.term),) if reign.primary else ()
    return first + (transition.suspects if transition else ())


def fenced(member: MemberView, term: int) -> bool:
    """Whether the member has promised ``term``, takes no writes and receives nothing."""
    seen = member.seen
    return (
        seen is not None
        and seen.promise is not None
        and seen.promise >= term
        and seen.opened == 0
        and seen.read_only
        and (seen.channel is None or seen.channel.receiver == "OFF")
    )


def unrevoked(view: View, term: int) -> tuple[tuple[Suspect, frozenset[frozenset[str]]], ...]:
    """Each suspect that is not revoked under ``term``, with the sets of members that would do it."""
    lost = being_made(view)
    reached = frozenset(name for name, member in view.members.items() if fenced(member, term) and name not in lost)
    return _open_suspects(view, reached)


def unrevokable(view: View) -> tuple[tuple[Suspect, frozenset[frozenset[str]]], ...]:
    """The same if every member that answers now were fenced: what to know before anything is touched."""
    lost = being_made(view)
    reached = frozenset(
        name
        for name, member in view.members.items()
        if member.seen is not None and member.seen.promise is not None and name not in lost
    )
    return _open_suspects(view, reached)


def _open_suspects(view: View, reached: frozenset[str]) -> tuple[tuple[Suspect, frozenset[frozenset[str]]], ...]:
    predicate = durability(view)
    if isinstance(predicate, NoDurability):
        return ()
    found = []
    for suspect in suspects(view):
        seen = view.members[suspect.name].seen if suspect.name in reached else None
        itself = seen is not None and suspect.uuid in {"", seen.uuid}  # not another server under its name
        missing = predicate.missing_for_revocation(suspect.name, itself, reached)
        if missing:
            found.append((suspect, missing))
    return tuple(found)


def being_made(view: View) -> frozenset[str]:
    """Members whose data is being replaced, or may be: whatever they promise, they remember nothing (rule 6)."""
    return cloning(view) | {entry.name for entry in view.shard.status.reseeding}


def cloning(view: View) -> frozenset[str]:
    """Those that an operation which goes on wants to be cloned."""
    return frozenset(o.spec.member or "" for o in view.operations if o.status.phase is ReseedPhase.CLONING)


def describe_missing(missing: frozenset[frozenset[str]]) -> str:
    """``a, or b and c``: the ways to get there."""
    ways = sorted((sorted(way) for way in missing), key=lambda way: (len(way), way))
    return ", or ".join(" and ".join(way) for way in ways)
