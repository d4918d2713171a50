"""Another durability for a living shard, without a moment in which a write is held as neither of the two asks.

    1. the record says what is coming, under another version of it
    2. only those acknowledge whose word counts under the old durability and under the new; all others are silent, and
       have noted that version: whatever older act would make them acknowledge again is refused
    3. the primary waits for as many of them as the new one asks for, and has noted the version too
    4. whatever may have been acknowledged before is held as the new one wants it
    5. the record, under one more version; from here on revocation goes by the new one, and whoever counts under it
       acknowledges again

Until 5 revocation goes by the old one, which every write still satisfies; from 5 on all writes, old and young,
satisfy the new one. The primary's count never falls here: that takes a promotion (rule 1). Where too few are left who
count under both, the old one is kept, and the change begins again later; so it is after a change of primary.
"""

from flyball.gtid import GtidSet
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball_topology.changes import Deciding, raised, status_with, take, wait
from flyball_topology.line import on_line
from flyball_topology.revocation import durability, homeless, may_acknowledge, policy
from flyball_topology.steps import EnsureSemiSync, Step
from flyball_topology.view import MemberView, Snapshot, View


def begin(view: View) -> Deciding:
    """Begin to put the declared durability in force; or what that waits for."""
    status, new, primary = view.shard.status, view.shard.spec.durability, view.primary
    in_flight = status.ackers_next is not None or status.durability_next is not None or view.failovers
    if primary is None or primary.seen is None or in_flight:
        return wait(view, "one change at a time", "the change in flight, and the primary's answer")
    if new.policy is DurabilityPolicy.NONE:
        return take(view, _record(view, new), "it promises nothing, so it is in force at once")
    if nowhere := homeless(view):
        return wait(view, "durability cross-zone needs each member's zone", f"a zone for {', '.join(nowhere)}")
    coming = status_with(view, durability_next=new)
    able = _following(view, primary, may_acknowledge(view.with_status(coming), primary.name))
    if not _suffice(view, primary, new, able):
        return _too_few(view, primary, able)
    step = Step("begin to change the durability", status=raised(view, durability_next=new))
    return take(view, step, f"{', '.join(sorted(able))} can acknowledge under the old one and the new")


def go_on(view: View) -> Deciding | None:
    """Continue a change of the durability; ``None`` when none is in flight."""
    new, primary = view.shard.status.durability_next, view.primary
    seen = primary.seen if primary else None
    if new is None or primary is None or seen is None or not seen.works:
        return None
    givers = may_acknowledge(view, primary.name)
    if new != view.shard.spec.durability or not _suffice(view, primary, new, _following(view, primary, givers)):
        step = Step("keep the durability", status=raised(view, durability_next=None))
        return take(view, step, "another one is declared, or too few could acknowledge under the old one and the new")
    waiting = _prepare(view, primary, seen, new, givers)
    if waiting is None:
        return take(view, _record(view, new), "it is in force")
    if waiting.step is None and view.failovers:
        step = Step("keep the durability", status=raised(view, durability_next=None))
        return take(view, step, "a change of primary is asked for, and this one waits")
    return waiting


def _record(view: View, new: DurabilitySpec) -> Step:
    return Step("record the durability", status=raised(view, durability=new, durability_next=None))


def _prepare(
    view: View, primary: MemberView, seen: Snapshot, new: DurabilitySpec, givers: frozenset[str]
) -> Deciding | None:
    """Steps 2 to 4; ``None`` once they are done."""
    status = view.shard.status
    if status.ackers_next is not None:
        return wait(view, "one change at a time", "the change of the ack set")
    target = policy(view, new, status.ackers)
    ready = frozenset(name for name in givers if _acknowledges(view.members.get(name), primary))
    if not target.acknowledged(primary.name, ready):
        return _too_few(view, primary, ready)
    others = {name: view.members.get(name) for name in status.ackers if name not in givers and name != primary.name}
    if loud := [name for name, other in others.items() if _may_be_loud(other, status.version)]:
        return wait(
            view,
            "those who do not count under the new durability must be silent",
            f"{', '.join(loud)} to answer and fall silent, or to leave the ack set",
        )
    if not seen.semi_sync_source or seen.semi_sync_acks < new.acks or seen.noted < status.version:
        act = EnsureSemiSync(primary.name, view.reign.term, new.acks)
        return take(view, Step("ask for more acknowledgements", acts=(act,)), "the declared durability needs them")
    received = (
        other.seen.received for other in others.values() if other and other.seen
    )  # it may have acknowledged what waits
    everything = on_line(view, GtidSet().union(seen.executed, *received))
    holders = frozenset(m.name for m in view.members.values() if m.seen and m.seen.received.contains(everything))
    if not target.acknowledged(primary.name, holders):
        return wait(view, "older writes must be held as the new durability wants it", "the replicas to catch up")
    return None


def _suffice(view: View, primary: MemberView, new: DurabilitySpec, able: frozenset[str]) -> bool:
    """Whether ``able`` alone could acknowledge writes, under the durability in force and under the new one."""
    target = policy(view, new, view.shard.status.ackers)
    return target.acknowledged(primary.name, able) and durability(view).acknowledged(primary.name, able)


def _following(view: View, primary: MemberView, names: frozenset[str]) -> frozenset[str]:
    members = (view.members[name] for name in names if name in view.members)
    return frozenset(m.name for m in members if m.seen is not None and m.follows(primary.spec))


def _too_few(view: View, primary: MemberView, able: frozenset[str]) -> Deciding:
    why = "the members there must be able to acknowledge writes under the old durability and the new"
    return wait(
        view, why, f"more than {', '.join(sorted(able)) or 'nobody'} to acknowledge the writes of {primary.name}"
    )


def _acknowledges(member: MemberView | None, primary: MemberView) -> bool:
    return member is not None and member.follows(primary.spec) and bool(member.seen and member.seen.semi_sync_replica)


def _may_be_loud(member: MemberView | None, version: int) -> bool:
    """Whether it may acknowledge still, or again: one that does not answer might, one that obeys older acts too."""
    return member is None or member.seen is None or member.seen.semi_sync_replica or member.seen.noted < version
