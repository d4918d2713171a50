"""One plan, run to its verdict: did anything happen that must never happen, and did the world come to rest?

After the last fault every shard must be as its users were promised within :data:`BOUND` seconds and
:data:`DISRUPTIONS` disruptive acts, and stay so: no act that somebody notices comes after that.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass, replace
from functools import cache, partial

from tests.simulation import faults
from tests.simulation.clock import StuckError, VirtualLoop, run
from tests.simulation.drawing import Plan, draw
from tests.simulation.network import NOBODY
from tests.simulation.world import Image, Setting, World

BOUND = 120.0
"""Virtual seconds after the last fault in which everything must have come to rest."""
DISRUPTIONS = 40
"""Disruptive acts after the last fault, for each shard."""
PROMOTIONS = 3
"""Members opened under a new term after the last fault, for each shard."""
STAYS = 1.6
"""Seconds for which it must stay at rest."""
LOOKS = 0.25


@dataclass(frozen=True)
class Verdict:
    """What came of a run."""

    plan: Plan
    violations: tuple[str, ...]
    rested: float
    """Virtual seconds from the last fault to rest."""
    ended: float
    effects: tuple[str, ...]
    promotions: int
    print: str
    """A fingerprint of everything that the service did: equal for equal runs."""

    @property
    def is_good(self) -> bool:
        return not self.violations


def simulate(plan: Plan) -> Verdict:
    """Run the plan, silently: a world logs more than a seed is worth."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _simulate(plan)
    finally:
        logging.disable(level)


def _simulate(plan: Plan) -> Verdict:
    image = None if plan.setting.empty else _image(replace(plan.setting, empty=True))
    loop = VirtualLoop()
    world = World(plan.seed, plan.setting, loop)
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
        plan,
        tuple(told.violated),
        rested,
        loop.time(),
        tuple(told.names),
        len(told.promotions),
        hashlib.sha256(written.encode()).hexdigest()[:16],
    )


def of_seed(seed: str) -> Verdict:
    """Draw the seed's plan and run it."""
    return simulate(draw(seed))


@cache
def _image(setting: Setting) -> Image:
    """A shard that has been bootstrapped by the real service, undisturbed."""
    loop = VirtualLoop()
    world = World("image", setting, loop)

    async def boot() -> None:
        world.begin(None)
        await _until_rest(world)
        world.end()

    run(boot(), loop)
    if world.told.violated:
        raise AssertionError(f"a healthy beginning: {world.told.violated}")
    return world.image()


async def _live(world: World, plan: Plan, image: Image | None) -> float:
    for fault in plan.schedule:
        strike = partial(faults.apply, world, fault)
        if fault.effect:
            world.told.at_effect.setdefault(fault.effect, []).append(strike)
        else:
            world.loop.call_at(fault.at, strike, context=NOBODY)
            world.whole_at = max(world.whole_at, fault.ends)
    world.begin(image)
    try:
        return await _until_rest(world)
    finally:
        world.end()


async def _until_rest(world: World) -> float:
    """Seconds from the last fault to lasting rest; or a violation."""
    looking = _Looking(world)
    while not world.told.violated:
        await asyncio.sleep(LOOKS)
        if world.loop.time() < world.whole_at:
            looking.begin()
        elif looking.rests():
            return looking.since - world.whole_at
    return -1.0


@dataclass
class _Looking:
    """The world after its last fault, looked at again and again until it rests."""

    world: World
    disrupted: int = 0
    promoted: int = 0
    """How much had happened when the last fault ended."""
    since: float = -1.0
    """From when on it has looked as it should; -1 when it does not."""
    disrupted_then: int = 0

    def begin(self) -> None:
        """A fault lasts still."""
        told = self.world.told
        self.disrupted, self.promoted, self.since = len(told.disruptions), len(told.promotions), -1.0

    def rests(self) -> bool:
        """Whether it has been as it should be for long enough; says what is violated otherwise."""
        world, told, now = self.world, self.world.told, self.world.loop.time()
        self._count()
        reasons = {shard: told.at_rest(shard) for shard in world.names}
        if any(reasons.values()):
            self.since = -1.0
            for shard in world.names:
                world.answer_for_a_person(shard)
            if now - world.whole_at > BOUND:
                told.say(f"no rest within {BOUND:g} s: {_situation(world, reasons)}")
        elif self.since < 0 or len(told.disruptions) != self.disrupted_then:
            self.since, self.disrupted_then = now, len(told.disruptions)
        elif now - self.since >= STAYS and _writes_go_on(world, self.since):
            for shard in world.names:
                told.ended(shard)
            return True
        return False

    def _count(self) -> None:
        told, shards = self.world.told, len(self.world.names)
        disruptions = told.disruptions[self.disrupted :]
        if len(disruptions) > DISRUPTIONS * shards:
            last = "; ".join(text for _, text in disruptions[-6:])
            told.say(f"oscillates: {len(disruptions)} disruptive acts since the last fault, at last {last}")
        promotions = told.promotions[self.promoted :]
        if len(promotions) > PROMOTIONS * shards:
            told.say(f"oscillates: {promotions}")


def _writes_go_on(world: World, since: float) -> bool:
    return all(client.acknowledged_at > since for client in world.followers.values())


def _situation(world: World, reasons: dict[str, str]) -> str:
    texts = []
    for shard, reason in reasons.items():
        record = world.shard(shard)
        decision = record.status.decision if record else None
        texts.append(f"{shard}: {reason}; decided: {decision.why if decision else ''}, {decision and decision.awaited}")
    return " | ".join(texts)
