"""The worker: one work of one reshard, in a process of its own, for bytes pass through it.

It is told its job as one line of JSON on its standard input, and tells what happens as lines of JSON on its standard
output. What it may not do itself it asks for there (that channels hold still; that GTID sets count as executed), and
waits for the answer on its input. When its input ends, so does it, at once: the service that started it is gone, and
what was not committed is undone by the servers.

    {"event": "progress", "table": …, "rows": …, "size": …}
    {"event": "throttled", "why": …}
    {"ask": "hold"}  {"ask": "until", "holds": {shard: gtids}}  {"ask": "release"}  {"ask": "declare", "shard": …, …}
    {"event": "done", …}  {"event": "failed", "code": "FB4012", "message": …}
"""

import json
import os
import ssl
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, TextIO

from flyball.errors import Code, FlyballError, MemberError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.records.keyspace import TableSpec
from flyball.session import Login, Target
from flyball_topology.moving import notes
from flyball_topology.moving.copying import COPY, Copying
from flyball_topology.moving.job import Job, Lane, Place
from flyball_topology.moving.notes import LaneNote
from flyball_topology.moving.pacing import Pacing
from flyball_topology.moving.verifying import Verdict, Verifying
from flyball_topology.moving.wire import Link
from flyball_topology.reaching import believing

VERIFY = "verify"
Message = dict[str, Any]


def described(job: Job, ca: str) -> Message:
    """A job as JSON; with the password, so it goes through a pipe and nowhere else."""

    def place(one: Place) -> Message:
        target = one.target
        return {
            "shard": one.shard,
            "range": str(one.range),
            "host": target.host,
            "port": target.port,
            "tlsName": target.tls_name,
        }

    return {
        "workflow": job.workflow,
        "database": job.database,
        "tables": {name: spec.model_dump(by_alias=True) for name, spec in job.tables.items()},
        "sources": [place(one) for one in job.sources],
        "targets": [place(one) for one in job.targets],
        "user": job.login.user,
        "password": job.login.password,
        "ca": ca,
        "fingerprint": job.fingerprint,
        "parallel": job.parallel,
    }


def read_job(told: Message, tls: ssl.SSLContext | None = None) -> Job:
    """The job that ``described`` describes."""

    def place(one: Message) -> Place:
        return Place(one["shard"], KeyRange.parse(one["range"]), Target(one["host"], one["port"], one["tlsName"]))

    return Job(
        told["workflow"],
        told["database"],
        {name: TableSpec.model_validate(spec) for name, spec in told["tables"].items()},
        tuple(map(place, told["sources"])),
        tuple(map(place, told["targets"])),
        Login(told["user"], told["password"]),
        tls or believing(told["ca"]),
        told["fingerprint"],
        told["parallel"],
    )


@dataclass(slots=True)
class Conversation:
    """Both pipes. ``gone`` is called when the input ends."""

    source: TextIO
    sink: TextIO
    _answers: "Queue[Message]" = field(default_factory=Queue)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def listen(self) -> None:
        """Take answers until the input ends, then end the process."""
        for line in self.source:
            self._answers.put(json.loads(line))
        os._exit(1)

    def tell(self, message: Message) -> None:
        """Write one line."""
        with self._one:
            self.sink.write(json.dumps(message) + "\n")
            self.sink.flush()

    def ask(self, message: Message) -> None:
        """Have something done, and wait until it is.

        :raises MemberError: it could not be done.
        """
        self.tell(message)
        answer = self._answers.get()
        if answer.get("error"):
            code = next((code for code in Code if code.number == answer.get("code")), Code.MEMBER_REFUSED)
            raise MemberError(code, answer["error"])


@dataclass(frozen=True, slots=True)
class AskedFeed:
    """The channels, held by whoever started the worker."""

    conversation: Conversation

    def hold(self) -> None:
        """See :class:`~flyball_topology.moving.verifying.Feed`."""
        self.conversation.ask({"ask": "hold"})

    def until(self, holds: Mapping[str, GtidSet]) -> None:
        """See :class:`~flyball_topology.moving.verifying.Feed`."""
        self.conversation.ask({"ask": "until", "holds": {shard: str(gtids) for shard, gtids in holds.items()}})

    def release(self) -> None:
        """See :class:`~flyball_topology.moving.verifying.Feed`."""
        self.conversation.ask({"ask": "release"})


def copy(job: Job, conversation: Conversation) -> Message:
    """Copy, and tell of it."""
    stop = threading.Event()
    pacing = Pacing(job, stop, told=lambda why: conversation.tell({"event": "throttled", "why": why}))

    def report(note: LaneNote, lane: Lane) -> None:
        conversation.tell(
            {
                "event": "progress",
                "table": note.table,
                "source": note.source,
                "target": lane.target.shard,
                "rows": note.rows,
                "size": note.size,
                "phase": note.phase,
            }
        )

    def declare(place: Place, _link: Link, begin: GtidSet) -> None:
        conversation.ask({"ask": "declare", "shard": place.shard, "gtids": str(begin)})

    try:
        took = Copying(job, report, pacing.pace, declare, stop).run()
    finally:
        pacing.close()
    return {"event": "done", "work": COPY, "seconds": {"rows": took.rows, "indexes": took.indexes}}


def verify(job: Job, conversation: Conversation) -> Message:
    """Compare, and tell of it."""
    counted: dict[str, int] = {}

    def report(table: str, rows: int) -> None:
        counted[table] = counted.get(table, 0) + rows
        conversation.tell({"event": "progress", "table": table, "rows": counted[table], "size": 0})

    return verdict_told(Verifying(job, AskedFeed(conversation), report).run())


def verdict_told(verdict: Verdict) -> Message:
    """A verdict as JSON."""
    return {
        "event": "done",
        "work": VERIFY,
        "rows": verdict.rows,
        "repaired": len(verdict.differed),
        "differed": [str(one) for one in verdict.differed[:20]],
    }


_WORKS = {COPY: copy, VERIFY: verify}


def main() -> int:
    """Do the work that the first line of the input asks for."""
    conversation = Conversation(sys.stdin, sys.stdout)
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=conversation.listen, name="listen", daemon=True).start()
    work, job = told["work"], read_job(told)
    try:
        done = _WORKS[work](job, conversation)
    except FlyballError as error:
        _note(job, work, "failed" if error.code in _FINAL else "broken", error)
        conversation.tell({"event": "failed", "work": work, "code": error.code.number, "message": error.message})
        return 1
    conversation.tell(done)
    return 0


_FINAL = frozenset({Code.SCHEMA_CHANGED, Code.ROWS_DIFFER, Code.RESHARD_REFUSED, Code.NOT_EMPTY})
"""What another try would not mend."""


def _note(job: Job, work: str, state: str, error: FlyballError) -> None:
    """Leave the failure where the next look finds it, if a target can still be told."""
    told = json.dumps({"code": error.code.number, "message": error.message})
    for place in job.targets:
        try:
            link = job.writer(place)
        except FlyballError:
            continue
        try:
            notes.prepare(link)
            notes.write_work(link, job.workflow, work, state, told)
        except FlyballError:
            continue
        finally:
            link.close()
