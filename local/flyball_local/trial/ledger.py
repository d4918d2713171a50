"""The ledger: one line for each write, with what the application was told about it and when.

    NUMBER OUTCOME SENT DONE TEXT

The two moments are seconds of the machine's monotonic clock, which all its processes share. Three outcomes:

    ack       the server said ok: the write must be there for ever
    unknown   the connection broke after the write was sent: it may be there or not, nobody can know
    error     the application saw a failure: the write was not done

A write is *lost* when it was acknowledged and is not there. The ledger needs no fsync: it guards against the end of
database servers, not of the machine.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

TABLE = "ledger"
"""The table that the numbers are written to."""

CREATE = f"CREATE TABLE {TABLE} (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, note VARCHAR(64) NOT NULL)"
INSERT = f"INSERT INTO {TABLE} (id, note) VALUES (%s, %s)"  # noqa: S608 - a name of our own


class Told(StrEnum):
    """What the application was told about a write."""

    ACK = "ack"
    UNKNOWN = "unknown"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    """One write; ``sent`` and ``done`` are seconds of the monotonic clock."""

    number: int
    told: Told
    sent: float
    done: float
    text: str = ""


class LedgerFile:
    """The file, as the writer appends to it; a line is handed to the system as a whole."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, entry: Entry) -> None:
        """Write one line."""
        text = " ".join(entry.text.split())
        os.write(self._file, f"{entry.number} {entry.told} {entry.sent:.6f} {entry.done:.6f} {text}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a writer was told, in the order of its writes."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """The ledger in the file; a last line that is not whole yet is left out."""
        if not path.exists():
            return cls(())
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        return cls(tuple(_entry(line) for line in whole.splitlines()))

    @property
    def acknowledged(self) -> frozenset[int]:
        """The numbers that must be there."""
        return frozenset(entry.number for entry in self.entries if entry.told is Told.ACK)

    def told(self, what: Told) -> tuple[Entry, ...]:
        """The entries with that outcome."""
        return tuple(entry for entry in self.entries if entry.told is what)

    def since(self, moment: float) -> "Ledger":
        """The entries that were done at ``moment`` or later."""
        return Ledger(tuple(entry for entry in self.entries if entry.done >= moment))

    def gap(self, begin: float, end: float) -> float:
        """The longest time, in seconds, between two acknowledged writes that follow each other around [begin, end].

        A pair counts when it reaches into the interval from either side. Without two acknowledged writes there is
        no gap to speak of: infinite.
        """
        done = [entry.done for entry in self.entries if entry.told is Told.ACK]
        gaps = [later - former for former, later in pairwise(done) if later >= begin and former <= end]
        return max(gaps, default=float("inf"))

    def longest_pause(self) -> tuple[float, float] | None:
        """From when to when nothing was acknowledged for longest; ``None`` without two acknowledged writes."""
        done = [entry.done for entry in self.entries if entry.told is Told.ACK]
        return max(pairwise(done), key=lambda pair: pair[1] - pair[0], default=None)

    def lost(self, there: Sequence[int]) -> tuple[int, ...]:
        """The acknowledged numbers that are not among those that are ``there``."""
        return tuple(sorted(self.acknowledged - frozenset(there)))

    def invented(self, there: Sequence[int]) -> tuple[int, ...]:
        """Numbers that are there, although the application was told that they failed, or never wrote them."""
        possible = frozenset(entry.number for entry in self.entries if entry.told is not Told.ERROR)
        return tuple(sorted(frozenset(there) - possible))


def _entry(line: str) -> Entry:
    number, told, sent, done, *text = line.split(" ", 4)
    return Entry(int(number), Told(told), float(sent), float(done), *text)
