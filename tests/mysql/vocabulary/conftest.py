"""One mysqld for the whole session, reachable by its socket only: the judge of what flyball computes by itself."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from flyball_local.mysql_install import find_mysql

READY_WITHIN = 120
"""Seconds from the start to the first login; generous, for a busy machine."""


@pytest.fixture(scope="session")
def judge() -> Iterator[pymysql.Connection]:
    """A connection (utf8mb4, autocommit) to a fresh server with binary log and GTIDs."""
    # Not pytest's tmp_path: a socket's path has 107 bytes at most.
    home = Path(tempfile.mkdtemp(prefix="flyball-judge-"))
    command = [
        *find_mysql().mysqld_command(),
        f"--datadir={home / 'data'}",
        *(["--user=root"] if os.geteuid() == 0 else []),
        "--secure-file-priv=",
        "--mysqlx=OFF",
        "--skip-networking",
        f"--socket={home / 'sock'}",
        f"--pid-file={home / 'pid'}",
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--innodb-buffer-pool-size=32M",
        "--performance-schema=OFF",
    ]
    log = home / "log"
    try:
        with log.open("wb") as output:
            subprocess.run([*command, "--initialize-insecure"], stdout=output, stderr=output, timeout=120, check=False)
            server = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            connection = _login(server, home / "sock", log)
            yield connection
            connection.close()
        finally:
            server.kill()
            server.wait()
    finally:
        shutil.rmtree(home)


def _login(server: subprocess.Popen[bytes], path: Path, log: Path) -> pymysql.Connection:
    limit = time.monotonic() + READY_WITHIN
    while server.poll() is None and time.monotonic() < limit:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return pymysql.connect(unix_socket=str(path), user="root", charset="utf8mb4", autocommit=True)
        time.sleep(0.05)
    pytest.fail(f"no mysqld to judge: ended with {server.poll()}; its log:\n{log.read_text()[-4000:]}")
