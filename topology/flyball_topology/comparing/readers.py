"""The readers' account: made on every member of a shard for one comparison, and taken away when that has ended.

It may read the keyspace's tables and hold them still for a moment, and nothing else. Its password follows from the
keyspace's seed, so a service that takes over knows it; whoever comes next takes away what a dead one left.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol

from flyball.errors import Code, FlyballError, MemberError
from flyball.keyrange import KeyRange
from flyball.member import accounts
from flyball.records import Keyspace, Shard
from flyball.records.operation import ShardVerified
from flyball.secrets import Secrets
from flyball.session import Login, call
from flyball_topology.comparing.shard import ShardJob, Side, compare
from flyball_topology.crossing.sessions import Sessions
from flyball_topology.reaching import believing, target_of


class Comparer(Protocol):
    """Who compares the members of a shard."""

    async def compare(
        self, operation: str, keyspace: Keyspace, shard: Shard, report: Callable[[int], None]
    ) -> ShardVerified:
        """Compare them; ends early when cancelled.

        :raises FlyballError: it cannot be done now.
        """
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class SqlComparer:
    """Over SQL: as the topology account for the readers' account, as that for the rows."""

    def __init__(self, secrets: Secrets) -> None:
        self._sessions = Sessions(secrets)
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="verify")

    def close(self) -> None:
        """Hang up."""
        self._sessions.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def compare(
        self, operation: str, keyspace: Keyspace, shard: Shard, report: Callable[[int], None]
    ) -> ShardVerified:
        """See :class:`Comparer`."""
        primary = shard.spec.member(shard.status.reign.primary)
        if primary is None or shard.status.transition is not None:
            raise MemberError(Code.MEMBER_UNREACHABLE, f"{shard.name}: its primary changes, or it has none")
        term = shard.status.reign.term
        stamp = (term, shard.status.version, shard.status.issue_of(term))
        secret = await self._sessions.secret(shard)
        login = Login(accounts.reader_account(operation), accounts.reader_password(secret["replica-seed"], operation))
        make = call("ensure_reader", *stamp, login.user, login.password, shard.spec.database)
        sides = {member.name: Side(member.name, target_of(member)) for member in shard.spec.members}
        job = ShardJob(
            shard.name,
            KeyRange.parse(shard.spec.range),
            shard.spec.database,
            dict(keyspace.spec.tables),
            sides[primary.name],
            tuple(side for name, side in sides.items() if name != primary.name),
            login,
            believing(secret["ca"]),
        )
        stop = threading.Event()
        try:
            await asyncio.gather(*(self._sessions.topology(shard, m, make) for m in shard.spec.members))
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, partial(compare, job, stop, report))
        finally:
            stop.set()
            drop = call("drop_readers", *stamp)
            ended = [self._sessions.topology(shard, member, drop) for member in shard.spec.members]
            with suppress(FlyballError):
                await asyncio.gather(*ended, return_exceptions=True)
