"""Copy and verify one table of a source into two targets, on plain servers of this machine: rows a second, and CPU.

    python benchmarks/reshard-copy.py [--rows 2000000]

The table is sysbench-like: about 200 bytes a row, two secondary indexes. The same table goes through ``mysqldump`` into
``mysql`` in the same run, whole and into one server: on a machine that is busy the ratio tells more than either pace.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import report

from flyball.records.keyspace import TableSpec
from flyball_local.mysql_install import MySQL, find_mysql
from flyball_topology.moving.copying import Copying
from flyball_topology.moving.verifying import Verifying
from tests.mysql.moving.feeds import RootFeed
from tests.mysql.moving.servers import DATABASE, Server, follow, job, start

OPTIONS = ("--innodb-buffer-pool-size=1G", "--innodb-redo-log-capacity=2G", "--performance-schema=ON")
SEED_ROWS = 1000


def fill(source: Server, rows: int) -> None:
    """Make the table: a thousand rows, doubled until there are enough."""
    source.run(
        f"CREATE DATABASE {DATABASE}",
        f"USE {DATABASE}",
        "CREATE TABLE orders (id BIGINT NOT NULL PRIMARY KEY, customer_id BIGINT NOT NULL, k INT NOT NULL, "
        "c CHAR(120) NOT NULL, pad VARCHAR(60) NOT NULL, KEY k_1 (k), KEY k_2 (customer_id, k))",
        f"INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SEED_ROWS}) "
        "SELECT i, FLOOR(RAND(1) * 1e9), FLOOR(RAND(2) * 1e6), REPEAT(LPAD(FLOOR(RAND(3) * 1e11), 12, '-'), 10), "
        "REPEAT(LPAD(FLOOR(RAND(4) * 1e11), 12, '-'), 4) FROM n",
    )
    have = SEED_ROWS
    while have < rows:
        more = min(have, rows - have)
        source.run(
            f"INSERT INTO orders SELECT id + {have}, FLOOR(RAND() * 1e9), FLOOR(RAND() * 1e6), REVERSE(c), pad "
            f"FROM orders WHERE id <= {more}"
        )
        have += more
    source.run("ANALYZE TABLE orders")


def cpu(servers: list[Server]) -> float:
    """Seconds of CPU that the servers have used."""
    total = 0.0
    for server in servers:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / 100
    return total


def timed(servers: list[Server], work: Callable[[], object]) -> dict[str, float]:
    """Seconds by the wall, and of CPU: of the servers, and of this process."""
    wall, used, own = time.perf_counter(), cpu(servers), time.process_time()
    work()
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "servers_cpu_s": round(cpu(servers) - used, 2),
        "worker_cpu_s": round(time.process_time() - own, 2),
    }


def dumped(mysql: MySQL, source: Server, target: Server) -> None:
    """The plain way: mysqldump into mysql."""
    target.run("CREATE DATABASE plain")
    client = mysql.client_command()
    dumper = [word.replace("bin/mysql", "bin/mysqldump") if word == str(mysql.client) else word for word in client]
    dump = [*dumper, "-uroot", f"-S{source.home / 'sock'}"]
    load = [*client, "-uroot", f"-S{target.home / 'sock'}", "plain"]
    out = subprocess.Popen(
        [*dump, "--single-transaction", "--set-gtid-purged=OFF", DATABASE, "orders"], stdout=subprocess.PIPE
    )
    subprocess.run([*load, "--init-command=SET sql_log_bin=0"], stdin=out.stdout, check=True)
    if out.wait():
        raise SystemExit(f"mysqldump ended with {out.returncode}")


def main() -> None:
    """Fill, copy, follow, verify, and the plain way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--parallel", type=int, default=2)
    given = parser.parse_args()
    load_before, mysql = report.load(), find_mysql()
    home = Path(tempfile.mkdtemp(prefix="flyball-bench-"))
    servers: list[Server] = []
    try:
        servers = start(mysql, home, ("source", "low", "high"), *OPTIONS)
        source, low, high = servers
        fill(source, given.rows)
        specs = {"orders": TableSpec(shard_by="customer_id")}
        move = job([source.place()], [low.place("-80"), high.place("80-")], specs, parallel=given.parallel)
        copy = timed(servers, lambda: Copying(move).run())
        for target in (low, high):
            follow(target, source)
        verify = timed(servers, lambda: Verifying(move, RootFeed([source], [low, high])).run())
        plain = timed(servers, lambda: dumped(mysql, source, low))
        figures = {
            "rows": given.rows,
            "copy_rows_per_s": round(given.rows / copy["wall_s"]),
            "verify_rows_per_s": round(given.rows / verify["wall_s"]),
            "start_to_verified_s": round(copy["wall_s"] + verify["wall_s"], 2),
            "plain_rows_per_s": round(given.rows / plain["wall_s"]),
            "phases": {"copy": copy, "verify": verify, "mysqldump": plain},
        }
        report.leave("reshard-copy", figures, mysql=str(mysql), load_before=load_before)
    finally:
        for server in servers:
            server.end()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
