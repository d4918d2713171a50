"""Changes of primary in a trial: asking for one as a person does, and waiting until a shard is whole again."""

import asyncio
import time
from collections.abc import Callable

from flyball.errors import Code, FlyballError, RefusedError
from flyball.records import Failover, Metadata, Shard
from flyball.records.failover import FailoverSpec, Outcome
from flyball.records.shard import Role
from flyball.store import Records

POLL = 0.05
"""Seconds between two looks at what is awaited."""


def is_whole(shard: Shard) -> bool:
    """One primary, every other member a replica that may acknowledge, and nothing that is wrong."""
    status = shard.status
    declared = {member.name for member in shard.spec.members}
    healthy = any(condition.type == "Healthy" and condition.status for condition in status.conditions)
    roles = {member.name: member.role for member in status.members}
    # Right after a change the members stand there as they were before it, the old primary among them.
    wanted = {name: Role.PRIMARY if name == status.reign.primary else Role.REPLICA for name in declared}
    return healthy and status.transition is None and set(status.ackers) == declared and roles == wanted


async def wait_for(
    records: Records, shard: str, condition: Callable[[Shard], bool], what: str, limit: float = 120.0
) -> Shard:
    """Wait until the shard's record meets the condition.

    :param limit: seconds.
    :raises RefusedError: TIMED_OUT, with what the shard waits for.
    """
    deadline = time.monotonic() + limit
    while True:
        found = await records.get(Shard, shard)
        if found is not None and condition(found):
            return found
        if time.monotonic() > deadline:
            decision = found.status.decision if found is not None else None
            seen = f"{decision.why}; awaited: {', '.join(decision.awaited)}" if decision else "there is no such shard"
            raise RefusedError(
                Code.TIMED_OUT, f"shard {shard}: not {what} within {limit:g} s ({seen})", "`flyball explain` says more."
            )
        await asyncio.sleep(POLL)


async def switch_over(records: Records, shard: Shard, name: str, reason: str, limit: float = 30.0) -> Failover:
    """Ask for a planned change of primary by a record of that name; return it once it has succeeded.

    :raises FlyballError: with the code that it was refused with; NOT_DONE when it was undone.
    """
    spec = FailoverSpec(keyspace=shard.spec.keyspace, shard=shard.name, mode="planned", reason=reason)
    await records.create(Failover(metadata=Metadata(name=name), spec=spec))
    deadline = time.monotonic() + limit
    while True:
        asked = await records.get(Failover, name)
        if asked is not None and asked.status.outcome is Outcome.SUCCEEDED:
            return asked
        if asked is None or asked.status.outcome.ended:
            said = asked.status if asked is not None else None
            code = next((code for code in Code if said and code.number == said.code), Code.NOT_DONE)
            raise FlyballError(code, f"the switchover of {shard.name} did not happen: {said.message if said else ''}")
        if time.monotonic() > deadline:
            raise RefusedError(Code.TIMED_OUT, f"the switchover of {shard.name} took longer than {limit:g} s")
        await asyncio.sleep(POLL)
