"""Verifying: every row of the consumers is compared with its producer's, at one GTID set; what differs is copied again.

    1  the consumers' channels hold still; the producers' snapshots wait until they hold all that the consumers do
    2  snapshots at the producers: the GTID sets S; the channels go on up to S and no further; snapshots there as well
    3  the channels go on. Chunk by chunk both sides compute their checksums, each inside its own server
    4  where some differ: steps 1 and 2 again, and those chunks alone are compared, copied, and compared once more while
       the channels hold still

A consumer is compared within its range: rows out of it, which its channels bring, are pruned later. Nobody waits for
a comparison: appliers hold still for as long as it takes to open snapshots, or to mend.

Copying a chunk again would fire its table's triggers, which the rows themselves did not: such a table is not mended.

What is mended is written to the binary log, for the consumer's replicas, under the tag of prunes: the way back must not
carry it to where it came from (rule 21).
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Protocol

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.session import literal
from flyball_topology.moving import chunks, copying, definitions, refusals, snapshots, tables
from flyball_topology.moving.chunks import Chunk, Key
from flyball_topology.moving.job import Job, Lane, Place, lanes
from flyball_topology.moving.tables import Marks
from flyball_topology.moving.wire import Link
from flyball_topology.view import HOUSEKEEPING

ROWS = 20_000
"""Rows of a chunk that is compared."""
CAUGHT_UP_WITHIN = 60.0
"""Seconds that one side may take to reach the other."""
ATTEMPTS = 3
"""Tries to see both sides at one GTID set; a channel may be opened anew in between."""
HOLDS = 5
"""Times that a channel is told to hold still; the server waits for two seconds each time (rpl_stop_replica_timeout)."""
PRUNE_TAG = "prune"


def of_rows(gtids: GtidSet, own: str) -> GtidSet:
    """What rows came to the server ``own`` by. Heartbeats, prunes, and what somebody writes there by other means are
    its own: on the way back its producer knows its uuid, and no channel carries them there.
    """
    rows = gtids.without_tag(HOUSEKEEPING).without_tag(PRUNE_TAG)
    return rows.subtract(rows.only_uuids([own]))


def owed(held: GtidSet, known: GtidSet, others: Sequence[GtidSet]) -> GtidSet:
    """What a producer has to hold before it is compared with a consumer that holds ``held``.

    :param known: what it holds now. Of servers that it knows nothing of, nothing comes from it.
    :param others: what the other producers hold. An earlier reshard may have told this producer of a neighbour's
        server, whose later transactions come to the consumer from that neighbour and never to this one.
    """
    return held.only_uuids(known.sids).subtract(_union(others))


class Feed(Protocol):
    """The channels of the consumers: held still by those who may."""

    def hold(self) -> None:
        """Apply nothing more. What has begun is applied."""
        ...

    def until(self, holds: Mapping[str, GtidSet]) -> None:
        """Apply what leads to these sets, by producer, and nothing more."""
        ...

    def release(self) -> None:
        """Go on."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A chunk that was not the same."""

    table: str
    producer: str
    consumer: str
    low: Key
    high: Key
    rows_there: int
    rows_here: int

    def __str__(self) -> str:
        keys = f"keys above {', '.join(self.low) or 'all'} up to {', '.join(self.high) or 'the end'}"
        return f"{self.table} at {self.consumer}, {keys}: {self.rows_here} rows, {self.rows_there} at {self.producer}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found.

    :param differed: the chunks that were not the same and were copied again; they are the same now.
    """

    rows: int
    differed: tuple[Difference, ...]
    holds: Mapping[str, GtidSet]


@dataclass(frozen=True, slots=True)
class _Part:
    lane: Lane
    chunk: Chunk

    @property
    def where(self) -> str:
        return f"{self.chunk.condition(self.lane.table)} AND {self.lane.table.in_range(self.lane.part)}"


@dataclass(slots=True)
class _Sides:
    """Sessions that see both sides at one GTID set, for each worker one a shard."""

    sessions: dict[str, list[Link]]
    holds: dict[str, GtidSet]

    def close(self) -> None:
        for links in self.sessions.values():
            for link in links:
                link.close()


@dataclass(slots=True)
class Verifying:
    """One comparison of all rows. The job's sources are the producers: in the way back, the shards that were targets.

    :param report: is told of each chunk that was compared: its table, and its rows.
    """

    job: Job
    feed: Feed
    report: Callable[[str, int], None] = lambda _table, _rows: None
    mend: bool = True
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Verdict:
        """Compare, mend, compare.

        :raises FlyballError: ROWS_DIFFER, where rows still differ after they were copied again; SCHEMA_CHANGED; what
            a member refuses.
        """
        every = self._lanes()
        sides = self._at_once(every)
        try:
            self.feed.release()
            rows, differing = self._compare_all(sides, every)
        finally:
            sides.close()
        if not differing:
            return Verdict(rows, (), sides.holds)
        return self._mended(rows, every, differing)

    def _lanes(self) -> tuple[Lane, ...]:
        seen = []
        for place in (*self.job.sources, *self.job.targets):
            with contextlib.closing(self.job.source(place)) as link:
                seen.append(definitions.read(link, self.job.database))
            definitions.hold_to(self.job.fingerprint or seen[0].fingerprint, seen[-1], place.shard, "copied")
        return lanes(self.job, refusals.moving(seen[0], self.job.tables))

    # --- one GTID set -------------------------------------------------------------------------------------

    def _at_once(self, every: Sequence[Lane]) -> _Sides:
        """Both sides, seen at one GTID set; the channels hold still when it returns."""
        for attempt in range(1, ATTEMPTS + 1):
            sides = _Sides({}, {})
            try:
                self._hold()
                if self._opened(sides, every):
                    return sides
            except BaseException:
                sides.close()
                self.feed.release()
                raise
            sides.close()
            if attempt == ATTEMPTS:
                self.feed.release()
        raise MemberError(
            Code.TIMED_OUT,
            f"{self.job.workflow}: {ATTEMPTS} times the two sides could not be seen at one GTID set",
            "See that nothing else writes to the tables of the consumers.",
        )

    def _hold(self) -> None:
        """Hold the channels still. An applier that is busy stops when its task is done; until then that is an error."""
        for left in reversed(range(HOLDS)):
            try:
                self.feed.hold()
            except MemberError as error:
                if not left or error.code is not Code.MEMBER_REFUSED:
                    raise
            else:
                return

    def _opened(self, sides: _Sides, every: Sequence[Lane]) -> bool:
        job = self.job
        held = [self._brought(place) for place in job.targets]
        with contextlib.ExitStack() as open_links:
            controls = {p.shard: open_links.enter_context(contextlib.closing(job.source(p))) for p in job.sources}
            known = {shard: self._known(control) for shard, control in controls.items()}
            for place in job.sources:
                control = controls[place.shard]
                others = [gtids for shard, gtids in known.items() if shard != place.shard]
                for gtids in held:
                    self._wait(control, owed(gtids, known[place.shard], others))
                sides.sessions[place.shard] = [job.source(place) for _ in range(job.parallel)]
                sides.holds[place.shard] = snapshots.open_at_once(
                    control, sides.sessions[place.shard], job.database, _names(every, place)
                )
        self.feed.until(sides.holds)
        for place in job.targets:
            wanted = [
                sides.holds[shard] for shard in sorted({lane.source.shard for lane in every if lane.target is place})
            ]
            with contextlib.closing(job.source(place)) as control:
                for gtids in wanted:
                    self._wait(control, gtids)
                sides.sessions[place.shard] = [job.source(place) for _ in range(job.parallel)]
                seen = snapshots.open_at_once(control, sides.sessions[place.shard], job.database, _names(every, place))
                brought = of_rows(seen, self._uuid(control))
            if any(not brought.only_uuids(gtids.sids).subtract(_union(wanted)).is_empty for gtids in wanted):
                return False
        return True

    def _brought(self, place: Place) -> GtidSet:
        with contextlib.closing(self.job.source(place)) as link:
            return of_rows(self._known(link), self._uuid(link))

    @staticmethod
    def _uuid(link: Link) -> str:
        return link.run("SELECT @@GLOBAL.server_uuid").value

    @staticmethod
    def _known(link: Link) -> GtidSet:
        return GtidSet.parse(link.run("SELECT @@GLOBAL.gtid_executed").value)

    def _wait(self, link: Link, gtids: GtidSet) -> None:
        if gtids.is_empty:
            return
        limit = monotonic() + CAUGHT_UP_WITHIN
        while link.run(f"SELECT WAIT_FOR_EXECUTED_GTID_SET({literal(str(gtids))}, 1)").value != "0":
            if monotonic() > limit or self.stop.is_set():
                missing = gtids.subtract(self._known(link))
                raise MemberError(
                    Code.TIMED_OUT,
                    f"{link.target} lacks {missing} after {CAUGHT_UP_WITHIN:.0f} s",
                    "See whether it replicates (flyball status).",
                )
            sleep(0.02)

    # --- comparing ----------------------------------------------------------------------------------------

    def _compare_all(self, sides: _Sides, every: Sequence[Lane]) -> tuple[int, list[tuple[_Part, Difference]]]:
        """All chunks of all lanes, as many lanes at once as there are sessions."""
        free = threading.BoundedSemaphore(self.job.parallel)
        slots = list(range(self.job.parallel))
        lock = threading.Lock()
        differing: list[tuple[_Part, Difference]] = []
        counts: list[int] = []

        def lane_by_lane(lane: Lane) -> None:
            with free:
                with lock:
                    slot = slots.pop()
                try:
                    there, here = sides.sessions[lane.source.shard][slot], sides.sessions[lane.target.shard][slot]
                    for part, rows, difference in self._compare(lane, there, here):
                        counts.append(rows)
                        self.report(lane.table.name, rows)
                        if difference is not None:
                            differing.append((part, difference))
                finally:
                    with lock:
                        slots.append(slot)

        with ThreadPoolExecutor(self.job.parallel, thread_name_prefix="compare") as pool:
            list(pool.map(lane_by_lane, every))
        return sum(counts), differing

    def _compare(self, lane: Lane, there: Link, here: Link) -> Iterable[tuple[_Part, int, Difference | None]]:
        """Chunk by chunk; both servers compute at the same time."""
        low: Key = ()
        with ThreadPoolExecutor(1, thread_name_prefix="there") as beside:
            while not self.stop.is_set():
                part = _Part(lane, chunks.next_chunk(there, self.job.database, lane.table, low, ROWS))
                question = tables.digest(self.job.database, lane.table, part.where)
                asked = beside.submit(copying.reader_digest, there, question)
                mine = copying.reader_digest(here, question)
                theirs = asked.result()
                yield part, int(theirs[0] or b"0"), _difference(part, theirs, mine)
                if not part.chunk.high:
                    return
                low = part.chunk.high

    # --- mending ------------------------------------------------------------------------------------------

    def _mended(self, rows: int, every: Sequence[Lane], differing: Sequence[tuple[_Part, Difference]]) -> Verdict:
        sides = self._at_once(every)
        try:
            differed = tuple(found for part, _ in differing if (found := self._mend(part, sides)) is not None)
        finally:
            sides.close()
            self.feed.release()
        return Verdict(rows, differed, sides.holds)

    def _mend(self, part: _Part, sides: _Sides) -> Difference | None:
        """Copy a chunk again, while its consumer holds still, and compare it; ``None`` where it is the same by now."""
        lane, database = part.lane, self.job.database
        there, here = sides.sessions[lane.source.shard][0], sides.sessions[lane.target.shard][0]
        question = tables.digest(database, lane.table, part.where)
        theirs, mine = copying.reader_digest(there, question), copying.reader_digest(here, question)
        difference = _difference(part, theirs, mine)
        if difference is None:
            return None
        if not self.mend:
            raise _differ(difference, "")
        with contextlib.closing(self.job.source(lane.target)) as writer:
            if fired := _triggers(writer, database, lane.table.name):
                raise _differ(difference, f"; copying them again would fire {', '.join(fired)}")
            writer.run(f"SET SESSION gtid_next = 'AUTOMATIC:{PRUNE_TAG}'")
            writer.run("START TRANSACTION")
            writer.run(f"DELETE FROM {tables.place(database, lane.table)} WHERE {part.where}")
            pump = copying.Pump(database, lane, Marks.draw())
            pump.land(pump.read(part.chunk, there), writer, there)
            if copying.reader_digest(writer, question) != theirs:
                writer.run("ROLLBACK")
                raise _differ(difference)
            writer.run("COMMIT")
        return difference


def _names(every: Iterable[Lane], place: Place) -> list[str]:
    return sorted({lane.table.name for lane in every if place in (lane.source, lane.target)})


def _union(sets: Sequence[GtidSet]) -> GtidSet:
    return sets[0].union(*sets[1:]) if sets else GtidSet()


def _difference(part: _Part, theirs: Sequence[bytes | None], mine: Sequence[bytes | None]) -> Difference | None:
    if tuple(theirs) == tuple(mine):
        return None
    lane, chunk = part.lane, part.chunk
    rows_there, rows_here = int(theirs[0] or b"0"), int(mine[0] or b"0")
    return Difference(
        lane.table.name, lane.source.shard, lane.target.shard, chunk.low, chunk.high, rows_there, rows_here
    )


def _triggers(link: Link, database: str, table: str) -> tuple[str, ...]:
    """The user's triggers on a table: replication does not fire them, but LOAD DATA would."""
    found = link.run(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS "
        f"WHERE EVENT_OBJECT_SCHEMA = {literal(database)} AND EVENT_OBJECT_TABLE = {literal(table)}"
    )
    names = ((name or b"").decode() for (name,) in found.rows)
    return tuple(name for name in names if not name.startswith(definitions.OWN))


def _differ(difference: Difference, why: str = ", and do so after they were copied again") -> MemberError:
    return MemberError(
        Code.ROWS_DIFFER,
        f"rows differ{why}: {difference}",
        "See what wrote them; the rows at the producer are as they were.",
    )
