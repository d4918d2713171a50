"""Another durability for a living shard, without a moment in which a write is held as neither of the two asks.

    1. only those acknowledge whose word counts under the old durability and under the new
    2. the primary waits for as many of them as the new one asks for
    3. whatever may have been acknowledged before is held as the new one wants it
    4. the record; from here on revocation goes by the new one, and whoever counts under it acknowledges again

Until 4 revocation goes by the old one, which every write still satisfies; from 4 on all writes, old and young,
satisfy the new one. The primary's count never falls here: that takes a promotion (rule 1).
"""

from flyball.gtid import GtidSet
from flyball.records.keyspace import DurabilityPolicy
from flyball_topology.changes import Deciding, status_with, take, wait
from flyball_topology.line import on_line
from flyball_topology.revocation import homeless, may_acknowledge, policy
from flyball_topology.steps import EnsureSemiSync, Step
from flyball_topology.view import MemberView, Snapshot, View


def change(view: View) -> Deciding:
    """The next step from the durability in force to the declared one; or what that waits for."""
    status, new, primary = view.shard.status, view.shard.spec.durability, view.primary
    seen = primary.seen if primary else None
    if primary is None or seen is None or status.ackers_next is not None:
        return wait(view, "one change at a time", "the change of the ack set, and the primary's answer")
    if new.policy is not DurabilityPolicy.NONE:
        decision = _prepare(view, primary, seen)
        if decision is not None:
            return decision
    step = Step("record the durability", status=status_with(view, durability=new))
    return take(view, step, "it is in force")


def _prepare(view: View, primary: MemberView, seen: Snapshot) -> Deciding | None:
    """Steps 1 to 3; ``None`` once they are done."""
    ackers, new = view.shard.status.ackers, view.shard.spec.durability
    if nowhere := homeless(view):
        return wait(view, "durability cross-zone needs each member's zone", f"a zone for {', '.join(nowhere)}")
    target = policy(view, new, ackers)
    givers = may_acknowledge(view, primary.name)
    ready = frozenset(name for name in givers if _acknowledges(view.members.get(name), primary))
    if not givers <= target.ack_givers(primary.name) or not target.acknowledged(primary.name, ready):
        why = "the members there must be able to acknowledge writes under the old durability and the new"
        able = ", ".join(sorted(ready)) or "nobody"
        return wait(view, why, f"more than {able} to acknowledge the writes of {primary.name}")
    others = {name: view.members.get(name) for name in ackers if name not in givers and name != primary.name}
    if loud := [name for name, other in others.items() if _may_be_loud(other)]:
        return wait(
            view,
            "those who do not count under the new durability must be silent",
            f"{', '.join(loud)} to answer, or to leave the ack set",
        )
    if not seen.semi_sync_source or seen.semi_sync_acks < new.acks:
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


def _acknowledges(member: MemberView | None, primary: MemberView) -> bool:
    return member is not None and member.follows(primary.spec) and bool(member.seen and member.seen.semi_sync_replica)


def _may_be_loud(member: MemberView | None) -> bool:
    """Whether it may acknowledge still: one that does not answer might."""
    return member is None or member.seen is None or member.seen.semi_sync_replica
