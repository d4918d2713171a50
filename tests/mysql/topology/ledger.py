"""A ledger of acknowledged writes: a thread that writes through the client, and never forgets what it was told.

acknowledged   the client heard "ok": the row must be on every member in the end
unknown        the connection broke after the statement was sent: the row may be there or not
"""

import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pymysql

from flyball.client import OutcomeUnknownError, ShardClient, Tuning
from flyball.errors import FlyballError

TABLE = "CREATE TABLE IF NOT EXISTS ledger (id BIGINT NOT NULL PRIMARY KEY)"
PAUSE = 0.01
"""Seconds between two writes: a steady trickle, so that no moment is without one in flight."""


class Ledger:
    """Writes numbered rows until told to stop; one thread at a time."""

    def __init__(
        self,
        records: Path,
        keyspace: str,
        password: str,
        authority: str,
        place: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.refused: list[str] = []
        self._records, self._keyspace = records, keyspace
        self._password, self._authority, self._place = password, authority, place
        self._ids = itertools.count(1)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the writing; a write in flight is waited for."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self) -> None:
        client = ShardClient(
            self._records,
            self._keyspace,
            None,
            user="app",
            password=self._password,
            ca=self._authority,
            tuning=Tuning(give_up_after=1.0),
        )
        with self._place(), client:
            while not self._stop.wait(PAUSE):
                number = next(self._ids)
                try:
                    client.execute("INSERT INTO ledger VALUES (%s)", (number,))
                except OutcomeUnknownError:
                    self.unknown.add(number)
                except (FlyballError, pymysql.Error) as refusal:
                    self.refused.append(str(refusal))
                else:
                    self.acknowledged.add(number)
