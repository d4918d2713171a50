"""When rows must move: from the declared key ranges and the routing to the Reshard and the shards that it takes. Pure.

Both engines ask here, so that they agree. Until a keyspace has a routing its shards are those that its spec means.
From then on they are those that the routing names, and those of both sides of a reshard that goes on: no edit of a
spec takes a shard away, only a reshard that has ended does, and then only from the side that does not serve.

A reshard that was refused, cancelled or reversed is not begun again by itself. That the spec is not followed is told as
a condition, until the ranges that it declares are other ones, or a person asks again.
"""

from collections.abc import Iterable
from itertools import count

from flyball.expand import DesiredShard, desired_shard, expand, incarnation_of, shard_name
from flyball.keyrange import KeyRange
from flyball.records import Condition, Keyspace, Metadata, Reshard
from flyball.records.base import LONGEST_NAME
from flyball.records.failover import Outcome, StepState
from flyball.records.keyspace import ShardRoute
from flyball.records.reshard import ReshardSpec, StepName

SPEC_NOT_FOLLOWED = "SpecNotFollowed"
"""The declared key ranges are not those that serve, and nobody moves rows."""


AGAIN = "flyball.dev/again-after"
"""The label with which a person asks again for what the reshard of that name ended without doing."""


def shards_of(keyspace: Keyspace, reshards: Iterable[Reshard]) -> tuple[DesiredShard, ...]:
    """The shards that must be there now, in the order of their key ranges.

    The targets of a reshard are made once its check has passed: what is refused touches nothing.
    """
    routing = keyspace.status.routing
    if not routing:
        return expand(keyspace)
    routes = {route.shard: route for route in routing}
    going_on = live(reshards)
    if going_on is not None:
        routes |= {route.shard: route for route in going_on.spec.sources}
        if has_passed(going_on):
            routes |= {route.shard: route for route in going_on.spec.targets}
    found = (_shard(keyspace, route) for route in routes.values())
    return tuple(sorted(found, key=lambda shard: (shard.range, shard.name)))


def is_serving(keyspace: Keyspace, shard: str, present: bool) -> bool:  # noqa: FBT001 - a value, not a switch
    """What the engine declares of a shard: it serves where the routing names it; ``present`` before there is one."""
    routing = keyspace.status.routing
    return any(route.shard == shard for route in routing) if routing else present


def wanted_reshard(keyspace: Keyspace, reshards: Iterable[Reshard], taken: Iterable[str]) -> Reshard | None:
    """The reshard that the spec asks for now; ``None`` where it asks for none, or another one goes on.

    :param taken: names of shards that the new ones must not bear: of records, and of whatever orphans left.
    """
    reshards = tuple(reshards)
    if keyspace.metadata.deletion_requested or keyspace.spec.paused or live(reshards) is not None:
        return None
    sources, ranges = _difference(keyspace)
    if not ranges or _abandoned(keyspace, reshards) is not None:
        return None
    policy = keyspace.spec.reshard
    names = {*taken, *(route.shard for one in reshards if has_passed(one) for route in one.spec.targets)}
    targets = tuple(ShardRoute(range=str(part), shard=_free_name(keyspace, part, names)) for part in ranges)
    spec = ReshardSpec(
        keyspace=keyspace.name,
        generation=keyspace.metadata.generation,
        sources=sources,
        targets=targets,
        approval=policy.approval,
        keep_for=policy.keep_for,
        reason="the keyspace declares other key ranges",
    )
    return Reshard(metadata=Metadata(name=_name(keyspace, {one.name for one in reshards})), spec=spec)


def not_followed(keyspace: Keyspace, reshards: Iterable[Reshard]) -> Condition:
    """Whether the declared key ranges are other ones than those that serve, with nobody at it."""
    reshards = tuple(reshards)
    generation = keyspace.metadata.generation
    ended = _abandoned(keyspace, reshards) if live(reshards) is None else None
    if ended is None:
        reason = "Resharding" if live(reshards) is not None else "Followed"
        return Condition(type=SPEC_NOT_FOLLOWED, status=False, reason=reason, observed_generation=generation)
    said = f": {ended.status.code}: {ended.status.message}" if ended.status.message else ""
    serving = " ".join(route.range for route in keyspace.status.routing)
    declared = " ".join(str(part) for part in keyspace.spec.key_ranges())
    message = (
        f"{ended.name} was {str(ended.status.outcome).lower()}{said}; {serving} serve, {declared} are declared: "
        f"declare what serves, or ask again with `flyball reshard {keyspace.name}`"
    )
    return Condition(
        type=SPEC_NOT_FOLLOWED,
        status=True,
        reason=str(ended.status.outcome),
        message=message[:1000],
        observed_generation=generation,
    )


def live(reshards: Iterable[Reshard]) -> Reshard | None:
    """The reshard that has not ended, the oldest of them."""
    going_on = [one for one in reshards if not one.status.outcome.ended]
    return min(going_on, key=lambda one: (one.metadata.created, one.name), default=None)


def has_passed(reshard: Reshard) -> bool:
    """Whether its check has passed."""
    check = reshard.status.step(StepName.CHECK)
    return check is not None and check.state is StepState.DONE


def is_of_the_past(shard: str, reshards: Iterable[Reshard]) -> bool:
    """Whether a reshard that has ended names the shard."""
    return any(
        one.status.outcome.ended and any(route.shard == shard for route in (*one.spec.sources, *one.spec.targets))
        for one in reshards
    )


def is_only_a_copy(shard: str, reshards: Iterable[Reshard]) -> bool:
    """Whether a shard that is not meant any more never served: a target of a reshard that was cancelled."""
    return any(
        one.status.outcome is Outcome.CANCELLED and any(route.shard == shard for route in one.spec.targets)
        for one in reshards
    )


def _abandoned(keyspace: Keyspace, reshards: tuple[Reshard, ...]) -> Reshard | None:
    """The reshard that ended without doing what the spec still asks for."""
    _, wanted = _difference(keyspace)
    newest = max(reshards, key=lambda one: (one.metadata.created, one.name), default=None)
    if newest is None or not wanted or newest.status.outcome is Outcome.SUCCEEDED:
        return None
    if keyspace.metadata.labels.get(AGAIN) == newest.name:
        return None
    asked = {KeyRange.parse(route.range) for route in newest.spec.targets}
    if not newest.status.outcome.ended or asked != set(wanted) or _was_followed_since(keyspace, newest):
        return None
    return newest


def _was_followed_since(keyspace: Keyspace, reshard: Reshard) -> bool:
    """Whether a later edit than the reshard's declared what serves: the same may be asked again."""
    return any(
        one.type == SPEC_NOT_FOLLOWED and one.reason == "Followed" and one.observed_generation > reshard.spec.generation
        for one in keyspace.status.conditions
    )


def _difference(keyspace: Keyspace) -> tuple[tuple[ShardRoute, ...], tuple[KeyRange, ...]]:
    """The routes that serve and are not declared, and the key ranges that are declared and do not serve."""
    routing, declared = keyspace.status.routing, keyspace.spec.key_ranges()
    if not routing:
        return (), ()
    served = {KeyRange.parse(route.range) for route in routing}
    sources = tuple(route for route in routing if KeyRange.parse(route.range) not in set(declared))
    return sources, tuple(part for part in declared if part not in served)


def _shard(keyspace: Keyspace, route: ShardRoute) -> DesiredShard:
    part = KeyRange.parse(route.range)
    return desired_shard(keyspace, part, incarnation_of(keyspace.name, part, route.shard))


def _free_name(keyspace: Keyspace, part: KeyRange, taken: set[str]) -> str:
    """The name of the first incarnation that nothing bears, and nothing has borne."""
    return next(name for n in count(1) if (name := shard_name(keyspace.name, part, n)) not in taken)


def _name(keyspace: Keyspace, taken: set[str]) -> str:
    """It says which edit it carries out, and the how manieth reshard for it this is."""
    edit = f"-reshard-{keyspace.metadata.generation}"
    suffixes = (edit if n == 1 else f"{edit}-{n}" for n in count(1))
    names = (keyspace.name[: LONGEST_NAME - len(suffix)].rstrip("-") + suffix for suffix in suffixes)
    return next(name for name in names if name not in taken)
