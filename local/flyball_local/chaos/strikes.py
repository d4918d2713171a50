"""How each kind of fault is begun on the ground, and how it ends: a table.

A strike finds out whom it concerns just now, begins, and returns what ends it. What it cannot do at this moment (the
process that it would stop does not run) it says by :class:`MissedError`; such a fault is logged and not counted.
Faults on the same party overlap: links count their cuts, and whatever else two faults did to it ends with the first.
"""

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass

from flyball_local import background, engine_state, members, mysqld
from flyball_local.chaos.faults import Fault, Kind
from flyball_local.chaos.ground import CLIENT, OBSERVER, Ground, Service
from flyball_local.trial.disks import fill_disk, free_disk

STORE_WITHIN = 5.0
"""Seconds to wait for the store's lock before it counts as missed."""

Undo = Callable[[], Awaitable[None]]


class MissedError(Exception):
    """There was nothing to strike."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that has begun: whom it concerns, and what ends it."""

    whom: str
    undo: Undo


Strike = Callable[[Ground, Fault], Awaitable[Struck]]


async def _nothing() -> None:
    """What was done needs no undoing: whoever looks after it mends it."""


# --- members ----------------------------------------------------------------------------------------------


async def _primary(ground: Ground, fault: Fault) -> str:
    reign = (await ground.shard(fault.shard)).status.reign
    return reign.primary


async def _replica(ground: Ground, fault: Fault) -> str:
    shard = await ground.shard(fault.shard)
    replicas = [member.name for member in shard.spec.members if member.name != shard.status.reign.primary]
    return replicas[fault.choice % len(replicas)]


Pick = Callable[[Ground, Fault], Awaitable[str]]


def _kill(pick: Pick) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        member = await pick(ground, fault)
        if not mysqld.kill(ground.process(member)):
            raise MissedError(f"{member} is down")
        return Struck(member, _nothing)

    return strike


async def _keep_down(ground: Ground, fault: Fault) -> Struck:
    member = await _replica(ground, fault)
    mark = ground.home.stop_mark(member)
    if mark.exists() or not mysqld.is_running(ground.process(member)):
        raise MissedError(f"{member} is down")
    mark.touch(mode=0o600)
    mysqld.kill(ground.process(member))

    async def undo() -> None:
        mark.unlink(missing_ok=True)
        _wake(ground)

    return Struck(member, undo)


def _hang(pick: Pick) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        member = await pick(ground, fault)
        process = ground.process(member)
        if not mysqld.sigstop(process):
            raise MissedError(f"{member} is down")

        async def undo() -> None:
            mysqld.sigcont(process)

        return Struck(member, undo)

    return strike


def _fill(pick: Pick) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        member = await pick(ground, fault)
        directory = ground.home.member(member)
        await asyncio.to_thread(fill_disk, directory)

        async def undo() -> None:
            free_disk(directory)

        return Struck(member, undo)

    return strike


def _unplug(pick: Pick) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        party = await pick(ground, fault)
        await asyncio.to_thread(ground.network.unplug, party)

        async def undo() -> None:
            await asyncio.to_thread(ground.network.plug, party)

        return Struck(party, undo)

    return strike


def _term_in_partition(pick: Pick) -> Strike:
    """Its link goes down, then it is stopped in order: SIGTERM after clients were cut (rule 1). Both end together."""

    async def strike(ground: Ground, fault: Fault) -> Struck:
        member = await pick(ground, fault)
        mark = ground.home.stop_mark(member)
        if mark.exists() or not mysqld.is_running(ground.process(member)):
            raise MissedError(f"{member} is down")
        await asyncio.to_thread(ground.network.unplug, member)
        stopping = asyncio.create_task(members.stop(ground.home, member))

        async def undo() -> None:
            await asyncio.to_thread(ground.network.plug, member)
            await asyncio.wait({stopping}, timeout=members.LIMIT)
            mark.unlink(missing_ok=True)
            _wake(ground)
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)

        return Struck(member, undo)

    return strike


def _wake(ground: Ground) -> None:
    engine = engine_state.running_engine(ground.home)
    if engine is not None:
        engine_state.wake_engine(engine)


# --- links ------------------------------------------------------------------------------------------------

Links = Callable[[Ground, Fault], Awaitable[tuple[str, list[tuple[str, str]]]]]
"""Says whom a cut concerns, and which directions are cut: from whom to whom."""


def _cut(links: Links) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        whom, pairs = await links(ground, fault)

        def begin() -> None:
            for source, target in pairs:
                ground.network.cut(source, target)

        def end() -> None:
            for source, target in pairs:
                ground.network.mend(source, target)

        await asyncio.to_thread(begin)
        return Struck(whom, lambda: asyncio.to_thread(end))

    return strike


def _mute(pick: Pick) -> Links:
    async def links(ground: Ground, fault: Fault) -> tuple[str, list[tuple[str, str]]]:
        member = await pick(ground, fault)
        return member, [(member, other) for other in _others(ground, member)]

    return links


async def _deafen_primary(ground: Ground, fault: Fault) -> tuple[str, list[tuple[str, str]]]:
    member = await _primary(ground, fault)
    return member, [(other, member) for other in _others(ground, member)]


def _others(ground: Ground, party: str) -> list[str]:
    return [other for other in ground.network.parties if other not in {party, OBSERVER}]


def _both(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*pairs, *((target, source) for source, target in pairs)]


def _between(one: Pick, *others: Pick) -> Links:
    async def links(ground: Ground, fault: Fault) -> tuple[str, list[tuple[str, str]]]:
        source = await one(ground, fault)
        targets = [await other(ground, fault) for other in others]
        return f"{source} | {', '.join(targets)}", _both([(source, target) for target in targets])

    return links


async def _other_replica(ground: Ground, fault: Fault) -> str:
    return await _replica(ground, Fault(fault.at, fault.kind, fault.lasts, fault.shard, fault.choice + 1))


async def _client(_ground: Ground, _fault: Fault) -> str:
    return CLIENT


# --- what all shards share --------------------------------------------------------------------------------


def _service(ground: Ground, fault: Fault) -> Service:
    return ground.services[fault.choice % len(ground.services)]


async def _service_party(ground: Ground, fault: Fault) -> str:
    return _service(ground, fault).name


def _end_service(number: signal.Signals) -> Strike:
    async def strike(ground: Ground, fault: Fault) -> Struck:
        service = _service(ground, fault)
        service.send(number)

        async def undo() -> None:
            service.send(signal.SIGCONT)  # another fault may have stopped it
            await service.ended()
            service.start()

        return Struck(service.name, undo)

    return strike


async def _hang_service(ground: Ground, fault: Fault) -> Struck:
    service = _service(ground, fault)
    service.send(signal.SIGSTOP)

    async def undo() -> None:
        service.send(signal.SIGCONT)

    return Struck(service.name, undo)


async def _hold_store(ground: Ground, _fault: Fault) -> Struck:
    """Nobody can write a record: a transaction of somebody else is in the way."""
    release = asyncio.Event()
    held = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        with closing(sqlite3.connect(ground.home.records, timeout=STORE_WITHIN, isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            loop.call_soon_threadsafe(held.set_result, True)  # noqa: FBT003 - a future's value
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
            thief.execute("ROLLBACK")

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.wait({holding, held}, return_when=asyncio.FIRST_COMPLETED)
    if not held.done():
        held.cancel()
        raise MissedError(f"the store was locked already: {holding.exception()}")

    async def undo() -> None:
        release.set()
        await holding

    return Struck("the store", undo)


async def _kill_engine(ground: Ground, _fault: Fault) -> Struck:
    engine = engine_state.running_engine(ground.home)
    if engine is None or not background.send(engine, signal.SIGKILL):
        raise MissedError("no engine runs")

    async def undo() -> None:
        await background.wait_until_ended(engine, 20.0)
        ground.start_engine()

    return Struck("the engine", undo)


STRIKES: dict[Kind, Strike] = {
    Kind.KILL_PRIMARY: _kill(_primary),
    Kind.HANG_PRIMARY: _hang(_primary),
    Kind.UNPLUG_PRIMARY: _unplug(_primary),
    Kind.MUTE_PRIMARY: _cut(_mute(_primary)),
    Kind.DEAFEN_PRIMARY: _cut(_deafen_primary),
    Kind.TERM_PRIMARY_IN_PARTITION: _term_in_partition(_primary),
    Kind.FILL_PRIMARY: _fill(_primary),
    Kind.BLINK_PRIMARY: _hang(_primary),
    Kind.KILL_REPLICA: _kill(_replica),
    Kind.KEEP_REPLICA_DOWN: _keep_down,
    Kind.HANG_REPLICA: _hang(_replica),
    Kind.UNPLUG_REPLICA: _unplug(_replica),
    Kind.MUTE_REPLICA: _cut(_mute(_replica)),
    Kind.TERM_REPLICA_IN_PARTITION: _term_in_partition(_replica),
    Kind.FILL_REPLICA: _fill(_replica),
    Kind.CUT_REPLICAS: _cut(_between(_replica, _other_replica)),
    Kind.CUT_PRIMARY_FROM_REPLICA: _cut(_between(_primary, _replica)),
    Kind.CUT_PRIMARY_FROM_REPLICAS: _cut(_between(_primary, _replica, _other_replica)),
    Kind.CUT_PRIMARY_FROM_SERVICE: _cut(_between(_primary, _service_party)),
    Kind.CUT_PRIMARY_FROM_CLIENT: _cut(_between(_primary, _client)),
    Kind.KILL_SERVICE: _end_service(signal.SIGKILL),
    Kind.HANG_SERVICE: _hang_service,
    Kind.TERM_SERVICE: _end_service(signal.SIGTERM),
    Kind.UNPLUG_SERVICE: _unplug(_service_party),
    Kind.HOLD_STORE: _hold_store,
    Kind.KILL_ENGINE: _kill_engine,
}
