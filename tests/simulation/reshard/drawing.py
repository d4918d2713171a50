"""From a seed to a plan: which reshard, where it begins, how it shall end, and what strikes on the way.

A reshard is a chain of a few hundred effects, and what matters happens around them. So most faults are counted by
effects; what follows a fault comes within milliseconds to seconds of it.
"""

from random import Random

from flyball.records.keyspace import Approval
from flyball.records.operation import OperationType
from tests.simulation.client import CLIENTS
from tests.simulation.faults import Fault
from tests.simulation.records import STORE
from tests.simulation.reshard.faults import Plan
from tests.simulation.reshard.world import ReshardSetting

WAYS = (((1, 2), 8), ((2, 1), 5), ((2, 3), 2), ((2, 4), 1))
"""From how many shards to how many, with their weights."""
STARTS = (("serving", 3), ("copied", 4), ("switched", 4))
EFFECTS = {"serving": 120, "copied": 70, "switched": 60}
"""Effects of a reshard of one shard to two, from there to its end, about."""

MEMBER = ("kill", "kill", "kill", "stop", "stall", "stall", "slow_disk", "full_disk", "lag")
NETWORK = ("part", "part", "split", "split", "isolated", "slow_way", "lost_answers", "repeated")
SERVICE = ("kill_service", "kill_service", "sleep_service", "sleep_service", "slow_store", "conflict", "touch", "away")
PEOPLE = ("switchover", "failover", "cancel", "reverse", "complete", "pause_reshard", "ddl", "break_clones")
GROUPS = ((MEMBER, 40), (SERVICE, 30), (NETWORK, 15), (PEOPLE, 15))


def draw(seed: str) -> Plan:
    """The plan of a seed."""
    random = Random(f"{seed} reshard")
    before, after = random.choices([way for way, _ in WAYS], [weight for _, weight in WAYS])[0]
    start = random.choices([name for name, _ in STARTS], [weight for _, weight in STARTS])[0]
    setting = ReshardSetting(
        members=3 if random.random() < 0.15 and after < 4 else 2,
        before=before,
        after=after,
        replicas=1 if random.random() < 0.2 else 2,
        approval=Approval.MANUAL if random.random() < 0.1 else Approval.AUTOMATIC,
        end=OperationType.REVERSE if random.random() < 0.45 else OperationType.COMPLETE,
        start=start,
    )
    most = EFFECTS[start] * (before + after) // 3
    services = ("t1", "t2")[: setting.replicas]
    schedule = [_fault(random, random.randrange(1, most), 0.0, services)]
    for _ in range(random.choices((0, 1, 2, 3), (35, 35, 20, 10))[0]):
        if random.random() < 0.5:
            schedule.append(_fault(random, schedule[-1].effect, _distance(random), services))
        else:
            schedule.append(_fault(random, random.randrange(1, most), 0.0, services))
    return Plan(seed, setting, tuple(schedule))


def _distance(random: Random) -> float:
    """Seconds, by magnitude: from one millisecond to three seconds."""
    return round(float(10 ** random.uniform(-3.0, 0.5)), 4)


def _lasting(random: Random) -> float:
    """Seconds: half of them short, half longer than it takes to notice and to fail over."""
    return round(float(10 ** random.uniform(-1.5, 0.0)) if random.random() < 0.45 else random.uniform(2.0, 6.0), 3)


def _fault(random: Random, effect: int, at: float, services: tuple[str, ...]) -> Fault:
    group = random.choices([kinds for kinds, _ in GROUPS], [weight for _, weight in GROUPS])[0]
    kind, seconds = random.choice(group), _lasting(random)
    side, number = random.choice(("source", "target")), random.randrange(4)
    primary, replica, shard = (f"{side}/{number}/{role}" for role in ("primary", "replica", "shard"))
    member = primary if random.random() < 0.7 else replica
    other = f"{'target' if side == 'source' else 'source'}/{random.randrange(4)}/primary"
    service = random.choice(services)
    match kind:
        case "cancel" | "reverse" | "complete":
            return Fault(at, "word", kind, effect=effect)
        case "switchover" | "failover":
            return Fault(at, kind, shard, effect=effect)
        case "conflict":
            return Fault(at, kind, shard, effect=effect)
        case "touch":
            return Fault(at, kind, effect=effect)
        case "kill_service" | "sleep_service":
            return Fault(at, kind, service, seconds=seconds, effect=effect)
        case "away":
            return Fault(at, "isolated", STORE, seconds=seconds, effect=effect)
        case "slow_store" | "pause_reshard" | "ddl" | "break_clones":
            return Fault(at, kind, seconds=seconds, effect=effect)
        case "part" | "slow_way":
            one, two = random.choice(((member, other), (member, service), (member, CLIENTS), (primary, replica)))
            return Fault(at, kind, one, two, seconds, effect)
        case "lost_answers":
            return Fault(at, kind, member, service, seconds, effect)
        case "repeated":
            return Fault(at, kind, service, member, seconds, effect)
        case "split":
            side_of = "+".join([member, *([CLIENTS] if random.random() < 0.6 else []), *_maybe(random, service, other)])
            return Fault(at, kind, side_of, random.choice(("", "", "in", "out")), seconds, effect)
        case "isolated":
            return Fault(at, kind, random.choice((member, service)), random.choice(("", "in", "out")), seconds, effect)
        case _:
            return Fault(at, kind, member, seconds=seconds, effect=effect)


def _maybe(random: Random, *names: str) -> list[str]:
    return [name for name in names if random.random() < 0.3]
