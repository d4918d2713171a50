"""The cutover: the consumers take over from the producers, in either direction.

    gate       everybody is well, the channels are close behind, each consumer has committed a journal row (rule 23)
    hold       the record says Switching, and the claim is armed: the routing may be swapped by this workflow
    freeze     each producer's record says Frozen, then the producer takes no writes any more (rule 18)
    catch up   each consumer applies what its producers hold; rows out of range are pruned, and counted: none
    swap       one compare-and-swap of the keyspace's routing: the point of no return

The invariant: the swap is written on a view in which every producer was frozen under the reign that its record shows,
every consumer had applied all that its producers hold, and the claim was armed. Who undoes disarms the claim first;
that is a write of the same record, so one of the two loses, and whoever reads the routing afterwards knows which
(rule 8).
"""

from collections.abc import Iterable
from dataclasses import replace

from flyball.errors import Code
from flyball.records import Shard
from flyball.records.failover import StepState
from flyball.records.keyspace import KeyspaceStatus, ReshardClaim, ShardGtids
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage, StepName
from flyball.records.shard import Access, LagClass, ShardAccess
from flyball_topology.diagnose import class_of
from flyball_topology.reshard.acts import CatchUp, Freeze, Journal, Prune, Thaw
from flyball_topology.reshard.seen import ChannelSeen, ShardSeen
from flyball_topology.reshard.steps import AccessChange, Job, ReshardStep
from flyball_topology.reshard.telling import Deciding, holds_still, marked, take, wait
from flyball_topology.reshard.view import ReshardView, Sides

SWITCH_WITHIN = 4.0
"""Seconds between the first held write and the swap; then the producers serve on."""
CLOSE_BEHIND = 0.5
"""Seconds of lag at most when a cutover begins. What is missing then has to be applied inside the write pause."""
PRUNED_LATELY = 1.0
"""Seconds since rows out of range were pruned, at most, when a cutover begins."""
SOON = 0.05


def gate(view: ReshardView, sides: Sides) -> Deciding:
    """Whether the cutover may begin."""
    if view.rest > 0:
        return wait(view, "the last cutover was undone", "the next try, after a rest", again=1.0)
    if (hindrance := _hindrance(view, sides)) is not None:
        return wait(view, "a cutover begins only when it can end at once", hindrance, again=SOON)
    unproven = [one for one in sides.consumers if view.seen[one.name].journal != one.status.reign.term]
    if unproven:
        journals = tuple(Journal(one.name, one.status.reign.term) for one in unproven)
        return take(view, ReshardStep("commit journal rows", acts=journals), "a consumer must be able to commit")
    if view.pruned_age > PRUNED_LATELY:  # what is pruned now need not be inside the write pause
        acts = tuple(Prune(one.name, one.status.reign.term) for one in sides.consumers)
        return take(view, ReshardStep("prune", acts=acts), "a cutover begins with next to no rows out of range")
    stage = Stage.SWITCHING_BACK if sides.back else Stage.SWITCHING
    status = marked(view, step_of(sides), StepState.RUNNING, stage=stage, code="", message="")
    step = ReshardStep("begin to switch", status=status, keyspace=armed(view))
    return take(view, step, "the channels are close behind")


def switch(view: ReshardView, sides: Sides) -> Deciding:
    """Hold, freeze, catch up, swap; or undo all of it at once."""
    if (why := _must_undo(view, sides)) is not None:
        return _begin_to_undo(view, sides, why)
    if not view.is_armed:
        return take(view, ReshardStep("arm the claim", keyspace=armed(view)), "the routing may be swapped from now on")
    frozen = ShardAccess(mode=Access.FROZEN, by=view.name)
    to_freeze = [one for one in sides.producers if one.status.access != frozen]
    if to_freeze:
        step = replace(_freeze(view, sides, to_freeze), accesses=tuple(AccessChange(one, frozen) for one in to_freeze))
        return take(view, step, "clients hold, and the producers take no writes any more")
    if away := [one.name for one in (*sides.producers, *sides.consumers) if one.name not in view.seen]:
        return wait(view, "what does not answer cannot be known", *(f"{one} to answer" for one in away), again=SOON)
    open_still = [one for one in sides.producers if not view.seen[one.name].frozen]
    if open_still:
        return take(view, _freeze(view, sides, open_still), "a producer takes writes still")
    behind = [pair for pair in sides.pairs if _is_behind(view, *pair)]
    if behind:
        catching = tuple(CatchUp(c.name, c.status.reign.term, p.name, str(view.seen[p.name].line)) for p, c in behind)
        return take(view, ReshardStep("catch up", acts=catching), "a consumer must hold all that its producers hold")
    haunted = [one for one in sides.consumers if view.seen[one.name].ghosts != 0]
    if haunted:
        acts = tuple(Prune(one.name, one.status.reign.term) for one in haunted)
        return take(
            view, ReshardStep(f"prune {names(haunted)}", acts=acts), "rows out of range slip in by the channels"
        )
    if view.has_other_definitions:
        return _begin_to_undo(view, sides, "a table's definition has changed")
    if view.copied is None or view.copied.fingerprint != view.reshard.status.fingerprint:
        step = ReshardStep("read the definitions", job=Job.DEFINITIONS)
        return take(view, step, "whether the tables are as they were is not known")
    step = ReshardStep("swap the routing", keyspace=_swapped(view, sides))
    return take(view, step, f"{names(sides.consumers)} hold all that {names(sides.producers)} hold")


def _freeze(view: ReshardView, sides: Sides, producers: list[Shard]) -> ReshardStep:
    """Freeze these; where that freezes the last of them, go on at once with all that is to be done then."""
    step = ReshardStep(
        f"freeze {names(producers)}", acts=tuple(Freeze(one.name, one.status.reign.term) for one in producers)
    )
    rest = [view.seen.get(one.name) for one in sides.producers if one not in producers]
    if not all(one is not None and one.frozen for one in rest):
        return step
    catching = tuple(CatchUp(c.name, c.status.reign.term, p.name) for p, c in sides.pairs)
    pruning = tuple(Prune(one.name, one.status.reign.term) for one in sides.consumers)
    return replace(step, then=(*catching, *pruning), job=Job.DEFINITIONS)


def undo(view: ReshardView, sides: Sides) -> Deciding:
    """Disarm, let the producers take writes again, and go on from where the cutover began."""
    if view.is_armed:
        return take(view, ReshardStep("disarm the claim", keyspace=disarmed(view)), "the swap must not come late")
    held = [one for one in sides.producers if one.status.access is not None and one.status.access.mode is Access.FROZEN]
    if held:
        opened = ShardAccess(mode=Access.OPEN, by=view.name) if sides.back else None
        step = ReshardStep(
            f"let {names(held)} serve on",
            accesses=tuple(AccessChange(one, opened) for one in held),
            acts=tuple(Thaw(one.name, one.status.reign.term) for one in held if one.name in view.seen),
        )
        return take(view, step, "the cutover did not come to its end")
    if (thawing := thaw(view, sides.producers)) is not None:
        return thawing
    if Job.OUTDATE not in view.jobs:  # a leader may sleep before it freezes whom nobody has frozen yet
        raised = tuple(AccessChange(one, one.status.access) for one in sides.producers)
        step = ReshardStep("make void what was decided before", accesses=raised, job=Job.OUTDATE)
        return take(view, step, "a freeze must not come late")
    known = view.reshard.status
    told = known.step(step_of(sides))
    evidence = told.evidence if told is not None else ""
    stage = Stage.SWITCHED if sides.back else Stage.MOVING
    status = marked(
        view,
        step_of(sides),
        StepState.FAILED,
        evidence,
        stage=stage,
        cutovers=known.cutovers + 1,
        code=Code.CUTOVER_UNDONE.number,
        message=evidence,
    )
    return take(view, ReshardStep("note that the cutover is undone", status=status), "everything is as before it")


def thaw(view: ReshardView, shards: tuple[Shard, ...]) -> Deciding | None:
    """Those who serve by their record take writes; ``None`` once that is so. A late freeze may have closed one."""
    closed = [
        one
        for one in shards
        if one.serves and one.status.transition is None and one.name in view.seen and _is_shut(view.seen[one.name])
    ]
    if not closed:
        return None
    acts = tuple(Thaw(one.name, one.status.reign.term) for one in closed)
    return take(view, ReshardStep(f"thaw {names(closed)}", acts=acts), "it serves by its record, and is closed")


def _is_shut(seen: ShardSeen) -> bool:
    """Closed to applications, and not because the shard holds still for reasons of its own."""
    return not seen.writable and not seen.still


def step_of(sides: Sides) -> StepName:
    """The step that people see."""
    return StepName.REVERSE if sides.back else StepName.SWITCH_WRITES


def armed(view: ReshardView) -> KeyspaceStatus:
    """The keyspace's status in which this workflow may swap the routing."""
    claim = view.keyspace.status.reshard or ReshardClaim(workflow=view.name)
    return view.keyspace.status.model_copy(update={"reshard": claim.model_copy(update={"armed": True})})


def disarmed(view: ReshardView) -> KeyspaceStatus:
    """The same, in which it may not."""
    claim = view.keyspace.status.reshard or ReshardClaim(workflow=view.name)
    return view.keyspace.status.model_copy(update={"reshard": claim.model_copy(update={"armed": False})})


def _swapped(view: ReshardView, sides: Sides) -> KeyspaceStatus:
    """The routing names the consumers; what they hold now is no application's write that the producers lack."""
    held = tuple(ShardGtids(shard=one.name, gtids=str(view.seen[one.name].executed)) for one in sides.consumers)
    claim = ReshardClaim(workflow=view.name, armed=False, held=held)
    return view.keyspace.status.model_copy(update={"routing": sides.routes, "reshard": claim})


def _begin_to_undo(view: ReshardView, sides: Sides, why: str) -> Deciding:
    stage = Stage.UNDOING_BACK if sides.back else Stage.UNDOING
    status = marked(view, step_of(sides), StepState.RUNNING, why, stage=stage)
    return take(view, ReshardStep("undo the cutover", status=status), why)


def _must_undo(view: ReshardView, sides: Sides) -> str | None:
    """Why a cutover that has begun cannot go on."""
    if view.failure:
        return view.failure
    if view.stage_age > SWITCH_WITHIN:
        awaited = sorted(set(view.unseen)) or ["the channels"]
        return f"it did not end within {SWITCH_WITHIN:g} s; awaited: {', '.join(awaited)}"
    if view.said(OperationType.CANCEL) is not None:
        return "a person cancels the reshard"
    changing = [one.name for one in (*sides.producers, *sides.consumers) if one.status.transition is not None]
    if changing:
        return f"the primary of {', '.join(changing)} changes"
    verified = view.reshard.status.verified
    if verified is None or {one.shard: one.term for one in verified.terms} != view.terms():
        return "a shard has another primary than when rows were compared"
    unproven = [one.name for one in sides.consumers if one.name in view.seen and not view.seen[one.name].journal]
    if unproven:
        return f"{', '.join(unproven)} has committed no journal row"
    return None


def _hindrance(view: ReshardView, sides: Sides) -> str | None:
    for one in (*sides.producers, *sides.consumers):
        if one.status.transition is not None:
            return f"{one.name} to have a primary"
        if one.name not in view.seen:
            return f"{one.name} to answer ({view.unseen.get(one.name, 'not asked yet')})"
    for producer, consumer in sides.pairs:
        still = next((one.name for one in (producer, consumer) if view.seen[one.name].still), "")
        if still:
            return holds_still(still)
        channel = view.seen[consumer.name].channels.get(producer.name)
        if channel is None or not channel.runs:
            error = f" ({channel.error})" if channel is not None and channel.error else ""
            return f"the channel from {producer.name} to {consumer.name}{error}"
        if channel.lacks is None:
            return f"what {consumer.name} lacks of {producer.name} to be known"
        if not channel.lacks.is_empty and (channel.lag is None or channel.lag > CLOSE_BEHIND):
            return f"{consumer.name} to be close behind {producer.name} (lag: {_lag(channel)})"
    return None


def _lag(channel: ChannelSeen) -> str:
    """The lag in classes: a status changes only when the state does."""
    lag = class_of(channel.lag)
    return f"over {CLOSE_BEHIND:g} s" if lag is LagClass.OK else lag.value


def _is_behind(view: ReshardView, producer: Shard, consumer: Shard) -> bool:
    """Whether the consumer lacks something of what the producer holds, as both tell in this view."""
    return not view.seen[consumer.name].executed.contains(view.seen[producer.name].line)


def names(shards: Iterable[Shard]) -> str:
    """The names of shards, for people."""
    return ", ".join(shard.name for shard in shards)
