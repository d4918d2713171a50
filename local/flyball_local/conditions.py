"""What the engine says about a keyspace in its status. Pure.

``MembersRunning``: every member's mysqld runs and accepts connections. ``Ready``: every shard has a primary and
all its members replicate; its message names what is awaited, the nearest first. ``ConfigInEffect``: every mysqld that
runs was started with the keyspace's ``mysql.config`` as it is now. ``SpecNotFollowed``: other key ranges serve than are
declared, and nobody moves rows.
"""

from collections.abc import Iterator

from flyball.conditions import MEMBERS_RUNNING, READY, Reason, condition, in_words, why_shard_not_ready
from flyball.decision import Decision
from flyball.records import Condition, Keyspace
from flyball.resharding import not_followed
from flyball_local.steps import Step
from flyball_local.view import KeyspaceView, Process

CONFIG_IN_EFFECT = "ConfigInEffect"


def conditions_of(view: KeyspaceView, decision: Decision[Step]) -> tuple[Condition, ...]:
    """The engine's conditions, as the view shows them."""
    generation = view.keyspace.metadata.generation
    running = next(_why_not_running(view), None)
    ready = running or next(_why_not_ready(view, decision), None)
    return (
        condition(MEMBERS_RUNNING, running, "AllRunning", generation),
        condition(READY, ready, "Serving", generation),
        condition(CONFIG_IN_EFFECT, next(_why_not_in_effect(view), None), "AllStartedWithIt", generation),
        *((not_followed(view.keyspace, view.reshards),) if view.reshards else ()),
    )


def conditions_of_all(keyspace: Keyspace, *, status: bool | None, reason: str, message: str) -> tuple[Condition, ...]:
    """The same word about everything that the engine speaks of."""
    generation = keyspace.metadata.generation
    return tuple(
        Condition(type=kind, status=status, reason=reason, message=message, observed_generation=generation)
        for kind in (MEMBERS_RUNNING, READY)
    )


def _why_not_running(view: KeyspaceView) -> Iterator[Reason]:
    names = [name for shard in view.desired for name in shard.members]
    for name in names:
        trouble = view.member(name).trouble
        if trouble is not None:
            yield in_words(trouble.code), trouble.text
    for shard in view.desired:
        if shard.name not in view.shards:
            yield "Provisioning", f"shard {shard.name} is being made"
    stopped = [name for name in names if view.member(name).stopped]
    if stopped:
        yield "MemberStopped", f"a person stopped {', '.join(stopped)}"
    starting = [name for name in names if view.member(name).process is not Process.RUNNING]
    if starting:
        yield "MembersStarting", f"awaited: {', '.join(starting)}"


def _why_not_in_effect(view: KeyspaceView) -> Iterator[Reason]:
    old = [name for shard in view.desired for name in shard.members if view.member(name).outdated]
    if old:
        primaries = {shard.status.reign.primary for shard in view.shards.values()}
        old.sort(key=lambda name: (name in primaries, name))
        steps = "each with `flyball local stop` and `start`, a primary last and after `flyball switchover`"
        yield (
            "RestartNeeded",
            f"other options are in force than mysql.config means; restart {', '.join(old)}: {steps}",
        )


def _why_not_ready(view: KeyspaceView, decision: Decision[Step]) -> Iterator[Reason]:
    if view.keyspace.metadata.deletion_requested:
        yield "Deleting", "the keyspace comes down"
    for shard in view.desired:
        record = view.shards[shard.name]
        yield from why_shard_not_ready(record)
        surplus = [member.name for member in record.spec.members if member.name not in shard.members]
        if surplus:
            yield "MembersLeaving", f"shard {shard.name} lets {', '.join(surplus)} go"
    if view.keyspace.spec.paused:
        yield "Paused", "the keyspace is paused: nothing of it is touched"
    if decision.awaited:
        yield "Changing", f"awaited: {'; '.join(decision.awaited)}"
