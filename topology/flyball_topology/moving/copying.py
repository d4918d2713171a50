"""Copying: each lane on its own, its chunks in the order of the primary key, then the indexes, then the rest.

    1  read the definitions of every source, make the tables at the targets without their secondary indexes
    2  open consistent snapshots at each source, and note the oldest at each target
    3  lane by lane, in parallel: the source makes the text of a chunk while the target loads the one before; a chunk
       and its note are one transaction
    4  once all lanes of a table have reached a target: its indexes, sorted, in one pass
    5  views, triggers and routines; then the snapshots' GTID sets count as executed at the target (its channels begin
       there), and the copy is noted as done

Every part looks first at what is there, so a copy that was interrupted anywhere goes on. Rows that a fresh snapshot
has newer than the noted one are overwritten by the stream, which replays from the oldest in IDEMPOTENT mode.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from time import monotonic

from flyball.errors import Code, FlyballError, MemberError
from flyball.gtid import NOTHING, GtidSet
from flyball.session import literal
from flyball_topology.moving import building, chunks, definitions, notes, refusals, snapshots, tables
from flyball_topology.moving.chunks import Chunk, Key
from flyball_topology.moving.job import Job, Lane, Place, lanes
from flyball_topology.moving.notes import LaneNote
from flyball_topology.moving.tables import Marks, Table
from flyball_topology.moving.wire import Link, Piece

FIRST_ROWS = 500
"""Rows of a lane's first chunk; from there on its size is measured."""
MOST_ROWS = 20_000
CHUNK_SIZE = 2_000_000
"""Bytes of text that a chunk should have: large enough that Python does little for it, small enough to keep some."""
AHEAD = 2
"""Chunks that a source may be ahead of its target."""

COPY = "copy"

Report = Callable[[LaneNote, Lane], None]


class Stopped(Exception):  # noqa: N818 - it is no error: another lane failed, or the worker ends
    """The lane was told to stop."""


@dataclass(slots=True)
class Batch:
    """A chunk's text on its way. ``rows`` of a batch that streams is known when it has been read."""

    chunk: Chunk
    pieces: Iterator[Piece]
    rows: int | None
    size: int = 0
    streamed: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """What one run of a copy took: seconds until the last row had reached its target, and from then on until the last
    index was built.
    """

    rows: float
    indexes: float


@dataclass(slots=True)
class Copying:
    """One run of a copy.

    :param report: is told of each chunk that has landed.
    :param declare: has a target count the snapshots' transactions as executed.
    :param pace: is asked before each chunk, and takes as long as the source needs a rest.
    """

    job: Job
    report: Report = lambda _note, _lane: None
    pace: Callable[[Place], None] = lambda _place: None
    declare: Callable[[Place, Link, GtidSet], None] = lambda _place, link, begin: declare_executed(link, begin)
    stop: threading.Event = field(default_factory=threading.Event)
    _marks: Marks = field(default_factory=Marks.draw)
    _links: list[Link] = field(default_factory=list)
    _readers: dict[str, "Queue[Link]"] = field(default_factory=dict)

    def run(self) -> Copied:
        """Copy what is not copied yet.

        :raises FlyballError: SCHEMA_CHANGED where the definitions are not those that were checked; what a member
            refuses; a member that goes away.
        """
        try:
            return self._run()
        finally:
            for link in self._links:
                link.close()

    def _run(self) -> Copied:
        job = self.job
        writers = {place.shard: self._kept(job.writer(place)) for place in job.targets}
        for writer in writers.values():
            notes.prepare(writer)
            notes.write_work(writer, job.workflow, COPY, "running")
        seen = self._definitions()
        every = lanes(job, refusals.moving(seen, job.tables))
        known = {shard: notes.lanes(writer, job.workflow) for shard, writer in writers.items()}
        for shard, writer in writers.items():
            building.make_tables(writer, job.database, [lane.table for lane in every if lane.target.shard == shard])
        noted = {lane: known[lane.target.shard].get((lane.source.shard, lane.table.name)) for lane in every}
        begun = {lane: note or LaneNote(lane.source.shard, lane.table.name) for lane, note in noted.items()}
        self._open_snapshots(begun, writers)
        took = self._move(begun)
        for place in job.targets:
            self._settle(place, seen, writers[place.shard])
        return took

    def _definitions(self) -> definitions.Definitions:
        """The definitions of the sources, all alike."""
        found = []
        for place in self.job.sources:
            link = self._kept(self.job.source(place))
            found.append(definitions.read(link, self.job.database))
            definitions.hold_to(self.job.fingerprint or found[0].fingerprint, found[-1], place.shard, "checked")
        return found[0]

    def _open_snapshots(self, begun: dict[Lane, LaneNote], writers: dict[str, Link]) -> None:
        job = self.job
        for place in job.sources:
            own = [lane for lane, note in begun.items() if lane.source is place and note.phase == "rows"]
            if not own and all(place.shard in notes.snapshots(writer, job.workflow) for writer in writers.values()):
                continue
            control = self._kept(job.source(place))
            sessions = [self._kept(job.source(place)) for _ in range(min(job.parallel, max(1, len(own))))]
            names = sorted({lane.table.name for lane in begun if lane.source is place})
            taken = snapshots.open_at_once(control, sessions, job.database, names)
            fed = {lane.target.shard for lane in begun if lane.source is place}
            for shard in fed:
                notes.snapshot(writers[shard], job.workflow, place.shard, taken)
            self._readers[place.shard] = Queue()
            for session in sessions:
                self._readers[place.shard].put(session)

    def _move(self, begun: dict[Lane, LaneNote]) -> Copied:
        """Rows, and the indexes of each table as soon as all its rows have reached a target."""
        began = loaded = monotonic()
        with ThreadPoolExecutor(self.job.parallel, thread_name_prefix="lane") as pool:
            waiting: dict[Future[None], Lane] = {
                pool.submit(self._lane, lane, note): lane for lane, note in begun.items()
            }
            left = [(lane.target.shard, lane.table.name) for lane in begun]
            building_now: set[Future[None]] = set()
            try:
                while waiting or building_now:
                    done, _ = wait((*waiting, *building_now), return_when="FIRST_COMPLETED")
                    for future in done:
                        future.result()
                        lane = waiting.pop(future, None)
                        building_now.discard(future)
                        if lane is None:
                            continue
                        loaded = monotonic()
                        left.remove((lane.target.shard, lane.table.name))
                        if (lane.target.shard, lane.table.name) not in left:
                            building_now.add(pool.submit(self._index, lane.target, lane.table))
            except BaseException:
                self._abort()
                wait((*waiting, *building_now), return_when=FIRST_EXCEPTION, timeout=0)
                raise
        return Copied(round(loaded - began, 3), round(monotonic() - loaded, 3))

    def _abort(self) -> None:
        self.stop.set()
        for link in list(self._links):
            link.close()

    # --- one lane -----------------------------------------------------------------------------------------

    def _lane(self, lane: Lane, note: LaneNote) -> None:
        if note.phase != "rows" or self.stop.is_set():
            return
        readers = self._readers[lane.source.shard]
        reader, writer = readers.get(), self._kept(self.job.writer(lane.target))
        batches: Queue[Batch | BaseException | None] = Queue(AHEAD)
        feeding = threading.Thread(target=self._feed, args=(lane, note.upto, reader, batches), name=f"read {lane}")
        feeding.start()
        try:
            while (batch := self._taken(batches)) is not None:
                note = self._land(lane, note, batch, writer, reader)
                self.report(note, lane)
            note = LaneNote(note.source, note.table, note.upto, note.rows, note.size, "loaded")
            notes.write_lane(writer, self.job.workflow, note)
            self.report(note, lane)
        except BaseException:
            self.stop.set()
            reader.close()
            raise
        finally:
            feeding.join()
            readers.put(reader)
            writer.close()

    def _taken(self, batches: "Queue[Batch | BaseException | None]") -> Batch | None:
        while True:
            try:
                taken = batches.get(timeout=0.5)
            except Empty:
                if self.stop.is_set():
                    raise Stopped from None
                continue
            if isinstance(taken, BaseException):
                raise taken
            return taken

    def _put(self, batches: "Queue[Batch | BaseException | None]", item: "Batch | BaseException | None") -> None:
        while not self.stop.is_set():
            with contextlib.suppress(Full):
                batches.put(item, timeout=0.5)
                return
        raise Stopped

    def _feed(self, lane: Lane, upto: Key, reader: Link, batches: "Queue[Batch | BaseException | None]") -> None:
        """Read chunk after chunk; runs in a thread of its own, beside the one that loads."""
        database, table, rows, low = self.job.database, lane.table, FIRST_ROWS, upto
        try:
            while True:
                self.pace(lane.source)
                chunk = chunks.next_chunk(reader, database, table, low, rows)
                batch = Pump(database, lane, self._marks).read(chunk, reader)
                self._put(batches, batch)
                if batch.streamed is not None:
                    while not batch.streamed.wait(0.5) and not self.stop.is_set():
                        pass
                    rows = FIRST_ROWS
                elif batch.rows:
                    rows = max(1, min(MOST_ROWS, rows * 4, int(CHUNK_SIZE / (batch.size / batch.rows))))
                if not chunk.high:
                    self._put(batches, None)
                    return
                low = chunk.high
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - for the thread that loads
            with contextlib.suppress(Stopped):
                self._put(batches, error)

    def _land(self, lane: Lane, note: LaneNote, batch: Batch, writer: Link, reader: Link) -> LaneNote:
        """One chunk and its note, in one transaction."""
        writer.run("START TRANSACTION")
        rows, size = Pump(self.job.database, lane, self._marks).land(batch, writer, reader)
        note = note.advanced(batch.chunk.high or note.upto, rows, size)
        if batch.chunk.high:
            notes.write_lane(writer, self.job.workflow, note)
        else:
            notes.write_lane(
                writer,
                self.job.workflow,
                LaneNote(note.source, note.table, note.upto, note.rows, note.size, "loaded"),
            )
        writer.run("COMMIT")
        if batch.streamed is not None:
            batch.streamed.set()
        return note

    # --- after the rows -----------------------------------------------------------------------------------

    def _index(self, place: Place, table: Table) -> None:
        if self.stop.is_set():
            return
        writer = self._kept(self.job.writer(place))
        building.make_indexes(writer, self.job.database, table)
        found = notes.lanes(writer, self.job.workflow)
        for note in found.values():
            if note.table == table.name:
                done = LaneNote(note.source, note.table, note.upto, note.rows, note.size, "indexed")
                notes.write_lane(writer, self.job.workflow, done)
        writer.close()

    def _settle(self, place: Place, seen: definitions.Definitions, writer: Link) -> None:
        building.make_rest(writer, seen)
        begin = NOTHING.union(*notes.snapshots(writer, self.job.workflow).values())
        self.declare(place, writer, begin)
        notes.write_work(writer, self.job.workflow, COPY, "done")

    def _kept(self, link: Link) -> Link:
        self._links.append(link)
        return link


@dataclass(frozen=True, slots=True)
class Pump:
    """Moves the chunks of one lane: text out of a source, into a target."""

    database: str
    lane: Lane
    marks: Marks

    def where(self, chunk: Chunk) -> str:
        """The condition on the chunk's rows that belong to the lane."""
        return f"{chunk.condition(self.lane.table)} AND {self.lane.table.in_range(self.lane.part)}"

    def read(self, chunk: Chunk, reader: Link) -> Batch:
        """A chunk's rows as text: in one piece where that is possible, else row by row.

        The server leaves out a row, or the end of the text, where that would grow larger than it may; it warns of it.
        """
        result = reader.run(tables.packed(self.database, self.lane.table, self.marks, self.where(chunk)))
        count, text = result.rows[0]
        if not result.warnings:
            held = text or b""
            return Batch(chunk, iter((held,)), int(count or b"0"), len(held))
        return Batch(chunk, self._by_rows(chunk, reader), None, 0, threading.Event())

    def _by_rows(self, chunk: Chunk, reader: Link) -> Iterator[Piece]:
        marks = self.marks
        field_mark, row_mark, null = marks.field.encode(), marks.row.encode(), marks.null.encode()
        for row in reader.rows(tables.unpacked(self.database, self.lane.table, marks, self.where(chunk))):
            yield field_mark.join(null if value is None else value for value in row) + row_mark

    def land(self, batch: Batch, writer: Link, reader: Link) -> tuple[int, int]:
        """Load a chunk, in the transaction that is open.

        A warning is no failure where the rows came out alike: an ENUM's error value warns whenever it is stored.

        :return: rows and bytes.
        :raises MemberError: ROWS_DIFFER, when not every row arrived as it is; nothing may be committed then.
        """
        size = rows = 0

        def counted() -> Iterator[Piece]:
            nonlocal size, rows
            for piece in batch.pieces:
                size += len(piece)
                rows += 1
                yield piece

        table = self.lane.table
        loaded = writer.load(tables.loading(self.database, table, self.marks), counted())
        expected = rows if batch.rows is None else batch.rows
        if loaded.affected != expected:
            raise self._differs(batch.chunk, f"{expected} rows were read, {loaded.affected} stored: {loaded.told}")
        if loaded.warnings:
            warned = "; ".join((row[2] or b"").decode() for row in writer.run("SHOW WARNINGS LIMIT 3").rows)
            question = tables.digest(self.database, table, self.where(batch.chunk))
            if reader_digest(reader, question) != reader_digest(writer, question):
                raise self._differs(batch.chunk, warned)
        return expected, size

    def _differs(self, chunk: Chunk, what: str) -> FlyballError:
        return MemberError(
            Code.ROWS_DIFFER,
            f"{self.lane}, keys above {chunk.low or 'all'} up to {chunk.high or 'the end'}: {what}",
            "See the table at the target: it should hold nothing but what was copied.",
        )


def reader_digest(link: Link, question: str) -> tuple[bytes | None, ...]:
    """What a server answers to ``tables.digest``; never what could not be hashed.

    :raises MemberError: ROWS_DIFFER, where a row is too large to be hashed.
    """
    result = link.run(question)
    if result.warnings:
        raise MemberError(Code.ROWS_DIFFER, f"{link.target}: a row is too large to be hashed")
    return result.rows[0]


def declare_executed(writer: Link, begin: GtidSet) -> None:
    """Count the transactions that the copied rows hold as executed."""
    missing = writer.run(f"SELECT GTID_SUBTRACT({literal(str(begin))}, @@GLOBAL.gtid_executed)").value
    if missing:
        writer.run(f"SET @@GLOBAL.gtid_purged = {literal('+' + missing)}")
