"""The :class:`~flyball_topology.reshard.port.Crossing` port over SQL.

Acts that carry a term are procedures of the members; an act that is about a whole shard is told to each of its
members, the primary last where what follows rests on the primary's word. Nothing is remembered that safety rests on:
what is kept for a moment is whether members other than primaries are prepared, which changes when they are made anew.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from flyball.errors import Code, FlyballError, MemberError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.keyspaceid import KeyKind
from flyball.member import accounts
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.secrets import Secrets
from flyball.session import ServerError, call
from flyball.store.port import ConflictError, Records, no_such
from flyball_topology.crossing import guards, pruning
from flyball_topology.crossing.looking import MemberLook, line_of, read
from flyball_topology.crossing.sessions import Sessions
from flyball_topology.reshard import acts
from flyball_topology.reshard.port import Move
from flyball_topology.reshard.seen import ShardSeen
from flyball_topology.view import HOUSEKEEPING

STEP = "switch"
"""What the journal row of a cutover is called."""
LOOK_AGAIN = 2.0
"""Seconds after which members that are not primaries are asked again whether they are prepared."""
OTHERS_WITHIN = 1.0
"""Seconds that such a member has to answer: one that hangs keeps nobody from seeing its primary."""
TRIES = 5
"""Tries of a write of a record that others write too."""


@dataclass(slots=True)
class _Known:
    """Of one shard: what its other members told, and when; its rows out of range, and where they were counted."""

    others: dict[str, MemberLook] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    at: float = float("-inf")
    ghosts: int | None = None
    counted_at: GtidSet | None = None
    kinds: dict[str, KeyKind] = field(default_factory=dict)


class SqlCrossing:
    """The members of both sides, over kept sessions."""

    def __init__(self, records: Records, secrets: Secrets, clock: Callable[[], float]) -> None:
        self._records = records
        self._sessions = Sessions(secrets)
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}

    def close(self) -> None:
        """Hang up."""
        self._sessions.close()

    # --- looking ------------------------------------------------------------------------------------------

    async def look(self, move: Move, shard: str, *, primary_alone: bool = False) -> ShardSeen:
        """The shard's primary, then those that its channels come from: what it lacks is never told too small."""
        here = move.shard(shard)
        primary = _primary(here)
        known = self._known.setdefault((move.workflow, shard), _Known())
        others = [member for member in here.spec.members if member.name != primary.name]
        if primary_alone or self._clock() - known.at < LOOK_AGAIN:
            others = []
        asked = (_within(self._ask(move, here, member)) for member in others)
        mine, *rest = await asyncio.gather(self._ask(move, here, primary), *asked, return_exceptions=True)
        if isinstance(mine, BaseException):
            raise mine
        if mine.opened != here.status.reign.term or mine.uuid != here.status.reign.uuid:
            raise MemberError(Code.MEMBER_REFUSED, f"{primary.name} is not open under term {here.status.reign.term}")
        if others:
            found = {member.name: one for member, one in zip(others, rest, strict=True)}
            known.others = {name: one for name, one in found.items() if isinstance(one, MemberLook)}
            known.silent = {name: _why(one) for name, one in found.items() if isinstance(one, BaseException)}
            known.at = self._clock()
        producers = [one for one in _neighbours(move, here) if one.status.reign.term]
        theirs = await asyncio.gather(*(self._executed(one) for one in producers), return_exceptions=True)
        sets = {
            one.name: executed for one, executed in zip(producers, theirs, strict=True) if isinstance(executed, GtidSet)
        }
        return self._seen(move, here, mine, sets)

    def _seen(self, move: Move, here: Shard, mine: MemberLook, sets: dict[str, GtidSet]) -> ShardSeen:
        known = self._known[(move.workflow, here.name)]
        everyone = {here.status.reign.primary: mine, **known.others}
        wanted = guards.guards(move.keyspace.spec.tables).keys()
        channels, strays = {}, {}
        for producer in _neighbours(move, here):
            name = producer.name
            channel = mine.imports.get(channel_of(move.workflow, name))
            executed = sets.get(name)
            if channel is not None:
                source = producer.spec.member(producer.status.reign.primary)
                if source is not None and (channel.host, channel.port) == (source.host, source.port):
                    lacks = line_of(executed).subtract(mine.executed) if executed is not None else None
                    channels[name] = channel.seen(lacks)
            if executed is not None:
                brought = mine.line.only_uuids(_uuids(producer) - _uuids(here)).subtract(executed)
                if not brought.is_empty:
                    strays[name] = brought
        mine_alone = all(not (one.has_mover or one.guards) for one in everyone.values())
        return ShardSeen(
            shard=here.name,
            term=here.status.reign.term,
            writable=not (mine.read_only or mine.super_read_only or mine.offline),
            frozen=mine.read_only,
            still=mine.super_read_only,
            executed=mine.executed,
            line=mine.line,
            strays=strays,
            movers=frozenset(name for name, one in everyone.items() if one.has_mover and one.mover_may_write),
            silent=known.silent,
            guarded=all(one.guards >= wanted for one in everyone.values()),
            channels=channels,
            ghosts=known.ghosts if known.counted_at == mine.line else None,
            journal=mine.moves.get(STEP, 0),
            clean=mine_alone and not mine.moves and not mine.imports and mine.strict,
        )

    async def _ask(self, move: Move, shard: Shard, member: MemberSpec) -> MemberLook:
        account = accounts.mover_account(move.workflow)
        statement = call("probe_reshard", move.workflow, account, shard.spec.database)
        rows = await self._sessions.topology(shard, member, statement)
        if not rows:  # it is about to end: a clone has just replaced what it held
            raise MemberError(Code.MEMBER_UNREACHABLE, f"{member.name} answers with nothing")
        return read(rows[0])

    async def _executed(self, shard: Shard) -> GtidSet:
        rows = await self._sessions.topology(shard, _primary(shard), "SELECT @@GLOBAL.gtid_executed AS executed")
        return GtidSet.parse(rows[0]["executed"] or "")

    # --- acting -------------------------------------------------------------------------------------------

    async def act(self, move: Move, act: acts.Act) -> None:  # noqa: C901, PLR0912 - a table
        """Do one act; see :class:`~flyball_topology.reshard.port.Crossing`."""
        shard = move.shard(act.shard)
        stamp = (act.term, shard.status.version, shard.status.issue_of(act.term))
        match act:
            case acts.PrepareMovers():
                await self._prepare(move, shard, stamp)
            case acts.Guard():
                wanted = guards.guards(move.keyspace.spec.tables)
                await self._each(shard, lambda member: self._guard(move, shard, member, stamp, wanted))
                self._forget(move, shard)
            case acts.OpenChannel():
                await self._open_channel(move, shard, stamp, move.shard(act.producer))
            case acts.HoldChannel():
                channel = channel_of(move.workflow, act.producer)
                await self._primary(shard, call("pause_import", *stamp, channel, act.upto))
            case acts.CloseChannel():
                await self._primary(shard, call("end_import", *stamp, channel_of(move.workflow, act.producer)))
            case acts.Prune():
                await self._prune(move, shard)
            case acts.Freeze():
                await self._primary(shard, call("hold", *stamp, max(1, round(act.wait)), act.grace))
            case acts.Thaw() | acts.Open():
                await self._primary(shard, call("serve", *stamp))
            case acts.CatchUp():
                holds = act.holds or str(line_of(await self._executed(move.shard(act.producer))))
                await self._primary(shard, call("await", holds, act.wait))
            case acts.Journal():
                await self._primary(shard, call("journal_move", act.term, move.workflow, STEP))
            case acts.DeclareForeign():
                await self._declare(move, shard, stamp, act.gtids)
            case acts.Clean():
                await self._clean(move, shard, stamp)
            case _:
                raise TypeError(f"{act} is no act that members know")

    async def _prepare(self, move: Move, shard: Shard, stamp: tuple[int, int, str]) -> None:
        """The account on every member, the table of the journal; and the record knows whose writes come here."""
        await self._name_imports(move, shard)
        secret = await self._sessions.secret(shard)
        account = accounts.mover_account(move.workflow)
        password = accounts.mover_password(secret["replica-seed"], move.workflow)
        make = call("ensure_mover", *stamp, account, password, shard.spec.database)
        await self._each(shard, lambda member: self._sessions.topology(shard, member, make))
        self._forget(move, shard)

    async def _guard(
        self, move: Move, shard: Shard, member: MemberSpec, stamp: tuple[int, int, str], wanted: dict[str, str]
    ) -> None:
        """Exactly ``wanted`` are there. The movers make them, armed; see ``arm_guards`` in 8_reshard.sql."""
        there = (await self._ask(move, shard, member)).guards
        statements = (
            *guards.drop(there - wanted.keys()),
            *(text for name, text in wanted.items() if name not in there),
        )
        if not statements:
            return
        await self._sessions.topology(shard, member, call("arm_guards", *stamp))
        try:
            first, last = "SET SESSION sql_log_bin = 0, lock_wait_timeout = 1", "SET SESSION sql_log_bin = 1"
            await self._sessions.mover(shard, member, move.workflow, first, *statements, last)
        finally:
            await self._sessions.topology(shard, member, call("disarm_guards", *stamp))

    async def _open_channel(self, move: Move, shard: Shard, stamp: tuple[int, int, str], producer: Shard) -> None:
        await self._name_imports(move, shard)
        secret = await self._sessions.secret(producer)
        account = accounts.mover_account(move.workflow)
        password = accounts.mover_password(secret["replica-seed"], move.workflow)
        source, channel = _primary(producer), channel_of(move.workflow, producer.name)
        where = (source.host, source.port, account, password, shard.spec.database)
        await self._primary(shard, call("import", *stamp, channel, *where))

    async def _declare(self, move: Move, shard: Shard, stamp: tuple[int, int, str], gtids: str) -> None:
        """The other members first: else they would lack what the primary has purged, and be made anew."""
        await self._name_imports(move, shard, GtidSet.parse(gtids).sids)
        primary = _primary(shard)
        await self._primary(shard, call("part", stamp[0]))  # no reader stays where the rows get old
        for member in (*(m for m in shard.spec.members if m.name != primary.name), primary):
            try:
                await self._sessions.topology(shard, member, call("declare_foreign", *stamp, gtids))
            except FlyballError as error:
                if member.name == primary.name or error.code is not Code.MEMBER_UNREACHABLE:
                    raise

    async def _prune(self, move: Move, shard: Shard) -> None:
        """A batch of each table, then a count of what is left, of the rows that were there before it."""
        known = self._known.setdefault((move.workflow, shard.name), _Known())
        primary, part = _primary(shard), KeyRange.parse(shard.spec.range)
        tables = {name: spec for name, spec in move.keyspace.spec.tables.items() if spec.shard_by is not None}
        conditions = {}
        for name, spec in tables.items():
            assert spec.shard_by is not None  # chosen above
            if name not in known.kinds:
                question = pruning.key_type(shard.spec.database, name, spec.shard_by)
                rows = await self._sessions.mover(shard, primary, move.workflow, question)
                if not rows:
                    continue
                known.kinds[name] = KeyKind.of_column(rows[0]["kind"] or "")
            conditions[name] = pruning.outside(spec.shard_by, known.kinds[name], part)
        deletes = [text for name, each in conditions.items() for text in pruning.delete(name, each)]
        deletes *= pruning.batches(known.ghosts)
        tagged = f"SET SESSION gtid_next = 'AUTOMATIC:{pruning.TAG}', {pruning.IMPATIENT}"
        try:
            await self._sessions.mover(
                shard, primary, move.workflow, tagged, *deletes, "SET SESSION gtid_next = 'AUTOMATIC'"
            )
        except ServerError as error:
            if error.errno not in pruning.BUSY:
                raise
        before = line_of(await self._executed(shard))
        left = 0
        for name, each in conditions.items():
            rows = await self._sessions.mover(shard, primary, move.workflow, pruning.count(name, each))
            left += int(rows[0]["ghosts"] or 0)
        known.ghosts, known.counted_at = left, before

    async def _clean(self, move: Move, shard: Shard, stamp: tuple[int, int, str]) -> None:
        primary = _primary(shard)
        for name in (await self._ask(move, shard, primary)).imports:
            await self._primary(shard, call("end_import", *stamp, name))
        await self._primary(shard, call("journal_move", stamp[0], move.workflow, ""))
        await self._settle_imports(shard)
        account = accounts.mover_account(move.workflow)

        async def clean(member: MemberSpec) -> None:
            if (await self._ask(move, shard, member)).has_mover:
                await self._guard(move, shard, member, stamp, {})
            await self._sessions.topology(shard, member, call("drop_mover", *stamp, account))

        await self._each(shard, clean)
        self._forget(move, shard)

    async def _primary(self, shard: Shard, statement: str) -> None:
        await self._sessions.topology(shard, _primary(shard), statement)

    async def _each(self, shard: Shard, do: Callable[[MemberSpec], Awaitable[object]]) -> None:
        """To every member, at the same time. One that does not answer is told when it does: it shows as not ready."""
        results = await asyncio.gather(
            *(do(member) for member in shard.spec.members),
            return_exceptions=True,
        )
        primary = _primary(shard).name
        for member, result in zip(shard.spec.members, results, strict=True):
            if not isinstance(result, BaseException):
                continue
            away = isinstance(result, FlyballError) and result.code is Code.MEMBER_UNREACHABLE
            if member.name == primary or not away:
                raise result

    def _forget(self, move: Move, shard: Shard) -> None:
        """Its other members are asked at the next look."""
        if (known := self._known.get((move.workflow, shard.name))) is not None:
            known.at = float("-inf")

    # --- the record ---------------------------------------------------------------------------------------

    async def _name_imports(self, move: Move, shard: Shard, more: frozenset[str] = frozenset()) -> None:
        """Record whose writes come to the shard, before the first of them does: else they would be errant there."""
        others = _neighbours(move, shard)
        found = await asyncio.gather(*(self._executed(one) for one in others if one.status.reign.term))
        theirs = set(more).union(*(one.sids for one in found), *map(_uuids, others))
        for _ in range(TRIES):
            now = await self._records.get(Shard, shard.name)
            if now is None:
                raise no_such(Shard, shard.name)
            wanted = theirs - _uuids(now) - set(now.status.imports)
            if not wanted:
                return
            status = now.status.model_copy(update={"imports": tuple(sorted({*now.status.imports, *wanted}))})
            with suppress(ConflictError):
                await self._records.replace_status(now.model_copy(update={"status": status}))
                return
        raise MemberError(Code.TIMED_OUT, f"{shard.name}: its record was written by others each time")

    async def _settle_imports(self, shard: Shard) -> None:
        """What came is the shard's own from now on, prunes included, and nothing more comes: the base holds it."""
        executed = (await self._executed(shard)).without_tag(HOUSEKEEPING)
        for _ in range(TRIES):
            now = await self._records.get(Shard, shard.name)
            if now is None or not now.status.imports or now.status.transition is not None:
                return
            came = executed.only_uuids(now.status.imports)
            base = GtidSet.parse(now.status.reign.base).union(came)
            reign = now.status.reign.model_copy(update={"base": str(base)})
            status = now.status.model_copy(update={"imports": (), "reign": reign})
            with suppress(ConflictError):
                await self._records.replace_status(now.model_copy(update={"status": status}))
                return


def channel_of(workflow: str, producer: str) -> str:
    """The name of the channel that brings a producer's rows: MySQL allows 64 characters."""
    return f"move-{hashlib.sha256(f'{workflow} {producer}'.encode()).hexdigest()[:16]}"


def _why(error: BaseException) -> str:
    """Why a member did not answer.

    :raises BaseException: the error itself, where a member had no part in it.
    """
    if isinstance(error, FlyballError):
        return error.message
    if isinstance(error, TimeoutError):
        return f"no answer within {OTHERS_WITHIN:g} s"
    raise error


async def _within(work: Awaitable[MemberLook]) -> MemberLook:
    async with asyncio.timeout(OTHERS_WITHIN):
        return await work


def _primary(shard: Shard) -> MemberSpec:
    member = shard.spec.member(shard.status.reign.primary)
    if member is None:
        raise MemberError(Code.MEMBER_UNREACHABLE, f"{shard.name} has no primary")
    return member


def _uuids(shard: Shard) -> frozenset[str]:
    """The servers that write, wrote, or may come to write, the shard's own transactions."""
    reign = shard.status.reign
    return frozenset({reign.uuid, *reign.past, *(member.uuid for member in shard.status.members)} - {""})


def _neighbours(move: Move, shard: Shard) -> list[Shard]:
    """The shards of the other side that share keyspace ids with it."""
    return [b if a.name == shard.name else a for a, b in move.pairs() if shard.name in {a.name, b.name}]
