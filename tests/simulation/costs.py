"""Rules whose absence loses nothing and costs something: a clone, a failover, a write pause. What it costs is counted.

A schedule for each brings about the moment in which the rule decides. With the rule and without it every invariant
holds; what was done for it differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.drawing import Plan
from tests.simulation.faults import Fault
from tests.simulation.run import Verdict
from tests.simulation.schedules import SHARD
from tests.simulation.world import Setting


def clones(verdict: Verdict) -> int:
    """Members made anew."""
    return _begin(verdict, "Clone(")


def holds(verdict: Verdict) -> int:
    """Times that a primary was frozen or fenced."""
    return _begin(verdict, "Freeze(", "Fence(")


def promotions(verdict: Verdict) -> int:
    """Members opened under a new term."""
    return verdict.promotions


def clones_before_release(verdict: Verdict) -> int:
    """Members made anew before a person gave the word for it."""
    released = next((n for n, name in enumerate(verdict.effects) if "Operation word-" in name), len(verdict.effects))
    return sum(name.startswith("Clone(") for name in verdict.effects[:released])


def _begin(verdict: Verdict, *words: str) -> int:
    return sum(name.startswith(words) for name in verdict.effects)


@dataclass(frozen=True)
class Cost:
    """What happens, what is counted, and how much of it there is with the rule and without."""

    schedule: tuple[Fault, ...]
    counted: Callable[[Verdict], int]
    sound: int
    mutant: int
    setting: Setting = field(default_factory=Setting)

    def plan(self, name: str) -> Plan:
        """The plan, by the name of the rule."""
        return Plan(name, self.setting, self.schedule)


def _kills(*moments: tuple[float, tuple[str, ...]]) -> tuple[Fault, ...]:
    return tuple(Fault(at, "kill", name, seconds=0.8) for at, names in moments for name in names)


_ALL = ("x1", "x2", "x3")
COSTS: dict[tuple[str, str], Cost] = {
    ("rule 13", "errant housekeeping is foreign"): Cost((Fault(0.6, "split", "x1", seconds=20.0),), clones, 0, 1),
    ("rule 14", "what replicas hear does not count"): Cost(
        (Fault(0.6, "part", "t1", "x1", seconds=5.0), Fault(0.6, "part", "t2", "x1", seconds=5.0)), promotions, 0, 1
    ),
    ("rule 14", "a thread that says ON hears"): Cost((Fault(0.6, "stall", "x1", seconds=3.8),), promotions, 1, 0),
    ("rule 16", "members are moved where two must acknowledge, too"): Cost(
        (Fault(0.5, "switchover", SHARD, "x2"),), holds, 2, 4, Setting(members=4, acks=2)
    ),
    ("rule 17", "who may hold what was given up is not held"): Cost(
        (Fault(0.6, "split", "x1+x2+clients", seconds=6.0), Fault(2.5, "accept_loss", SHARD)),
        clones_before_release,
        0,
        2,
    ),
    ("revocation", "a failover begins where it cannot end"): Cost(
        (Fault(0.6, "split", "x1+x2+clients", seconds=7.0),), promotions, 0, 1
    ),
    ("stability", "emergency failovers never rest"): Cost(
        _kills((0.6, ("x1",)), (2.6, _ALL), (4.6, _ALL), (6.6, _ALL)), promotions, 3, 4
    ),
}
"""By rule and name, as :data:`tests.simulation.mutants.MUTANTS`."""
