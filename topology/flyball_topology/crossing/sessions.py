"""Sessions of a crossing: with each member one as the topology account, and one as the workflow's movers.

They are kept, since a login costs more than all the rest of a cutover, and never shared with the shard's own
controller: neither waits behind the other.
"""

import asyncio

from flyball.member import accounts
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.secrets import Secret, Secrets
from flyball.session import Login, Session, Target
from flyball.session.packets import Row
from flyball_topology.reaching import believing, secret_of, target_of


class Sessions:
    """Kept sessions by member and account."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._kept: dict[tuple[Target, str], Session] = {}
        self._busy: dict[tuple[Target, str], asyncio.Lock] = {}

    async def secret(self, shard: Shard) -> Secret:
        """See :func:`~flyball_topology.reaching.secret_of`."""
        return await secret_of(self._secrets, shard)

    async def topology(self, shard: Shard, member: MemberSpec, *statements: str) -> list[Row]:
        """Run statements as the topology account; returns the rows of the last."""
        secret = await self.secret(shard)
        return await self._run(member, Login(accounts.TOPOLOGY, secret["topology"]), secret["ca"], statements)

    async def mover(self, shard: Shard, member: MemberSpec, workflow: str, *statements: str) -> list[Row]:
        """The same as the workflow's movers, in the keyspace's database.

        Their sessions are changed by what they run (``gtid_next``, ``sql_log_bin``), so one that failed is not kept.
        """
        secret = await self.secret(shard)
        login = Login(accounts.mover_account(workflow), accounts.mover_password(secret["replica-seed"], workflow))
        use = f"USE `{shard.spec.database}`"
        try:
            return await self._run(member, login, secret["ca"], (use, *statements))
        except BaseException:
            self._drop(target_of(member), login.user)
            raise

    def close(self) -> None:
        """Hang up everywhere."""
        for session in self._kept.values():
            session.close()
        self._kept.clear()

    async def _run(self, member: MemberSpec, login: Login, authority: str, statements: tuple[str, ...]) -> list[Row]:
        target = target_of(member)
        key = (target, login.user)
        async with self._busy.setdefault(key, asyncio.Lock()):
            session = self._kept.get(key)
            if session is None or not session.alive or session.busy:
                self._drop(*key)
                session = self._kept[key] = await Session.connect(target, login, believing(authority))
            rows: list[Row] = []
            for statement in statements:
                rows = await session.query(statement)
            return rows

    def _drop(self, target: Target, user: str) -> None:
        session = self._kept.pop((target, user), None)
        if session is not None:
            session.close()
