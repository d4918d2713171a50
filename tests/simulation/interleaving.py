"""A crash at every step of every workflow, together with one further fault.

A workflow is run once undisturbed, which counts its effects (acts sent, records written). Then, for each effect, the
service dies, sleeps or loses an answer right before it, and at each further effect one more thing goes wrong. The
plans are plain data, so each replays by itself.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.drawing import BEGINS, Plan
from tests.simulation.faults import Fault
from tests.simulation.records import STORE
from tests.simulation.run import simulate
from tests.simulation.world import Setting

SHARD = "commerce-x"

WORKFLOWS: dict[str, Plan] = {
    "bootstrap": Plan("bootstrap", Setting(empty=True), ()),
    "switchover": Plan("switchover", Setting(), (Fault(BEGINS, "switchover", SHARD, "x2"),)),
    "switchover of four": Plan("four", Setting(members=4, acks=2), (Fault(BEGINS, "switchover", SHARD, "x2"),)),
    "failover": Plan("failover", Setting(), (Fault(BEGINS, "kill", "x1", seconds=2.0),)),
    "failover that is asked for": Plan("asked", Setting(), (Fault(BEGINS, "failover", SHARD),)),
    "reseed": Plan("reseed", Setting(), (Fault(BEGINS, "reseed", "x3"),)),
    "a replica leaves": Plan("leave", Setting(), (Fault(BEGINS, "leave", "x3", seconds=3.0),)),
    "the primary leaves": Plan("primary", Setting(), (Fault(BEGINS, "leave", "x1", seconds=3.0),)),
    "a member is kept out": Plan("fence", Setting(), (Fault(BEGINS, "fence", "x2", seconds=2.0),)),
}

CRASHES = (
    Fault(0, "kill_service", "t1", seconds=1.0),
    Fault(0, "sleep_service", "t1", seconds=5.0),
    Fault(0, "isolated", STORE, seconds=2.0),
)
"""What happens to the service before an effect."""

FURTHER = (
    Fault(0, "kill", "x1", seconds=1.5),
    Fault(0, "kill", "x2", seconds=1.5),
    Fault(0, "kill", "x3", seconds=1.5),
    Fault(0, "stall", "x1", seconds=3.5),
    Fault(0, "stall", "x2", seconds=3.5),
    Fault(0, "split", "x1+t1", seconds=4.5),
    Fault(0, "split", "x2+x3+t2", seconds=4.5),
    Fault(0, "conflict", SHARD),
)


def effects(workflow: str) -> int:
    """How many effects the workflow has when nothing disturbs it."""
    return len(simulate(WORKFLOWS[workflow]).effects)


def crashed(workflow: str, effects: int) -> Iterator[Plan]:
    """The service struck before each effect."""
    plan = WORKFLOWS[workflow]
    for at in range(1, effects + 1):
        for crash in CRASHES:
            yield replace(plan, schedule=(*plan.schedule, replace(crash, effect=at)))


def interleaved(workflow: str, effects: int) -> Iterator[Plan]:
    """The service struck before each effect, and one further fault before each effect."""
    for plan in crashed(workflow, effects):
        for at in range(1, effects + 3):
            for further in FURTHER:
                yield replace(plan, schedule=(*plan.schedule, replace(further, effect=at)))
