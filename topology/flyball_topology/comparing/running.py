"""Operations of the type verify: taken up, carried through shard by shard, answered. One at a time a keyspace.

What was asked for is on the record, so a service that takes over begins it again; deleting the record gives it up. It
touches nothing that the shards' own controllers decide about, and needs none of their steps.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from time import monotonic

from flyball.errors import Code, FlyballError
from flyball.records import Keyspace, Operation, Shard
from flyball.records.failover import Outcome, Step, StepState
from flyball.records.operation import OperationStatus, OperationType, ShardVerified
from flyball.store.port import ConflictError, Records
from flyball_topology.cache import Cache
from flyball_topology.comparing.readers import Comparer

logger = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two looks at what is asked for, where nothing wakes it."""
TELL = 5.0
"""Seconds between two notes of how far it is."""


class Comparisons:
    """Every comparison of this service.

    :param connect: gives what members are compared with; without, who asks waits.
    """

    def __init__(
        self,
        records: Records,
        connect: Callable[[], Comparer] | None,
        operations: Cache[Operation],
        keyspaces: Cache[Keyspace],
        shards: Cache[Shard],
    ) -> None:
        self._records = records
        self._connect = connect
        self._operations = operations
        self._keyspaces = keyspaces
        self._shards = shards
        self._news = asyncio.Event()

    def wake(self) -> None:
        """An operation has changed."""
        self._news.set()

    async def run(self) -> None:
        """Carry them through until cancelled."""
        if self._connect is None:
            return
        for known in (self._operations, self._keyspaces, self._shards):  # what is not known yet would be refused
            await known.synced.wait()
        comparer = self._connect()
        at_work: dict[str, tuple[str, asyncio.Task[None]]] = {}
        try:
            while True:
                self._news.clear()
                asked = [one for one in self._operations.all() if _is_asked(one)]
                names = {one.name for one in asked}
                for name, (_, task) in list(at_work.items()):
                    if task.done():
                        del at_work[name]
                        if not task.cancelled() and (failure := task.exception()) is not None:
                            logger.error("%s: broke off, and is begun again", name, exc_info=failure)
                    elif name not in names:
                        task.cancel()
                for one in asked:
                    if one.spec.keyspace not in {keyspace for keyspace, _ in at_work.values()}:
                        task = asyncio.create_task(self._verify(one, comparer), name=one.name)
                        task.add_done_callback(lambda _: self.wake())
                        at_work[one.name] = (one.spec.keyspace, task)
                try:
                    async with asyncio.timeout(LOOK):
                        await self._news.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = [task for _, task in at_work.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            comparer.close()

    # --- one of them --------------------------------------------------------------------------------------

    async def _verify(self, asked: Operation, comparer: Comparer) -> None:
        """Every shard, one after the other; then the answer."""
        telling = _Telling(self._records, self._operations, asked)
        try:
            keyspace = self._keyspaces.get(asked.spec.keyspace)
            shards = self._serving(keyspace, asked.spec.shard)
            if keyspace is None or not shards:
                about = asked.spec.shard or asked.spec.keyspace
                await telling.end(Outcome.REFUSED, f"{about} does not serve", Code.NO_SUCH_OBJECT)
                return
            if keyspace.spec.paused:
                await telling.end(Outcome.REFUSED, f"{keyspace.name} is paused", Code.SHARD_PAUSED)
                return
            for shard in shards:
                await telling.begin(shard)
                await _one(partial(comparer.compare, asked.name, keyspace, shard), shard, telling)
            await telling.conclude()
        except ConflictError:
            logger.info("%s: its record was written by others, or deleted: begun again if it is there", asked.name)
        except FlyballError as error:
            logger.info("%s: %s", asked.name, error)
            with suppress(FlyballError):  # the record may be what is gone
                await telling.end(Outcome.REFUSED, error.message, error.code)

    def _serving(self, keyspace: Keyspace | None, only: str | None) -> tuple[Shard, ...]:
        """The shards that serve, as far as they are meant."""
        routes = keyspace.status.routing if keyspace is not None else ()
        names = [route.shard for route in routes if only in {None, route.shard}]
        return tuple(shard for name in names if (shard := self._shards.get(name)) is not None)


async def _one(
    compare: Callable[[Callable[[int], None]], Coroutine[None, None, ShardVerified]], shard: Shard, telling: "_Telling"
) -> None:
    """Compare one shard, and tell now and then how far it is."""
    rows = 0

    def report(count: int) -> None:
        nonlocal rows
        rows = count

    began = monotonic()
    work = asyncio.create_task(compare(report))
    try:
        while not (await asyncio.wait({work}, timeout=TELL))[0]:
            await telling.progress(shard, rows)
        await telling.found(work.result(), monotonic() - began)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


class _Telling:
    """What the record says of one comparison."""

    def __init__(self, records: Records, operations: Cache[Operation], asked: Operation) -> None:
        self._records = records
        self._operations = operations
        self._record = asked
        self._verified: tuple[ShardVerified, ...] = ()
        self._steps: tuple[Step, ...] = ()

    async def begin(self, shard: Shard) -> None:
        """A shard is next."""
        step = Step(name=shard.name, state=StepState.RUNNING)
        await self._write(Outcome.RUNNING, f"{shard.name} is being compared", steps=(*self._steps, step))

    async def progress(self, shard: Shard, rows: int) -> None:
        """How far it is."""
        step = Step(name=shard.name, state=StepState.RUNNING, evidence=f"{rows} rows so far")
        await self._write(Outcome.RUNNING, f"{shard.name}: {rows} rows so far", steps=(*self._steps, step))

    async def found(self, one: ShardVerified, seconds: float) -> None:
        """What was found in a shard."""
        self._verified = (*self._verified, one)
        state = StepState.FAILED if one.differing else StepState.DONE
        step = Step(name=one.shard, state=state, evidence=evidence(one), milliseconds=round(seconds * 1000, 1))
        self._steps = (*self._steps, step)
        await self._write(Outcome.RUNNING, "", steps=self._steps)

    async def conclude(self) -> None:
        """All shards were compared."""
        differing = sum(one.differing for one in self._verified)
        rows, shards = sum(one.rows for one in self._verified), len(self._verified)
        if differing:
            first = next(text for one in self._verified for text in one.differences)
            await self.end(Outcome.REFUSED, f"{differing} differences, the first: {first}", Code.ROWS_DIFFER)
        else:
            await self.end(Outcome.SUCCEEDED, f"{rows} rows of {shards} shards are the same on every member")

    async def end(self, outcome: Outcome, message: str, code: Code | None = None) -> None:
        """The answer."""
        await self._write(outcome, message, code, self._steps)

    async def _write(
        self, outcome: Outcome, message: str, code: Code | None = None, steps: tuple[Step, ...] = ()
    ) -> None:
        status = OperationStatus(
            outcome=outcome,
            code=code.number if code else "",
            message=message,
            steps=steps,
            verified=self._verified,
        )
        self._record = await self._records.replace_status(self._record.model_copy(update={"status": status}))
        self._operations.put(self._record)


def evidence(one: ShardVerified) -> str:
    """What was found in a shard, in one line."""
    replicas = ", ".join(one.replicas) or "no replica"
    text = f"{one.rows} rows in {one.tables} tables of {one.primary}, against {replicas}"
    text += f"; {one.differing} differences: {'; '.join(one.differences)}" if one.differing else ": the same"
    return text + (f"; not compared: {'; '.join(one.skipped)}" if one.skipped else "")


def _is_asked(operation: Operation) -> bool:
    return operation.spec.type is OperationType.VERIFY and not operation.status.outcome.ended
