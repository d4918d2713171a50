"""A writer of a whole keyspace: ``RATE`` rows a second into the table ``sbtest``, through ``flyball.client``.

    python benchmarks/keyspace_writer.py --home HOME --keyspace NAME --user USER --ledger FILE --rate 300

A few threads with a client each share the pace, so that one slow commit does not lower it. Each row has an id of its
own above those that were there before, and is written once; the ledger says what the application was told of it. It
ends at SIGTERM, after the writes that are on their way, and when the process that started it is gone.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import rig  # noqa: F401 - it makes the components importable

from flyball.client import KeyspaceClient
from flyball.client.shard import Tuning
from flyball_local.home import Home
from flyball_local.trial.ledger import Ledger, LedgerFile
from flyball_local.trial.writer import Login, login_of, write

FIRST = 1_000_000_000
"""Ids of the writer's rows are above this one."""
INSERT = "INSERT INTO sbtest (id, customer_id, k, c, pad) VALUES (%s, %s, %s, %s, %s)"
THREADS = 4
PATIENCE = 120.0
"""Seconds that a statement may wait before it is an error."""


def customer_of(number: int) -> int:
    """The sharding key of a written row: spread over all key ranges."""
    return number * 2_654_435_761 % 1_000_000_007


def work(
    given: argparse.Namespace, login: Login, numbers: "count[int]", ledger: LedgerFile, end: threading.Event
) -> None:
    """One thread's share of the pace."""
    with KeyspaceClient(
        Home(given.home).records,
        given.keyspace,
        user=login.user,
        password=login.password,
        ca=login.ca,
        tuning=Tuning(give_up_after=PATIENCE),
    ) as client:

        def send(number: int) -> None:
            key = customer_of(number)
            client.execute(key, INSERT, (number, key, number % 1_000_000, "c" * 119, "p" * 59))

        write(send, numbers, ledger, THREADS / given.rate, lambda seconds: not end.wait(seconds))


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in (("home", Path), ("keyspace", str), ("user", str), ("ledger", Path), ("rate", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = parser.parse_args()
    end, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    login = asyncio.run(login_of(Home(given.home), given.keyspace, given.user))
    written = max((entry.number for entry in Ledger.read(given.ledger).entries), default=FIRST)
    ledger, numbers = LedgerFile(given.ledger), count(written + 1)
    threads = [threading.Thread(target=work, args=(given, login, numbers, ledger, end)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while not end.wait(0.5):
        if os.getppid() != parent:
            end.set()
    for thread in threads:
        thread.join()
    ledger.close()


if __name__ == "__main__":
    main()
