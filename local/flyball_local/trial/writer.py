"""The writer: ``python -m flyball_local.trial.writer``, one process for one shard.

Every few milliseconds it inserts the next number whose keyspace id the shard serves, through the client that
follows the records, and notes in its ledger what it was told. It never writes a number twice, so what is there
afterwards can be compared one by one. A write that takes long delays the next ones; none is made up for.

It is a process of its own so that whatever a trial does besides cannot slow it down. It ends at SIGTERM, after the
write that is on its way, and when the process that started it is gone.
"""

import argparse
import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pymysql

from flyball.client import OutcomeUnknownError, RecordReader, ShardClient
from flyball.errors import Code, EngineError, FlyballError
from flyball.keyrange import KeyRange
from flyball.keyspaceid import keyspace_id
from flyball.member.accounts import credentials_name, user_key
from flyball.secrets import FileSecrets
from flyball_local.background import python_environment
from flyball_local.home import Home
from flyball_local.trial.ledger import INSERT, Entry, Ledger, LedgerFile, Told

EVERY = 0.005
"""Seconds between the beginnings of two writes."""

END_WITHIN = 45.0
"""Seconds that a writer may take to end: its client waits up to 30 for a primary."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user of a keyspace, as the home's secrets know it."""

    user: str
    password: str
    ca: str


async def login_of(home: Home, keyspace: str, user: str) -> Login:
    """The login of one of the keyspace's users.

    :raises EngineError: FOREIGN_DIRECTORY when the home holds no such secret.
    """
    secret = await FileSecrets(home.secrets).get(credentials_name(keyspace))
    if secret is None or user_key(user) not in secret:
        raise EngineError(
            Code.FOREIGN_DIRECTORY, f"{home.root} has no password of user {user!r} of {keyspace}", "name another home."
        )
    return Login(user, secret[user_key(user)], secret["ca"])


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer that runs, and where its ledger is."""

    process: "subprocess.Popen[bytes]"
    shard: str
    path: Path

    def ledger(self) -> Ledger:
        """The ledger so far."""
        return Ledger.read(self.path)

    async def wait_for(self, writes: int, limit: float = 30.0) -> None:
        """Wait until that many writes more than now were acknowledged.

        :raises EngineError: PROCESS_FAILED when the writer ended, or did not get there within ``limit`` seconds.
        """
        deadline = time.monotonic() + limit
        begin = self._size()
        while self._acknowledged_after(begin) < writes:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise EngineError(Code.PROCESS_FAILED, f"the writer of {self.shard} does not write", f"see {self.path}")
            await asyncio.sleep(0.05)

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _acknowledged_after(self, begin: int) -> int:
        """Acknowledged writes behind that place of the file: long ledgers are not read again and again."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read().count(f" {Told.ACK} ".encode())

    async def stop(self) -> Ledger:
        """End the writer after the write that is on its way; return its whole ledger."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, END_WITHIN)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise EngineError(Code.PROCESS_FAILED, f"the writer of {self.shard} did not end", "") from error
        if self.process.returncode != 0:
            raise EngineError(
                Code.PROCESS_FAILED, f"the writer of {self.shard} ended with {self.process.returncode}", ""
            )
        return self.ledger()

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def start_writer(
    home: Home,
    keyspace: str,
    shard: str,
    *,
    user: str,
    ledger: Path,
    every: float = EVERY,
    enter: Sequence[str] = (),
) -> Writer:
    """Start a writer of one shard; ``every`` is seconds, ``enter`` the words before the command: where it runs."""
    options = ("--home", str(home.root), "--keyspace", keyspace, "--shard", shard, "--user", user)
    command = [*enter, sys.executable, "-m", __name__, *options, "--ledger", str(ledger), "--every", str(every)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=python_environment())
    return Writer(process, shard, ledger)


def numbers_of(part: KeyRange, after: int = 0) -> Iterator[int]:
    """The numbers above ``after`` whose keyspace id is in the key range, in order."""
    return (number for number in count(after + 1) if keyspace_id(number) in part)


class _Told:
    """Whether the process was told to end."""

    def __init__(self) -> None:
        self.to_end = False
        self._parent = os.getppid()
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us

    def _end(self, *_: object) -> None:
        self.to_end = True

    def rest(self, seconds: float) -> bool:
        """Sleep; whether to go on then."""
        time.sleep(seconds)
        return not self.to_end and os.getppid() == self._parent


def write(
    send: Callable[[int], object],
    numbers: Iterator[int],
    ledger: LedgerFile,
    every: float,
    rest: Callable[[float], bool],
) -> None:
    """Write number after number, and note what was told of each, until told to end.

    :param send: writes one number; what it raises is the outcome.
    :param every: seconds between the beginnings of two writes.
    :param rest: rests for so many seconds, and tells whether to go on.
    """
    due = time.monotonic()
    while rest(max(0.0, due - time.monotonic())):
        number, sent = next(numbers), time.monotonic()
        outcome, text = Told.ACK, ""
        try:
            send(number)
        except OutcomeUnknownError as error:
            outcome, text = Told.UNKNOWN, str(error)
        except (FlyballError, pymysql.Error) as error:
            outcome, text = Told.ERROR, str(error)
        done = time.monotonic()
        ledger.append(Entry(number, outcome, sent, done, text))
        due = max(due + every, done)


def main() -> int:
    """The process's entry; returns its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__name__}", description="Write numbers, and keep a ledger.")
    for name, kind in (("home", Path), ("keyspace", str), ("shard", str), ("user", str), ("ledger", Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--every", type=float, default=EVERY)
    given = parser.parse_args()
    told = _Told()
    home = Home(given.home)
    login = asyncio.run(login_of(home, given.keyspace, given.user))
    with RecordReader(home.records) as reader:
        routes = {route.shard: route.range for route in reader.routing(given.keyspace)}
    ledger = LedgerFile(given.ledger)
    last = max((entry.number for entry in Ledger.read(given.ledger).entries), default=0)
    numbers = numbers_of(KeyRange.parse(routes[given.shard]), last)
    with ShardClient(
        home.records, given.keyspace, given.shard, user=login.user, password=login.password, ca=login.ca
    ) as client:
        gc.freeze()
        text = f"written by {os.getpid()}"
        write(lambda number: client.execute(INSERT, (number, text)), numbers, ledger, given.every, told.rest)
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
