"""One hostile round: a random schema is copied and compared while it is written to.

python -m tests.mysql.moving.fire --runs 200 [--first 0]
"""

import argparse
import shutil
import tempfile
import threading
import time
import traceback
from pathlib import Path
from random import Random

from flyball_local.mysql_install import find_mysql
from flyball_topology.moving.copying import Copying
from flyball_topology.moving.job import Job
from flyball_topology.moving.verifying import Verifying
from tests.mysql.moving import hostile
from tests.mysql.moving.alike import check_alike
from tests.mysql.moving.feeds import RootFeed
from tests.mysql.moving.servers import DATABASE, Server, empty, follow, job, start, wait_for


def copy_under_fire(servers: list[Server], seed: int) -> int:
    """Copy, stream and compare a random schema while it changes; then both sides are the same, byte by byte.

    :return: how many changes were made meanwhile.
    """
    source, low, high = servers
    random = Random(seed)
    made = list(hostile.tables(random))
    source.run(f"USE {DATABASE}", hostile.MODES)
    for table in made:
        source.run(table.create)
        for _ in range(random.choice((0, 1, 30, 120))):
            source.run(table.insert(random))
    split: Job = job(
        [source.place()], [low.place("-80"), high.place("80-")], {table.name: table.spec for table in made}
    )
    changes, stop, written = Random(seed + 1), threading.Event(), []

    def write() -> None:
        connection = source.connect(database=DATABASE)
        with connection.cursor() as cursor:
            cursor.execute(hostile.MODES)
            while not stop.is_set():
                cursor.execute(changes.choice(made).change(changes))
                written.append(1)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        Copying(split).run()
        for target in (low, high):
            follow(target, source)
        verdict = Verifying(split, RootFeed([source], [low, high])).run()
    finally:
        stop.set()
        writer.join()
    assert verdict.differed == (), "nothing had to be mended"
    for target in (low, high):
        wait_for(target, source)
    check_alike(split)
    return len(written)


def main() -> None:
    """Many rounds on three servers. One that fails is told with its seed, and the others go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="flyball-moving-"))
    servers: list[Server] = []
    began, changes, failed = time.monotonic(), 0, []
    try:
        servers = start(find_mysql(), home, ("source", "low", "high"))
        for seed in range(given.first, given.first + given.runs):
            print(f"seed {seed}", end="\r", flush=True)
            empty(servers)
            try:
                changes += copy_under_fire(servers, seed)
            except Exception:  # noqa: BLE001 - whatever it was, it is told, and counts
                failed.append(seed)
                print(f"seed {seed} failed:\n{traceback.format_exc()}", flush=True)
    finally:
        for server in servers:
            server.end()
        shutil.rmtree(home)
    spent = f"{changes} changes, {time.monotonic() - began:.0f} s"
    if failed:
        raise SystemExit(f"{len(failed)} of {given.runs} rounds failed, of the seeds {failed}; {spent}")
    print(f"{given.runs} rounds from seed {given.first}: all alike, {spent}")


if __name__ == "__main__":
    main()
