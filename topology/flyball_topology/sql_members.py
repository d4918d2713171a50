"""Members over SQL: kept TLS sessions as the topology account, one for each purpose.

A probe must not wait behind an act, nor an act behind a heartbeat that waits for an acknowledgement, so a member has
up to three sessions. Passwords come from the keyspace's secret, and go nowhere else.

Connecting is paced. A login costs two milliseconds of this process, and at a start, or when a network comes back, all
members want one at once: if each were given up with the probe that asked for it, none would ever end, and the next
probes would begin as many anew. So a login goes on when the probe that asked for it is given up, and the next one
takes its result; and only so many are past the member's greeting at a time. A hung member greets nobody, and takes
no place.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from flyball.errors import Code, FlyballError, MemberError
from flyball.member import accounts
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.secrets import Secret, Secrets
from flyball.session import Answer, Login, ServerError, Session, SessionLostError, Target, call, literal
from flyball.session.packets import Response
from flyball_topology import notes, steps
from flyball_topology.probe import Reader, of_rows
from flyball_topology.reaching import believing, secret_of, target_of
from flyball_topology.view import Snapshot

logger = logging.getLogger(__name__)

LEASE = 5
"""Seconds that a primary trusts to be watched after a heartbeat."""
_RESTART_FAILED = 3707
"""CLONE is done, and mysqld cannot restart itself: the engine does that."""


LOGINS = 16
"""Logins at once, over all members."""


@dataclass(slots=True)
class _Member:
    spec: MemberSpec
    target: Target
    sessions: dict[str, Session] = field(default_factory=dict)
    connecting: dict[str, "asyncio.Task[Session]"] = field(default_factory=dict)
    clone: "asyncio.Task[None] | None" = None
    reader: Reader = field(default_factory=Reader)
    closed: bool = False

    def rest(self) -> None:
        """Give up what is in flight; logins go on."""
        for purpose, session in list(self.sessions.items()):
            session.on_lost = None
            if session.busy or not session.alive:
                self.sessions.pop(purpose).close()
        if self.clone is not None:
            self.clone.cancel()
            self.clone = None

    def close(self) -> None:
        self.closed = True
        for session in self.sessions.values():
            session.close()
        self.sessions.clear()
        for task in self.connecting.values():
            task.cancel()
        if self.clone is not None:
            self.clone.cancel()


class SqlMembers:
    """The :class:`~flyball_topology.members.Members` port over MySQL sessions."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._members: dict[tuple[str, str], _Member] = {}
        self._tls: dict[str, ssl.SSLContext] = {}
        self._logins = asyncio.Semaphore(LOGINS)

    def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Awaitable[Snapshot]:
        """One round trip on the kept session."""
        session = self._kept(shard, member, "probe")
        if session is None:
            return self._probe_anew(shard, member, on_lost)
        return self._ask_for_probe(shard, member, session, on_lost)

    async def _probe_anew(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Snapshot:
        return await self._ask_for_probe(shard, member, await self._session(shard, member, "probe"), on_lost)

    def _ask_for_probe(
        self, shard: Shard, member: MemberSpec, session: Session, on_lost: Callable[[], None]
    ) -> Answer[Snapshot]:
        session.on_lost = on_lost
        return session.ask(_PROBE, self._members[(shard.name, member.name)].reader.read)

    async def act(self, shard: Shard, act: steps.Act) -> Snapshot | None:
        """The act's procedures and a probe, in one round trip where the act is one statement."""
        spec = shard.spec.member(act.member)
        if spec is None:
            raise MemberError(Code.NO_SUCH_OBJECT, f"shard {shard.name} has no member {act.member}")
        if isinstance(act, steps.Clone):
            await self._start_clone(shard, spec, act)
            return None
        secret = await secret_of(self._secrets, shard)
        session = await self._session(shard, spec, "act")
        deep = isinstance(act, steps.Establish | steps.Provision | steps.Admit)
        takes_notes = self._members[(shard.name, act.member)].reader.takes_notes
        statements = (*_statements(shard, act, secret, takes_notes=takes_notes), call("probe", deep))
        return of_rows(await session.query("; ".join(statements)))

    def beat(self, shard: Shard, member: MemberSpec, beat: int) -> Awaitable[None]:
        """Renew the lease, then write the heartbeat the way that writes go.

        While that waits for an acknowledgement the lease is renewed beside it: the primary is watched, and must stay
        open for those who could acknowledge.
        """
        session = self._kept(shard, member, "beat")
        return self._beat_anew(shard, member, beat) if session is None else self._beat(session, shard, member, beat)

    async def _beat_anew(self, shard: Shard, member: MemberSpec, beat: int) -> None:
        await self._beat(await self._session(shard, member, "beat"), shard, member, beat)

    def _beat(self, session: Session, shard: Shard, member: MemberSpec, beat: int) -> Answer[None]:
        beating = session.ask(call("beat", shard.status.reign.term, beat, LEASE), _nothing)
        waits = asyncio.get_running_loop().call_later(LEASE / 3, self._renew, shard, member, beating)
        beating.add_done_callback(lambda _: waits.cancel())
        return beating

    def _renew(self, shard: Shard, member: MemberSpec, beating: Answer[None]) -> None:
        """The heartbeat waits: from here on a task renews the lease."""
        renewing = asyncio.create_task(self._watch(shard, member, beating), name=f"watch {member.name}")
        beating.add_done_callback(lambda done: done.cancelled() and renewing.cancel())

    async def _watch(self, shard: Shard, member: MemberSpec, beating: Answer[None]) -> None:
        try:
            while not beating.done():
                session = await self._session(shard, member, "watch")
                await session.query(call("watch", shard.status.reign.term, LEASE))
                await asyncio.wait({beating}, timeout=LEASE / 3)
        except (FlyballError, OSError, KeyError) as error:
            beating.fail(error)

    def forget(self, shard: str) -> None:
        """Close the shard's sessions."""
        for key in [key for key in self._members if key[0] == shard]:
            self._members.pop(key).close()

    def rest(self) -> None:
        """See ``kept.Sessions``."""
        for member in self._members.values():
            member.rest()

    def retain(self, shards: Collection[str]) -> None:
        """See ``kept.Sessions``."""
        for shard in {shard for shard, _ in self._members} - {*shards}:
            self.forget(shard)

    def close(self) -> None:
        """Close every session."""
        for member in self._members.values():
            member.close()
        self._members.clear()

    def _kept(self, shard: Shard, spec: MemberSpec, purpose: str) -> Session | None:
        """The session that is there and can take a statement now."""
        member = self._members.get((shard.name, spec.name))
        if member is None or (member.spec is not spec and member.target != target_of(spec)):
            return None
        session = member.sessions.get(purpose)
        return session if session is not None and session.alive and not session.busy else None

    async def _session(self, shard: Shard, spec: MemberSpec, purpose: str) -> Session:
        target = target_of(spec)
        key = (shard.name, spec.name)
        member = self._members.get(key)
        if member is None or member.target != target:
            if member is not None:
                member.close()
            member = self._members[key] = _Member(spec, target)
        session = member.sessions.get(purpose)
        if session is not None and session.alive and not session.busy:
            return session
        if session is not None:
            session.close()
        connecting = member.connecting.get(purpose)
        if connecting is None:
            connecting = asyncio.create_task(self._connect(shard, target), name=f"connect {purpose} {target}")
            member.connecting[purpose] = connecting
            connecting.add_done_callback(lambda task: _connected(member, purpose, task))
        return await asyncio.shield(connecting)

    async def _connect(self, shard: Shard, target: Target) -> Session:
        secret = await secret_of(self._secrets, shard)
        login = Login(accounts.TOPOLOGY, secret["topology"])
        return await Session.connect(target, login, self._context(secret["ca"]), self._logins)

    def _context(self, authority: str) -> ssl.SSLContext:
        context = self._tls.get(authority)
        if context is None:
            context = self._tls[authority] = believing(authority)
        return context

    async def _start_clone(self, shard: Shard, spec: MemberSpec, act: steps.Clone) -> None:
        donor = shard.spec.member(act.donor)
        if donor is None:
            raise MemberError(Code.NO_SUCH_OBJECT, f"shard {shard.name} has no member {act.donor}")
        secret = await secret_of(self._secrets, shard)
        session = await self._session(shard, spec, "act")
        member = self._members[(shard.name, spec.name)]
        if member.clone is not None:
            if not member.clone.done():
                return
            finished, member.clone = member.clone, None
            if (error := finished.exception()) is not None:
                raise error
        await session.query(
            call("arm_clone", act.term, shard.status.version, shard.status.issue_of(act.term), donor.host, donor.port)
        )
        statement = (
            f"CLONE INSTANCE FROM {literal(accounts.CLONE)}@{literal(donor.host)}:{donor.port} "
            f"IDENTIFIED BY {literal(secret['clone'])} REQUIRE SSL"
        )
        cloning = await self._session(shard, spec, "clone")
        member.clone = asyncio.create_task(_clone(cloning, statement), name=f"clone {spec.name}")


_PROBE = call("probe", True)  # noqa: FBT003 - SQL


def _nothing(_: Response) -> None:
    """A call that returns no rows."""


def _connected(member: _Member, purpose: str, task: "asyncio.Task[Session]") -> None:
    """Keep the session, whether anybody waits for it still or not."""
    member.connecting.pop(purpose, None)
    if task.cancelled() or task.exception() is not None:
        return
    if member.closed:
        task.result().close()
    else:
        member.sessions[purpose] = task.result()


async def _clone(session: Session, statement: str) -> None:
    """Run until the member's mysqld ends itself; how it went shows when it is back."""
    try:
        await session.query(statement)
    except SessionLostError:
        return
    except ServerError as error:
        if error.errno != _RESTART_FAILED:
            raise


def _statements(  # noqa: C901, PLR0912 - a table
    shard: Shard, act: steps.Act, secret: Secret, *, takes_notes: bool
) -> tuple[str, ...]:
    """The CALLs of an act. The procedures of a member that takes no notes have no parameter for one."""
    term, version = act.term, shard.status.version
    issue = shard.status.issue_of(term)
    noted = notes.written_by(shard, act)
    note = (noted.text() if noted is not None else None,) if takes_notes else ()
    match act:
        case steps.Fence():
            return (call("fence", term, version, issue),)
        case steps.Freeze():
            return (call("freeze", term, act.wait, act.grace),)
        case steps.Thaw():
            return (call("thaw", term),)
        case steps.Hold():
            return (call("hold", term, version, issue, act.wait, act.grace),)
        case steps.Serve():
            return (call("serve", term, version, issue),)
        case steps.Isolate():
            return (call("isolate", term),)
        case steps.Follow():
            source = shard.spec.member(act.source)
            if source is None:
                raise MemberError(Code.NO_SUCH_OBJECT, f"shard {shard.name} has no member {act.source}")
            password = accounts.replica_password(secret["replica-seed"], act.member)
            account = accounts.replica_account(act.member)
            origin = (source.host, source.port, account, password, act.acks)
            return (call("follow", term, version, issue, *origin, *note),)
        case steps.Lend():
            return (call("lend", term, accounts.replica_account(act.reader)),)
        case steps.Settle():
            return (call("settle", term),)
        case steps.CatchUp():
            return (call("catch_up", term, version, issue, act.holds, act.wait, *note),)
        case steps.Promote():
            return (
                call(
                    "promote" if act.serves else "promote_closed",
                    term,
                    version,
                    issue,
                    act.holds,
                    act.acks,
                    _accounts(act.ackers),
                    *note,
                ),
                call("journal", term, act.member, act.mode),
            )
        case steps.ForgetSource():
            return (call("forget_source", term),)
        case steps.Declare():
            return (call("declare_gtids", term, ",".join(act.gtids)),)
        case steps.Admit():
            return (call("admit", term, version, issue, _accounts(act.ackers), *note),)
        case steps.EnsureSemiSync():
            return (call("ensure_semi_sync", term, version, issue, act.acks),)
        case steps.Establish():
            return (call("establish", term), *_provision(act, secret))
        case steps.Provision():
            return _provision(act, secret)
    raise TypeError(f"{act} is no act that members know")


def _provision(act: steps.Establish | steps.Provision, secret: Secret) -> tuple[str, ...]:
    seed = secret["replica-seed"]
    members = (
        call(
            "ensure_replica_account",
            act.term,
            accounts.replica_account(name),
            accounts.replica_password(seed, name),
        )
        for name in act.members
    )
    users = (
        call("ensure_user", act.term, name, secret[accounts.user_key(name)], act.database, ddl)
        for name, ddl in act.users
    )
    return (*members, call("ensure_database", act.term, act.database), *users)


def _accounts(members: tuple[str, ...]) -> str:
    return ",".join(accounts.replica_account(name) for name in members)
