"""Edges from the records to a loop over keyspaces: a keyspace that comes is added, whatever changes of it wakes it.

An edge says nothing but when to look, so one that is lost costs an interval at most. What the watches tell beside
that is kept for whoever wants to read it without a call.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from flyball.loop import Loop
from flyball.records import Failover, Keyspace, Record, Reshard, Shard
from flyball.store import Deleted, Records, Synced, Unreadable
from flyball.store.known import Known


async def follow_records(
    records: Records,
    loop: Loop[str, Any, Any],
    *,
    failovers: bool = False,
    reshards: bool = False,
    known: Known | None = None,
) -> None:
    """Hand every keyspace to the loop, and wake it when its record or one of its Shards changes; never returns.

    :param failovers: wake it when a Failover of it changes, too.
    :param reshards: the same for a Reshard.
    :param known: keeps what the watches tell.
    """
    known = known or Known()

    async def keyspaces() -> None:
        async with contextlib.aclosing(records.watch(Keyspace)) as events:
            async for event in events:
                known.see(Keyspace, event)
                if isinstance(event, Synced | Unreadable):
                    continue
                if isinstance(event, Deleted):
                    loop.discard(event.record.name)
                else:
                    loop.add(event.record.name)
                    loop.wake(event.record.name)

    async def of(kind: type[Record], keyspace: Callable[[Any], str]) -> None:
        async with contextlib.aclosing(records.watch(kind)) as events:
            async for event in events:
                known.see(kind, event)
                if not isinstance(event, Synced | Unreadable):
                    loop.wake(keyspace(event.record))

    async with asyncio.TaskGroup() as following:
        following.create_task(keyspaces())
        following.create_task(of(Shard, lambda shard: str(shard.spec.keyspace)))
        if failovers:
            following.create_task(of(Failover, lambda failover: str(failover.spec.keyspace)))
        if reshards:
            following.create_task(of(Reshard, lambda reshard: str(reshard.spec.keyspace)))
