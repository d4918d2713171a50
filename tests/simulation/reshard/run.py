"""One plan of a reshard, run to its verdict: was anything violated, and did the reshard come to its end by itself?

After the last fault it must end within :data:`BOUND` seconds, with every row where it belongs and nothing left behind.
"""

import asyncio
import hashlib
import logging
from dataclasses import replace
from functools import cache

from flyball.records.reshard import Stage, StepName
from tests.simulation.clock import StuckError, VirtualLoop, run
from tests.simulation.reshard.faults import Plan, bring_about
from tests.simulation.reshard.people import KEPT, declare
from tests.simulation.reshard.server import KEYS
from tests.simulation.reshard.world import ReshardImage, ReshardSetting, ReshardWorld
from tests.simulation.run import LOOKS, STAYS, Verdict

BOUND = 300.0
"""Virtual seconds after the last fault in which the reshard must have ended: a cutover that was undone rests up to a
minute before the next."""
CUTOVERS = 12
"""Cutovers that may be undone; a controller that goes round in circles fails."""


def simulate(plan: Plan) -> Verdict:
    """Run the plan, silently: a world logs more than a seed is worth."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _simulate(plan)
    finally:
        logging.disable(level)


def _simulate(plan: Plan) -> Verdict:
    image = image_of(plan.setting)
    loop = VirtualLoop()
    world = ReshardWorld(plan.seed, plan.setting, loop)
    rested = -1.0
    try:
        rested = run(_live(world, plan, image), loop)
    except StuckError as error:
        world.told.say(f"stuck: {error}")
    for failure in loop.failures:
        world.told.say(f"a process ended: {failure!r}")
    told = world.told
    written = "\n".join((*told.names, *map(str, told.promotions), f"{rested} {loop.time()}"))
    return Verdict(
        plan,  # type: ignore[arg-type]
        tuple(told.violated),
        rested,
        loop.time(),
        tuple(told.names),
        len(told.promotions),
        hashlib.sha256(written.encode()).hexdigest()[:16],
    )


def image_of(setting: ReshardSetting) -> ReshardImage:
    """The healthy world that this one begins from."""
    return _image(replace(setting, replicas=1, end=ReshardSetting.end))


@cache
def _image(setting: ReshardSetting) -> ReshardImage:
    """What the real service made of it, undisturbed."""
    loop = VirtualLoop()
    before = _image(replace(setting, start="serving")) if setting.start != "serving" else None
    world = ReshardWorld("image", setting, loop)
    if setting.start != "switched":
        world.person.process.dead = True

    async def reached() -> None:
        world.begin(before)
        if before is not None:
            await declare(world, setting.after)
        while not _stands(world):  # noqa: ASYNC110 - nobody tells when a world is at rest
            await asyncio.sleep(0.05)
        world.end()

    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        run(reached(), loop)
    finally:
        logging.disable(level)
    if world.told.violated or loop.failures:
        raise AssertionError(f"a healthy beginning: {world.told.violated} {loop.failures}")
    return world.image()


def _stands(world: ReshardWorld) -> bool:
    """Whether the world is where the image is taken, with nothing in flight."""
    if world.told.violated:
        return True
    if any(machine.server.commits for machine in world.machines.values()):
        return False
    keyspace, reshard = world.keyspace(), world.reshard()
    match world.setting.start:
        case "serving":
            is_routed = keyspace is not None and bool(keyspace.status.routing)
            return is_routed and len(world.ledger.owed) == KEYS and not any(map(world.told.at_rest, world.sources))
        case "copied":
            step = reshard.status.step(StepName.STREAM) if reshard is not None else None
            return step is not None
        case _:
            status = reshard.status if reshard is not None else None
            return status is not None and status.stage is Stage.SWITCHED and KEPT in " ".join(status.awaited)


async def _live(world: ReshardWorld, plan: Plan, image: ReshardImage) -> float:
    for fault in plan.schedule:
        bring_about(world, fault)
    world.begin(image)
    try:
        if plan.setting.start == "serving":
            await declare(world, plan.setting.after)
        return await _until_ended(world)
    finally:
        world.end()


async def _until_ended(world: ReshardWorld) -> float:
    """Seconds from the last fault to lasting rest; or a violation."""
    since = -1.0
    while not world.told.violated:
        await asyncio.sleep(LOOKS)
        now, reshard = world.loop.time(), world.reshard()
        if reshard is not None and reshard.status.cutovers > CUTOVERS:
            world.told.say(f"oscillates: {reshard.status.cutovers} cutovers were undone")
        if now < world.whole_at:
            since = -1.0
        elif reason := world.told.unsettled():
            since = -1.0
            for shard in world.names:
                world.answer_for_a_person(shard)
            if now - world.whole_at > BOUND:
                world.told.say(f"no end within {BOUND:g} s: {reason}")
        elif since < 0:
            since = now
        elif now - since >= STAYS and _writes_go_on(world, since):
            keyspace = world.keyspace()
            for route in keyspace.status.routing if keyspace is not None else ():
                world.told.ended(route.shard)
            return since - world.whole_at
    return -1.0


def _writes_go_on(world: ReshardWorld, since: float) -> bool:
    return max(world.ledger.heard.values(), default=-1.0) > since
