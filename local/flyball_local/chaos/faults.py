"""The kinds of fault, and a schedule of them that follows from a seed. Pure.

Two streams for each shard, and one for what all shards share. *Grave* faults are meant to cost a shard its primary:
they come at least ``GRAVE_REST`` apart, because a shard that keeps failing over comes to rest for a minute between two
failovers, and a run that only measured that rest would say little. All others come as they please, on top of each other
and of those. Kinds are dealt like cards, from one pack for each scope: within ten minutes, none is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from random import Random

GRAVE_REST = 66.0
"""Seconds between two grave faults of a shard, at least; and until the first one, which follows no failover."""
LIGHT_EVERY, SHARED_EVERY = 5.5, 8.0
"""Seconds between two other faults of one shard, and between two that concern all shards; on average."""
SHORTEST_GAP = 0.2


class Scope(Enum):
    """Whom a fault concerns."""

    GRAVE = "a shard's primary, which is to lose its reign"
    SHARD = "some members of a shard"
    SHARED = "everything that all shards share"


class Kind(StrEnum):
    """What goes wrong."""

    KILL_PRIMARY = "kill -9 of a primary"
    HANG_PRIMARY = "SIGSTOP of a primary"
    UNPLUG_PRIMARY = "link of a primary down"
    MUTE_PRIMARY = "nobody hears a primary"
    DEAFEN_PRIMARY = "a primary hears nobody"
    TERM_PRIMARY_IN_PARTITION = "SIGTERM of a primary during a partition"
    FILL_PRIMARY = "disk of a primary full"
    BLINK_PRIMARY = "SIGSTOP of a primary for an instant"
    KILL_REPLICA = "kill -9 of a replica"
    KEEP_REPLICA_DOWN = "a replica down for a while"
    HANG_REPLICA = "SIGSTOP of a replica"
    UNPLUG_REPLICA = "link of a replica down"
    MUTE_REPLICA = "nobody hears a replica"
    TERM_REPLICA_IN_PARTITION = "SIGTERM of a replica during a partition"
    FILL_REPLICA = "disk of a replica full"
    CUT_REPLICAS = "partition between replicas"
    CUT_PRIMARY_FROM_REPLICA = "partition between a primary and a replica"
    CUT_PRIMARY_FROM_REPLICAS = "partition between a primary and its replicas"
    CUT_PRIMARY_FROM_SERVICE = "partition between a primary and a topology service"
    CUT_PRIMARY_FROM_CLIENT = "partition between a primary and the clients"
    KILL_SERVICE = "kill -9 of a topology service"
    HANG_SERVICE = "SIGSTOP of a topology service"
    TERM_SERVICE = "SIGTERM of a topology service"
    UNPLUG_SERVICE = "link of a topology service down"
    HOLD_STORE = "store locked"
    KILL_ENGINE = "kill -9 of the engine"


@dataclass(frozen=True, slots=True)
class Trait:
    """How a kind is drawn: how often beside the others of its scope, and how long it lasts (seconds, from, to)."""

    scope: Scope
    weight: int
    lasts: tuple[float, float]


TRAITS: dict[Kind, Trait] = {
    Kind.KILL_PRIMARY: Trait(Scope.GRAVE, 3, (0.0, 0.0)),
    Kind.HANG_PRIMARY: Trait(Scope.GRAVE, 2, (4.0, 10.0)),
    Kind.UNPLUG_PRIMARY: Trait(Scope.GRAVE, 2, (6.0, 15.0)),
    Kind.MUTE_PRIMARY: Trait(Scope.GRAVE, 1, (6.0, 12.0)),
    Kind.DEAFEN_PRIMARY: Trait(Scope.GRAVE, 1, (6.0, 12.0)),
    Kind.TERM_PRIMARY_IN_PARTITION: Trait(Scope.GRAVE, 2, (3.0, 8.0)),
    Kind.FILL_PRIMARY: Trait(Scope.GRAVE, 2, (5.0, 12.0)),
    Kind.BLINK_PRIMARY: Trait(Scope.SHARD, 3, (0.1, 1.0)),
    Kind.KILL_REPLICA: Trait(Scope.SHARD, 3, (0.0, 0.0)),
    Kind.KEEP_REPLICA_DOWN: Trait(Scope.SHARD, 1, (3.0, 12.0)),
    Kind.HANG_REPLICA: Trait(Scope.SHARD, 3, (0.3, 8.0)),
    Kind.UNPLUG_REPLICA: Trait(Scope.SHARD, 3, (2.0, 10.0)),
    Kind.MUTE_REPLICA: Trait(Scope.SHARD, 2, (2.0, 8.0)),
    Kind.TERM_REPLICA_IN_PARTITION: Trait(Scope.SHARD, 1, (2.0, 6.0)),
    Kind.FILL_REPLICA: Trait(Scope.SHARD, 1, (3.0, 8.0)),
    Kind.CUT_REPLICAS: Trait(Scope.SHARD, 2, (2.0, 8.0)),
    Kind.CUT_PRIMARY_FROM_REPLICA: Trait(Scope.SHARD, 3, (2.0, 8.0)),
    Kind.CUT_PRIMARY_FROM_REPLICAS: Trait(Scope.SHARD, 1, (1.0, 4.0)),
    Kind.CUT_PRIMARY_FROM_SERVICE: Trait(Scope.SHARD, 3, (2.0, 8.0)),
    Kind.CUT_PRIMARY_FROM_CLIENT: Trait(Scope.SHARD, 2, (1.0, 5.0)),
    Kind.KILL_SERVICE: Trait(Scope.SHARED, 3, (0.5, 4.0)),
    Kind.HANG_SERVICE: Trait(Scope.SHARED, 2, (1.0, 8.0)),
    Kind.TERM_SERVICE: Trait(Scope.SHARED, 2, (0.5, 3.0)),
    Kind.UNPLUG_SERVICE: Trait(Scope.SHARED, 3, (2.0, 10.0)),
    Kind.HOLD_STORE: Trait(Scope.SHARED, 3, (0.5, 6.0)),
    Kind.KILL_ENGINE: Trait(Scope.SHARED, 1, (0.5, 4.0)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when it begins and how long it lasts, in seconds; which shard, "" where it concerns all.

    :param choice: decides between several who could be meant: the replicas, the two services.
    """

    at: float
    kind: Kind
    lasts: float
    shard: str
    choice: int


def schedule(seed: int, seconds: float, shards: tuple[str, ...]) -> tuple[Fault, ...]:
    """The faults of a run, by time; every one has ended after ``seconds``."""
    random = Random(seed)  # noqa: S311 - a schedule, no secret
    graves, lights, shared = (_deal(random, scope) for scope in (Scope.GRAVE, Scope.SHARD, Scope.SHARED))
    found = [fault for shard in shards for fault in _grave(random, graves, seconds, shard)]
    found += [fault for shard in shards for fault in _stream(random, lights, seconds, LIGHT_EVERY, shard)]
    found += _stream(random, shared, seconds, SHARED_EVERY, "")
    return tuple(sorted((f for f in found if f.at + f.lasts <= seconds), key=lambda fault: fault.at))


def _deal(random: Random, scope: Scope) -> Iterator[Kind]:
    """Each kind as often as it weighs, then all of them again in another order."""
    pack = [kind for kind, trait in TRAITS.items() if trait.scope is scope for _ in range(trait.weight)]
    while True:
        random.shuffle(pack)
        yield from pack


def _grave(random: Random, kinds: Iterator[Kind], seconds: float, shard: str) -> Iterator[Fault]:
    at = random.uniform(2.0, 20.0)
    longest = max(trait.lasts[1] for trait in TRAITS.values() if trait.scope is Scope.GRAVE)
    while at + longest <= seconds:
        fault = _draw(random, kinds, at, shard)
        yield fault
        at += fault.lasts + GRAVE_REST + random.expovariate(0.3)


def _stream(random: Random, kinds: Iterator[Kind], seconds: float, every: float, shard: str) -> Iterator[Fault]:
    at = random.expovariate(1 / every)
    while at < seconds:
        yield _draw(random, kinds, at, shard)
        at += SHORTEST_GAP + random.expovariate(1 / every)


def _draw(random: Random, kinds: Iterator[Kind], at: float, shard: str) -> Fault:
    kind = next(kinds)
    return Fault(at, kind, random.uniform(*TRAITS[kind].lasts), shard, random.randrange(1000))
