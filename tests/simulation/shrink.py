"""From a failing plan to the shortest schedule that fails in the same way.

Faults are left out one by one, then made shorter and put at rounder moments, for as long as the same kind of thing is
violated. What else is drawn from the seed stays, so what is found replays like any other plan.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.drawing import Plan
from tests.simulation.faults import Fault
from tests.simulation.run import Verdict, simulate

TRIES = 200


def kind_of(verdict: Verdict) -> str:
    """What was violated first, without the details: ``lost``, ``one primary`` …"""
    first = verdict.violations[0] if verdict.violations else ""
    return first.partition(": ")[2].partition(":")[0][:24]


def shrink(verdict: Verdict) -> Verdict:
    """The verdict of the smallest plan found."""
    kind, tries, smaller = kind_of(verdict), TRIES, True
    while smaller and tries > 0:
        smaller = False
        for plan in _smaller(verdict.plan):
            tries -= 1
            again = simulate(plan)
            if kind_of(again) == kind:
                verdict, smaller = again, True
                break
            if tries <= 0:
                break
    return verdict


def _smaller(plan: Plan) -> Iterator[Plan]:
    schedule = plan.schedule
    for index in range(len(schedule)):
        yield replace(plan, schedule=schedule[:index] + schedule[index + 1 :])
    for index, fault in enumerate(schedule):
        for simpler in _simpler(fault):
            yield replace(plan, schedule=(*schedule[:index], simpler, *schedule[index + 1 :]))
    if plan.setting.replicas > 1:
        yield replace(plan, setting=replace(plan.setting, replicas=1))


def _simpler(fault: Fault) -> Iterator[Fault]:
    for digits in (0, 1, 2):
        rounded = round(fault.at, digits)
        if rounded != fault.at and rounded > 0:
            yield replace(fault, at=rounded)
    for seconds in (0.1, 1.0, 5.0):
        if seconds < fault.seconds:
            yield replace(fault, seconds=seconds)
