"""Who may lose what it holds, by the shard's record: members that a clone is, or could still be, on its way to.

    may be cloned   from before the first clone, until it was made anew or nobody asks for that any more
    counts from     a version of the record that rose then: whatever clone was decided on before is refused by whoever
                    has noted it (rule 4); once the member has, it counts again

Both ends are swaps of the record that also says whose acknowledgements count. What is known of the operation may be a
moment old, and an operation may be deleted at any time; the clone that it asked for may be on its way all the same.
Meanwhile such a member counts as not reached (rule 6).
"""

from flyball.records.operation import ReseedPhase
from flyball.records.shard import Reseeding
from flyball_topology import ackset
from flyball_topology.changes import Deciding, raised, status_with, take
from flyball_topology.line import on_line
from flyball_topology.steps import Fence, Step
from flyball_topology.view import Snapshot, View


def may_be_cloned(view: View) -> frozenset[str]:
    """The members that a clone is, or may be, on its way to."""
    return frozenset(entry.name for entry in view.shard.status.reseeding if not entry.counts_from)


def count_again(view: View) -> Deciding | None:
    """Let members whose reseed is over count again, once no clone can reach them; ``None``: nobody, or not yet."""
    status = view.shard.status
    at_work = {o.spec.member for o in view.operations if o.status.phase in {ReseedPhase.LEAVING, ReseedPhase.CLONING}}
    for entry in status.reseeding:
        member = view.members.get(entry.name)
        seen = member.seen if member is not None else None
        if not entry.counts_from:
            if entry.name not in at_work:
                step = Step(f"clone {entry.name} no more", status=raised(view, reseeding=counting(view, entry.name)))
                return take(view, step, "nobody asks for its reseed any more")
        elif member is None or (seen is not None and _is_safe(seen, entry) and _forgot_nothing(view, seen, entry)):
            step = Step(f"{entry.name} counts again", status=status_with(view, reseeding=without(view, entry.name)))
            return take(view, step, "no clone that was decided on before can reach it")
        elif seen is not None and seen.promise is not None and seen.noted < entry.counts_from:
            if entry.name == view.reign.primary:
                return take(view, ackset.apply(view, status.ackers), "no clone may reach it any more")
            step = Step(f"fence {entry.name}", acts=(Fence(entry.name, view.reign.term),))
            return take(view, step, "no clone may reach it any more")
    return None


def _is_safe(seen: Snapshot, entry: Reseeding) -> bool:
    return seen.promise is not None and seen.noted >= entry.counts_from and seen.clone_state != "In Progress"


def _forgot_nothing(view: View, seen: Snapshot, entry: Reseeding) -> bool:
    """Whether it holds whatever was acknowledged before: a clone that broke may have left it with nothing at all."""
    status, primary = view.shard.status, view.primary
    if entry.name not in {*status.ackers, *(status.ackers_next or ())}:
        return True  # what it acknowledged, others held before it left
    return (
        primary is not None
        and primary.seen is not None
        and seen.received.contains(on_line(view, primary.seen.executed))
    )


def without(view: View, name: str) -> tuple[Reseeding, ...]:
    """The record's list without ``name``."""
    return tuple(entry for entry in view.shard.status.reseeding if entry.name != name)


def counting(view: View, name: str) -> tuple[Reseeding, ...]:
    """With ``name`` counting again from the next version on."""
    return (*without(view, name), Reseeding(name=name, counts_from=view.shard.status.version + 1))
