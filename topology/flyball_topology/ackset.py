"""The ack set: who may acknowledge writes, and how that changes without a moment of doubt (rule 11).

    leave   record that both sets count -> the primary locks the member's account and cuts its sessions -> the others
            hold everything that was acknowledged with its help -> the smaller set is the record -> who stays notes it
    join    the larger set is the record -> the member follows, and so attaches -> the primary unlocks the account

So revocation never has to reach a member that has left, and never misses one that may acknowledge. Each change begins,
and ends, under another version of the record, which the primary notes with the set: an older set that comes late, from
a leader that slept, is refused there, and unlocks nobody who has left (rule 4); and of two notes with one version none
says otherwise than the other (rule 7).
"""

from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball_topology.attached import admissible
from flyball_topology.changes import Deciding, raised, take, wait
from flyball_topology.line import on_line
from flyball_topology.revocation import being_made, policy
from flyball_topology.steps import Admit, Step
from flyball_topology.view import MemberView, View


def can_leave(view: View, name: str) -> bool:
    """Whether writes could still be acknowledged without ``name``, by members that are there and not leaving."""
    status = view.shard.status
    staying = status.ackers if status.ackers_next is None else status.ackers_next
    return _suffice(view, tuple(acker for acker in status.ackers if acker != name and acker in staying))


def is_needed(view: View, name: str) -> bool:
    """Whether no write could be acknowledged without ``name``: it must not be cut off, whatever is wrong with it."""
    return name in view.shard.status.ackers and not can_leave(view, name)


def _suffice(view: View, ackers: tuple[str, ...]) -> bool:
    """Whether those of ``ackers`` that follow the primary now, and are not being made anew, could acknowledge."""
    spec = view.shard.status.durability or view.shard.spec.durability
    primary, remade = view.primary, being_made(view)
    if primary is None:
        return False
    members = (view.members[name] for name in ackers if name in view.members and name not in remade)
    there = frozenset(member.name for member in members if member.follows(primary.spec) and _receives(member))
    return policy(view, spec, ackers).acknowledged(view.reign.primary, there)


def _receives(member: MemberView) -> bool:
    return member.seen is not None and not member.seen.disk_full


def leave(view: View, name: str, why: str) -> Deciding:
    """Begin to take ``name`` out of the ack set."""
    status = view.shard.status
    rest = tuple(acker for acker in status.ackers if acker != name)
    step = Step(f"let {name} leave the ack set", status=raised(view, ackers_next=rest))
    return take(view, step, why)


def join(view: View, name: str, why: str) -> Deciding:
    """Count ``name`` from now on; the primary unlocks its account after that."""
    step = Step(f"count {name} in the ack set", status=raised(view, ackers=(*view.shard.status.ackers, name)))
    return take(view, step, why)


def go_on(view: View) -> Deciding | None:
    """Continue a change of the ack set; ``None`` when none is in flight."""
    status, primary = view.shard.status, view.primary
    if status.ackers_next is None or primary is None or primary.seen is None or not primary.seen.works:
        return None
    rest = frozenset(status.ackers_next)
    if not _suffice(view, status.ackers_next):  # both sets were in force, so going back is safe
        step = Step("keep the ack set", status=raised(view, ackers_next=None))
        return take(view, step, f"{', '.join(sorted(rest))} could acknowledge nothing now")
    applied = applied_on_primary(view, rest)
    if not applied:
        return take(view, apply(view, status.ackers_next), "the primary admits only those who stay")
    leavers = [view.members[name].seen for name in status.ackers if name not in rest and name in view.members]
    received = GtidSet().union(
        *(seen.received for seen in leavers if seen)
    )  # it may have acknowledged what waits still
    everything = on_line(view, primary.seen.executed.union(received))
    holders = frozenset(
        member.name
        for member in view.members.values()
        if member.seen is not None and member.seen.received.contains(everything)
    )
    smaller = policy(view, status.durability or view.shard.spec.durability, status.ackers_next)
    if not smaller.acknowledged(primary.name, holders & rest):
        return wait(
            view, "what was acknowledged so far must be held by those who stay", "their next advance", again=0.1
        )
    step = Step("record the smaller ack set", status=raised(view, ackers=status.ackers_next, ackers_next=None))
    return take(view, step, f"{', '.join(sorted(holders & rest))} hold everything")


def apply(view: View, ackers: tuple[str, ...]) -> Step:
    """Lock and unlock accounts on the primary as the ack set says; of those who join, once they have attached."""
    primary, term = view.reign.primary, view.reign.term
    admitted = admissible(view, primary, term, ackers)
    return Step("apply the ack set on the primary", acts=(Admit(primary, term, admitted),))


def applied_on_primary(view: View, ackers: frozenset[str]) -> bool:
    """Whether nobody outside ``ackers`` can replicate from the primary, or still does, or will by an older set."""
    seen = view.primary.seen if view.primary else None
    if seen is None or seen.accounts is None or seen.noted < view.shard.status.version:
        return False
    outside = {replica_account(name) for name in view.shard.status.ackers} - {replica_account(name) for name in ackers}
    return all(seen.accounts.get(account, True) for account in outside) and not outside & seen.followers
