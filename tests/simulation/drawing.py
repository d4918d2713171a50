"""From a seed to a plan: what kind of world, what is asked for, and which faults strike around it.

Most faults are drawn close to the interesting moments: a change that was asked for is in flight, or the first fault
has just been noticed. So their distances are drawn by magnitude, from a millisecond to seconds, and a few are counted
by the service's own effects instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from flyball.records.keyspace import DurabilityPolicy, ErrantPolicy
from tests.simulation.client import CLIENTS
from tests.simulation.faults import Fault
from tests.simulation.records import STORE
from tests.simulation.world import Setting

BEGINS = 0.5
"""Seconds before which nothing happens."""
BESIDES = 0.3
"""The share of plans in which people do something besides."""


@dataclass(frozen=True)
class Plan:
    """All that a run depends on."""

    seed: str
    setting: Setting
    schedule: tuple[Fault, ...]


SETTINGS: tuple[tuple[int, Setting], ...] = (
    (40, Setting()),
    (14, Setting(members=2)),
    (10, Setting(members=4, acks=2)),
    (6, Setting(members=5, acks=2)),
    (12, Setting(members=4, policy=DurabilityPolicy.CROSS_ZONE)),
    (6, Setting(shards=2)),
    (4, Setting(errant=ErrantPolicy.ISOLATE)),
    (4, Setting(replicas=1)),
    (4, Setting(empty=True)),
)
"""With their weights."""

REQUESTS = ("", "switchover", "switchover", "switchover", "reseed", "failover", "leave", "pause", "fence")

MEMBER = ("kill", "kill", "kill", "stop", "stop", "stall", "stall", "slow_disk", "full_disk", "lag", "clock")
RARE = ("errant", "purge", "break_clones")
NETWORK = ("cut", "part", "split", "split", "split", "isolated", "isolated", "slow_way", "lost_answers", "repeated")
SERVICE = ("kill_service", "kill_service", "sleep_service", "sleep_service", "slow_store", "conflict", "store_away")
ONE_WAY = ("", "", "", "in", "out")
GROUPS = ((MEMBER, 50), (NETWORK, 28), (SERVICE, 18), (RARE, 4))


def draw(seed: str) -> Plan:
    """The plan of a seed."""
    random = Random(f"{seed} plan")
    setting = random.choices([s for _, s in SETTINGS], [weight for weight, _ in SETTINGS])[0]
    shards = ["commerce-x", "commerce-y"][: setting.shards]
    members = [f"{shard[-1]}{index}" for shard in shards for index in range(1, setting.members + 1)]
    schedule: list[Fault] = []
    moment = BEGINS
    request = random.choice(REQUESTS)
    if setting.empty:
        moment, request = 0.0, ""
    if request:
        schedule.append(_request(random, request, moment, shards, members))
    if random.random() < 0.15:
        schedule += _waiting(random, round(moment + _distance(random), 4), random.choice(shards)[-1] + "1")
    for _ in range(random.choices((1, 2, 3, 4, 6), (30, 30, 20, 12, 8))[0]):
        at = round(moment + _distance(random), 4)
        schedule.append(_fault(random, at, shards, members, setting))
        if random.random() < 0.6:
            moment = at
    random = Random(f"{seed} besides")
    if random.random() < BESIDES and not setting.empty and setting.errant is ErrantPolicy.RESEED:
        setting, more = _besides(random, setting, moment, random.choice(shards), members)
        schedule += more
    return Plan(seed, setting, tuple(sorted(schedule, key=lambda fault: fault.at)))


def _besides(
    random: Random, setting: Setting, moment: float, shard: str, members: list[str]
) -> tuple[Setting, list[Fault]]:
    """What people do in the middle of it all: another durability, one more change of primary, a store put back."""
    at = round(max(0.01, moment + random.choice((-1, 1)) * _distance(random)), 4)
    kinds = ("", "durability", "restore", "accept_loss", "switchover", "failover", "reseed")
    kind = random.choices(kinds, (1, 4, 3, 2, 4, 2, 2))[0]
    match kind:
        case "":
            return replace(setting, policy=DurabilityPolicy.NONE), []
        case "durability":
            others = ["none:1", "semi-sync:1", *(["semi-sync:2"] if setting.members > 3 else [])]
            seconds = random.choice((0.0, _lasting(random)))
            return setting, [Fault(at, kind, shard, random.choice(others), seconds)]
        case "restore":
            return setting, [Fault(at, kind, seconds=_lasting(random))]
        case "switchover":
            return setting, [_request(random, kind, at, [shard], members)]
        case "reseed":
            return setting, list(_withdrawn(random, at, random.choice([m for m in members if m[0] == shard[-1]])))
        case _:
            return setting, [Fault(at, kind, shard)]


def _withdrawn(random: Random, at: float, member: str) -> Iterator[Fault]:
    """A reseed that is asked for, breaks, and is taken back; the member may not reach the primary afterwards."""
    yield Fault(at, "reseed", member, seconds=round(random.uniform(0.2, 3.0), 3))
    yield Fault(round(at + random.uniform(0.2, 1.5), 4), "break_clones", seconds=0.3)
    if member[1:] != "1" and random.random() < 0.5:
        yield Fault(round(at + random.uniform(0.5, 2.0), 4), "part", member, f"{member[0]}1", _lasting(random))


def _distance(random: Random) -> float:
    """Seconds, by magnitude: from one millisecond to three seconds."""
    return float(10 ** random.uniform(-3.0, 0.5))


def _lasting(random: Random) -> float:
    """Seconds: half of them short, half longer than it takes to notice and to fail over."""
    return round(float(10 ** random.uniform(-1.5, 0.0)) if random.random() < 0.4 else random.uniform(2.0, 6.0), 3)


def _request(random: Random, kind: str, at: float, shards: list[str], members: list[str]) -> Fault:
    match kind:
        case "switchover":
            shard = random.choice(shards)
            candidates = [name for name in members if name[0] == shard[-1]][1:]
            return Fault(at, kind, shard, random.choice(["", *candidates]))
        case "failover":
            return Fault(at, kind, random.choice(shards))
        case "pause":
            return Fault(at, kind, random.choice(shards), seconds=random.uniform(1.0, 4.0))
        case "reseed":
            return Fault(at, kind, random.choice(members))
        case _:
            return Fault(at, kind, random.choice(members), seconds=random.uniform(1.0, 5.0))


def _member(random: Random, members: list[str]) -> str:
    """Rather one that reigns at the beginning."""
    return random.choice([name for name in members if name.endswith("1")] if random.random() < 0.4 else members)


def _side(random: Random, member: str, members: list[str], services: list[str]) -> str:
    """Who is on one side of a split network: a member, some others, mostly the applications, seldom the service."""
    side = [name for name in members if name == member or random.random() < 0.35]
    side += [name for name in services if random.random() < 0.15]
    return "+".join([*side, *([CLIENTS] if random.random() < 0.7 else [])])


def _waiting(random: Random, at: float, member: str) -> Iterator[Fault]:
    """Commits wait at a member that nobody acknowledges, and then something happens to it."""
    seconds = random.uniform(0.5, 4.0)
    yield Fault(at, "split", f"{member}+{CLIENTS}" + random.choice(("", "+t1")), random.choice(ONE_WAY), seconds)
    kind = random.choice(("kill", "stop", "stop", "stall", "isolated", "switchover", "failover", "kill_service"))
    later = round(at + random.uniform(0.3, seconds), 4)
    match kind:
        case "switchover" | "failover":
            yield Fault(later, kind, f"commerce-{member[0]}")
        case "kill_service":
            yield Fault(later, kind, seconds=_lasting(random))
        case _:
            yield Fault(later, kind, member, seconds=_lasting(random))


def _fault(random: Random, at: float, shards: list[str], members: list[str], setting: Setting) -> Fault:
    kind = random.choice(random.choices([kinds for kinds, _ in GROUPS], [weight for _, weight in GROUPS])[0])
    seconds, member = _lasting(random), _member(random, members)
    services = [f"t{number}" for number in range(1, setting.replicas + 1)]
    places = [*members, *services, STORE, CLIENTS]
    effect = random.randint(1, 25) if random.random() < 0.15 else 0
    match kind:
        case "clock":
            return Fault(at, kind, member, str(random.choice((-3600, -5, 5, 3600))), effect=effect)
        case "errant" | "purge" | "conflict":
            target = random.choice(shards) if kind == "conflict" else member
            return Fault(at, kind, target, effect=effect)
        case "break_clones" | "slow_store":
            return Fault(at, kind, seconds=seconds, effect=effect)
        case "store_away":
            return Fault(at, "isolated", STORE, seconds=seconds, effect=effect)
        case "cut" | "part" | "slow_way":
            one = random.choice(places)
            other = random.choice([place for place in places if place != one])
            return Fault(at, kind, one, other, seconds, effect)
        case "lost_answers" | "repeated":
            pair = (member, random.choice(services))
            one, other = pair if kind == "lost_answers" else (pair[1], pair[0])
            return Fault(at, kind, one, other, seconds, effect)
        case "split":
            return Fault(at, kind, _side(random, member, members, services), random.choice(ONE_WAY), seconds, effect)
        case "isolated":
            return Fault(at, kind, random.choice(places), random.choice(("", "in", "out")), seconds, effect)
        case "kill_service":
            return Fault(at, kind, random.choice(["", *services]), seconds=seconds, effect=effect)
        case "sleep_service":
            return Fault(at, kind, random.choice(services), seconds=seconds, effect=effect)
        case _:
            return Fault(at, kind, member, seconds=seconds, effect=effect)
