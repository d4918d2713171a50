"""Plain mysqld processes: what the data plane needs of a server, without members, terms or a topology service."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from flyball.keyrange import KeyRange
from flyball.records.keyspace import TableSpec
from flyball.session import Login, Target
from flyball_local.mysql_install import MySQL
from flyball_topology.moving.job import Job, Place

READY_WITHIN = 120
MOVER = Login("mover", "moving")
DATABASE = "shop"


@dataclass
class Server:
    """One mysqld; ``root`` is a connection as root, with autocommit."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    home: Path
    root: Any = field(default=None)

    def connect(self, **options: Any) -> Any:
        return pymysql.connect(
            unix_socket=str(self.home / "sock"), user="root", charset="utf8mb4", autocommit=True, **options
        )

    def ask(self, sql: str) -> tuple[tuple[Any, ...], ...]:
        with self.root.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchall())

    def run(self, *statements: str) -> None:
        for sql in statements:
            self.ask(sql)

    def place(self, part: str = "-") -> Place:
        return Place(self.name, KeyRange.parse(part), Target("127.0.0.1", self.port, "localhost"))

    def end(self) -> None:
        if self.root is not None:
            self.root.close()
        self.process.kill()
        self.process.wait()


def unverified() -> ssl.SSLContext:
    """mysqld made a certificate for itself, which nobody vouches for."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def start(mysql: MySQL, home: Path, names: Sequence[str], *options: str) -> list[Server]:
    """Start servers, each with a data directory copied from one that was initialised."""
    user = ["--user=root"] if os.geteuid() == 0 else []
    command = [*mysql.mysqld_command(), *user, "--secure-file-priv=", "--mysqlx=OFF"]
    seed = home / "seed"
    subprocess.run(
        [*command, "--initialize-insecure", f"--datadir={seed}", "--innodb-redo-log-capacity=33554432"],
        check=True, timeout=300, capture_output=True,
    )  # fmt: skip
    servers = []
    for number, name in enumerate(names, 1):
        place = home / name
        place.mkdir()
        shutil.copytree(seed, place / "data")
        (place / "data" / "auto.cnf").unlink(missing_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [
                *command, f"--datadir={place / 'data'}", f"--port={port}", "--bind-address=127.0.0.1",
                f"--socket={place / 'sock'}", f"--pid-file={place / 'pid'}", f"--server-id={number}",
                "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--local-infile=ON", "--skip-name-resolve",
                "--replica-preserve-commit-order=ON", "--log-bin=binlog", f"--log-error={place / 'log'}",
                "--innodb-redo-log-capacity=134217728", "--innodb-buffer-pool-size=128M", *options,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        servers.append(Server(name, port, process, place))
    for server in servers:
        _ready(server)
        server.run(
            f"CREATE USER '{MOVER.user}'@'%' IDENTIFIED BY '{MOVER.password}'",
            f"GRANT ALL ON *.* TO '{MOVER.user}'@'%'",
        )
        server.run("RESET BINARY LOGS AND GTIDS")
    return servers


def _ready(server: Server) -> None:
    limit = time.monotonic() + READY_WITHIN
    while time.monotonic() < limit and server.process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            is_there = probe.connect_ex(str(server.home / "sock")) == 0  # PyMySQL leaves a refused socket open
        if is_there:
            server.root = server.connect()
            return
        time.sleep(0.05)
    raise AssertionError(f"{server.name} did not come up: {(server.home / 'log').read_text()[-3000:]}")


def empty(servers: Sequence[Server]) -> None:
    """Take away what a test left; the first gets an empty database."""
    for server in servers:
        channels = server.ask("SELECT CHANNEL_NAME FROM performance_schema.replication_connection_configuration")
        for (channel,) in channels:
            server.run(f"STOP REPLICA FOR CHANNEL '{channel}'", f"RESET REPLICA ALL FOR CHANNEL '{channel}'")
        server.run(f"DROP DATABASE IF EXISTS {DATABASE}", "DROP DATABASE IF EXISTS flyball_moving")
        server.run("RESET BINARY LOGS AND GTIDS", "SET GLOBAL replica_exec_mode = 'STRICT'")
    servers[0].run(f"CREATE DATABASE {DATABASE}")


def job(sources: Sequence[Place], targets: Sequence[Place], tables: dict[str, TableSpec], **more: Any) -> Job:
    """A job for the mover's account."""
    return Job("move-1", DATABASE, tables, tuple(sources), tuple(targets), MOVER, unverified(), **more)


def follow(consumer: Server, producer: Server) -> None:
    """Replicate as a reshard's channel does: idempotent, and the keyspace's tables only."""
    consumer.run(
        "SET GLOBAL replica_exec_mode = 'IDEMPOTENT'",
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={producer.port}, "
        f"SOURCE_USER='{MOVER.user}', SOURCE_PASSWORD='{MOVER.password}', SOURCE_AUTO_POSITION=1, SOURCE_SSL=1 "
        f"FOR CHANNEL 'reshard_{producer.name}'",
        f"CHANGE REPLICATION FILTER REPLICATE_DO_DB = ({DATABASE}) FOR CHANNEL 'reshard_{producer.name}'",
        f"START REPLICA FOR CHANNEL 'reshard_{producer.name}'",
    )


def wait_for(consumer: Server, producer: Server) -> None:
    """Until the consumer has executed what the producer has."""
    (gtids,) = producer.ask("SELECT @@GLOBAL.gtid_executed")[0]
    (timed_out,) = consumer.ask(f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}', 60)")[0]
    why = consumer.ask(
        "SELECT LAST_ERROR_MESSAGE FROM performance_schema.replication_applier_status_by_worker "
        "UNION SELECT LAST_ERROR_MESSAGE FROM performance_schema.replication_connection_status"
    )
    assert not timed_out, why
