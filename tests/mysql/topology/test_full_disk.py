"""A disk runs full under a member: it is named, nothing that was acknowledged is lost, and space brings it back."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

from flyball_local import mysqld
from flyball_local.trial.disks import fill_disk, free_disk
from tests.mysql.topology.running import DATABASE, RunningShard

BIG = "CREATE TABLE IF NOT EXISTS big (id INT AUTO_INCREMENT PRIMARY KEY, text LONGTEXT)"
FILL = "INSERT INTO big (text) VALUES (REPEAT('x', 50000))"


@contextmanager
def small_disk(shard: RunningShard, name: str) -> Iterator[Path]:
    """The member's data on a file system of its own; the shard is of no use to anybody afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    shard.stop(name)
    data = mysqld.data_directory(shard.home.member(name))
    before = data.with_name("data.before")
    data.rename(before)
    data.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", str(data)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode != 0:
        data.rmdir()
        before.rename(data)
        shard.start(name)
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    shard.spent = True
    try:
        subprocess.run(["cp", "-a", f"{before}/.", str(data)], check=True)
        shard.start(name)
        yield data
    finally:
        shard.ledger.stop()
        shard.kill_engine()
        shard.kill_if_it_runs(name)
        shard.wait(mysqld.wait_until_ended(shard.process(name), 30.0))
        subprocess.run(["umount", "-l", str(data)], check=True)


@contextmanager
def large_writes(shard: RunningShard) -> Iterator[None]:
    """Rows of 50 kB, wherever the primary is; what becomes of them is nobody's business."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.02):
            with suppress(pymysql.Error):
                shard.sql(shard.primary, FILL, database=DATABASE, read_timeout=3)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def is_named(shard: RunningShard, name: str) -> bool:
    return f"{name}: a member's disk is full" in shard.record.status.findings


def died_of_it(shard: RunningShard, name: str) -> bool:
    """Mostly a server waits for space; where it needs a file that it cannot make, it ends, and its log says why."""
    said = mysqld.error_log(shard.home.member(name)).read_text(errors="replace").lower()
    why = ("errno: 28", "error 28", "no space left", "disk is full")
    return any("does not answer" in one for one in shard.record.status.findings) and any(word in said for word in why)


def test_a_replica_with_a_full_disk_is_named_leaves_and_returns(shard):
    shard.sql(shard.primary, BIG, database=DATABASE)
    replica, primary = shard.replicas[0], shard.primary
    with small_disk(shard, replica) as disk:
        shard.until_healthy()
        fill_disk(disk)
        with large_writes(shard):
            shard.until("the finding", lambda: is_named(shard, replica) or died_of_it(shard, replica))
            shard.until("it to leave the ack set", lambda: replica not in shard.record.status.ackers)
        seen = len(shard.ledger.acknowledged)
        shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 20)
        free_disk(disk)
        shard.until("it to be back", lambda: not shard.troubles())
        assert shard.primary == primary
        shard.ledger.stop()
        shard.check_ledger()


def test_a_primary_with_a_full_disk_is_replaced_and_returns_as_a_replica(shard):
    shard.sql(shard.primary, BIG, database=DATABASE)
    small = shard.replicas[0]
    with small_disk(shard, small) as disk:
        shard.until_healthy()
        shard.change_primary(to=small)
        shard.until_healthy()
        term = shard.term
        fill_disk(disk)
        with large_writes(shard):
            shard.until("another reign", lambda: shard.term > term)
        assert shard.primary != small
        seen = len(shard.ledger.acknowledged)
        shard.until("writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 20)
        free_disk(disk)
        shard.until("it to be back", lambda: not shard.troubles())
        shard.ledger.stop()
        shard.check_ledger()
