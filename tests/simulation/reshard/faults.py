"""What happens to a reshard: the faults of every world, aimed at its roles, and what people do about it.

A fault's target may be a *role*, which is looked up as it strikes: ``source`` and ``target`` are primaries of either
side, ``replica`` of a target is a member that is being cloned or follows. Where ``effect`` is given, the fault strikes
``at`` seconds after that effect of the service (an act sent, a record written) began, else ``at`` seconds after the
world did.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from flyball.records import Keyspace, Operation, Reshard
from flyball.records.operation import OperationType
from tests.simulation.faults import FAULTS, Fault, Undo
from tests.simulation.network import NOBODY
from tests.simulation.reshard.world import ReshardSetting

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld


@dataclass(frozen=True)
class Plan:
    """All that a run depends on."""

    seed: str
    setting: ReshardSetting
    schedule: tuple[Fault, ...]


def bring_about(world: "ReshardWorld", fault: Fault) -> None:
    """Have the fault strike when it shall."""
    if not fault.effect:
        world.loop.call_at(fault.at, partial(strike, world, fault), context=NOBODY)
        world.whole_at = max(world.whole_at, fault.ends)
    elif fault.at:
        later = partial(world.loop.call_later, fault.at, partial(strike, world, fault), context=NOBODY)
        world.told.at_effect.setdefault(fault.effect, []).append(later)
    else:
        world.told.at_effect.setdefault(fault.effect, []).append(partial(strike, world, fault))


def strike(world: "ReshardWorld", fault: Fault) -> None:
    """Bring the fault about now, and end it in time."""
    aimed = replace(fault, target=aim(world, fault.target), other=aim(world, fault.other))
    undo = (WORDS.get(fault.kind) or FAULTS[fault.kind])(world, aimed)  # type: ignore[operator]
    world.whole_at = max(world.whole_at, world.loop.time() + fault.seconds)
    if undo is not None:
        world.loop.call_later(fault.seconds, undo, context=NOBODY)


def aim(world: "ReshardWorld", target: str) -> str:
    """The names that a target means now; several are joined by ``+``."""
    return "+".join(_role(world, part) for part in target.split("+"))


def _role(world: "ReshardWorld", part: str) -> str:
    side, _, rest = part.partition("/")
    if side not in {"source", "target"}:
        return part
    shards = world.sources if side == "source" else world.targets
    number, _, role = rest.partition("/")
    shard = shards[int(number) % len(shards)]
    record = world.shard(shard)
    primary = record.status.reign.primary if record is not None else ""
    if role == "shard":
        return shard
    if role == "primary":
        return primary or world.names[shard][0]
    return next((name for name in world.names[shard] if name != primary), world.names[shard][-1])


# --- what people do about it ------------------------------------------------------------------------------


def _word(world: "ReshardWorld", fault: Fault) -> None:
    """A person says something about the reshard: ``cancel``, ``reverse``, ``complete``."""
    world.person.process.start(world.person.say(OperationType(fault.target)))


def _pause_reshard(world: "ReshardWorld", fault: Fault) -> Undo:
    """A person pauses it, and lifts that again."""
    names: list[str] = []

    async def say() -> None:
        names.append(await world.person.say(OperationType.PAUSE))

    world.person.process.start(say())

    def lift() -> None:
        for name in names:
            world.start_outside(lambda name=name: world.records.delete(Operation, name))  # type: ignore[misc]

    return lift


def _ddl(world: "ReshardWorld", fault: Fault) -> Undo:
    """Somebody changes a table's definition, and changes it back."""
    world.fingerprint = "v2"

    def undo() -> None:
        world.fingerprint = "v1"

    return undo


def _touch(world: "ReshardWorld", fault: Fault) -> None:
    """Somebody else writes to the records of the keyspace and of the reshard."""
    for kind in (Keyspace, Reshard):
        for record in list(world.records._shelf.of(kind).values()):
            labels = {**record.metadata.labels, "touched": f"{world.loop.time():.4f}"}
            touched = record.model_copy(update={"metadata": record.metadata.model_copy(update={"labels": labels})})
            world.start_outside(lambda touched=touched: world.records.replace_metadata(touched))  # type: ignore[misc]


WORDS: dict[str, Callable[["ReshardWorld", Fault], Undo | None]] = {
    "word": _word,
    "pause_reshard": _pause_reshard,
    "ddl": _ddl,
    "touch": _touch,
}
