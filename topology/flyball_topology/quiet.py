"""Quiet: whether a member's answer could change what was decided on the one before. Pure.

A shard at rest tells the same each second, but for what grows: the primary's transactions, the heartbeat's number, the
source's heartbeats. *No finding comes of these alone* where every member answers, every replica is connected and
applies, and the lag stays in its class:

- Transactions of the reigning primary's uuid are on the line, on whomever they are found, and a connected replica
  cannot hold one that its source lacks.
- A replica that no longer receives or applies falls behind, and the lag shows it.

Whatever else differs is news, and brings a pass that diagnoses and decides. So nothing is decided here, and what is
news by mistake costs a moment of the processor.
"""

from dataclasses import fields
from operator import attrgetter

from flyball.decision import Decision
from flyball_topology.diagnose import class_of, diagnose
from flyball_topology.steps import Step
from flyball_topology.view import Channel, Snapshot, View

_facts = attrgetter(*(f.name for f in fields(Snapshot) if f.name not in {"executed", "beat", "channel"}))
_channel_facts = attrgetter(*(f.name for f in fields(Channel) if f.name not in {"received", "heartbeats"}))


def may_rest(view: View, decision: Decision[Step]) -> bool:
    """Whether the decision stands until something is new: the shard is as it should be, and nothing is awaited."""
    status = view.shard.status
    asked = view.failovers or view.operations or view.tried
    marked = status.diverged or status.held or status.reseeding or status.ackers_next is not None
    return not (
        asked
        or marked
        or status.transition is not None
        or decision.step is not None
        or decision.again is not None
        or decision.awaited
        or decision.refused
        or diagnose(view)
        or not status.reign.term
    )


def is_connected(replica: Snapshot) -> bool:
    """Whether it receives and applies, by its own word."""
    channel = replica.channel
    return channel is not None and channel.receiver == "ON" and channel.applier_on


def nothing_new(before: Snapshot, now: Snapshot, writer: str) -> bool:
    """Whether ``now`` tells no more than that the server of uuid ``writer``, which reigns, has written.

    Of a replica that :func:`is_connected`, or of the primary.
    """
    if not now.executed.grew_from(before.executed, writer) or _facts(now) != _facts(before):
        return False
    was, channel = before.channel, now.channel
    if was is None or channel is None:
        return was is channel
    return channel.received.grew_from(was.received, writer) and _channel_facts(channel) == _channel_facts(was)


def same_lag(before: float | None, now: float | None) -> bool:
    """Whether the lag has stayed in its class."""
    return class_of(before) is class_of(now)
