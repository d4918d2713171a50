"""What the operator says about a keyspace in its status. Pure.

``MembersRunning`` and ``Ready`` as any engine says them; ``Following``: what the user asked of members (an image, a
volume) is so everywhere, else what it waits for; ``Orphans``: volumes that nobody uses and that hold data still.
"""

from collections.abc import Iterator

from flyball.conditions import MEMBERS_RUNNING, READY, Reason, condition, in_words, why_shard_not_ready
from flyball.decision import Decision
from flyball.leaving import leaving
from flyball.records import Condition
from flyball_operator import needs
from flyball_operator.orphans import orphans
from flyball_operator.plan import troubles
from flyball_operator.steps import Step
from flyball_operator.steps import in_words as step_in_words
from flyball_operator.view import KeyspaceView

FOLLOWING = "Following"
ORPHANS = "Orphans"


def conditions_of(view: KeyspaceView, decision: Decision[Step]) -> tuple[Condition, ...]:
    """The operator's conditions, as the view and the decision show them."""
    generation = view.keyspace.metadata.generation
    running = next(_why_not_running(view), None)
    ready = running or next(_why_not_ready(view, decision), None)
    return (
        condition(MEMBERS_RUNNING, running, "AllRunning", generation),
        condition(READY, ready, "Serving", generation),
        condition(FOLLOWING, next(_why_not_following(view, decision), None), "AsDeclared", generation),
        _orphans(view, generation),
    )


def _why_not_running(view: KeyspaceView) -> Iterator[Reason]:
    for name, text in troubles(view):
        trouble = view.member(name).trouble
        yield (in_words(trouble.code) if trouble is not None else "PodWaits"), f"{name}: {text}"
    for shard in view.desired:
        if shard.name not in view.shards:
            yield "Provisioning", f"shard {shard.name} is being made"
    names = [name for shard in view.desired for name in shard.members]
    starting = [name for name in names if not needs.works(view.member(name))]
    if starting:
        yield "MembersStarting", f"awaited: {', '.join(starting)}"


def _why_not_ready(view: KeyspaceView, decision: Decision[Step]) -> Iterator[Reason]:
    if view.keyspace.metadata.deletion_requested:
        yield "Deleting", "; ".join(decision.awaited) or "the keyspace comes down"
    for shard in view.desired:
        yield from why_shard_not_ready(view.shards[shard.name])
    if view.keyspace.spec.paused:
        yield "Paused", "the keyspace is paused: nothing of it is touched"


def _why_not_following(view: KeyspaceView, decision: Decision[Step]) -> Iterator[Reason]:
    """Rolling changes do not make a keyspace less ready; they are told here."""
    for text in view.lacking.values():
        yield "PasswordAwaited", text
    for name in view.differing:
        yield "PasswordDiffers", f"{name} was made with another password than its Secret holds now; it keeps that one"
    for record in view.shards.values():
        for told in leaving(record):
            yield "MemberLeaves", "; ".join((f"{told.name} leaves shard {record.name}", *decision.awaited))
    if decision.refused:
        yield "Waits", "; ".join(decision.refused)
    wishes = [text for member in view.members.values() if (text := needs.loss(member) or needs.wish(view, member))]
    if wishes:
        yield "Changing", wishes[0]
    if decision.step is not None:
        yield "Changing", step_in_words(decision.step)
    if decision.awaited:
        yield "Awaits", "; ".join(decision.awaited)


def _orphans(view: KeyspaceView, generation: int) -> Condition:
    names = sorted(claim.name for _, claim in orphans(view) if not claim.leaving)
    message = f"nobody uses {', '.join(names)}; kubectl delete pvc takes them away for good" if names else ""
    return Condition(
        type=ORPHANS,
        status=bool(names),
        reason="VolumesKept" if names else "None",
        message=message,
        observed_generation=generation,
    )
