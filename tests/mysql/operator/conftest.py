"""A member's container without a container: its program, with the files and options that its pod would give it."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyball.certificates import Pair, issue_authority, issue_member
from flyball.member.accounts import ENGINE, TOPOLOGY
from flyball.member.init_file import Passwords, render
from flyball.member.options import Place, member_options
from flyball.session import Login, Session, Target
from flyball_local.member_process import LOCAL_DEFAULTS
from flyball_local.mysql_programs import MySQL
from flyball_operator.manifests.start import program
from tests.mysql.waiting import LIMIT, until

TLS_NAME = "m.commerce.flyball.internal"


class Container:
    """One member's files, and the process that its container starts with."""

    def __init__(self, root: Path, mysql: MySQL) -> None:
        self.root, self.data = root, root / "volume" / "data"
        self.authority = issue_authority("commerce", datetime.now(UTC))
        self.process: asyncio.subprocess.Process | None = None
        for name in ("volume", "run", "bin", "given/start", "given/tls", "given/program"):
            (root / name).mkdir(parents=True)
        self._install("mysqld", mysql.mysqld_command(), skip=1)
        self._install("mysql", mysql.client_command(), skip=0, keep=str(mysql.client))
        for name, text in program().items():
            (root / "given/program" / name).write_text(text)
        (root / "given/start/init.sql").write_text(render(Passwords("topology", "clone", "engine")))
        (root / "given/start/engine.cnf").write_text(f"[client]\nuser={ENGINE}\npassword=engine\n")
        self.give_certificate()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def _install(self, name: str, command: list[str], *, skip: int, keep: str = "") -> None:
        """Put a program on the container's path. The script says --no-defaults itself, as the first option."""
        words = command[: command.index(keep) + 1] if keep else command
        options = [word for word in words if word != "--no-defaults"]
        text = shlex.join(options)
        if skip:
            at = next(number for number, word in enumerate(options) if word.startswith("--basedir"))
            text = f"{shlex.join(options[:at])} --no-defaults {shlex.join(options[at:])}"
        file = self.root / "bin" / name
        file.write_text(f'#!/bin/bash\n{"shift" if skip else ":"}\nexec {text} "$@"\n')
        file.chmod(0o755)

    def give_certificate(self) -> Pair:
        """Mount a new certificate."""
        pair = issue_member(self.authority, TLS_NAME, (), datetime.now(UTC))
        files = {"ca.crt": self.authority.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
        for name, text in files.items():
            (self.root / "given/tls" / name).write_text(text)
        return pair

    def begin_data(self) -> Path:
        """Leave what a broken-off init container leaves."""
        half = self.root / "volume/data.new"
        half.mkdir()
        (half / "ibdata1").touch()
        return half

    def options(self) -> list[str]:
        """What the pod would give mysqld, at this place."""
        given, run = self.root / "given", self.root / "run"
        place = Place(
            server_id=1,
            host="127.0.0.1",
            port=self.port,
            data=self.data,
            socket=run / "mysqld.sock",
            pid_file=run / "mysqld.pid",
            error_log=Path("stderr"),
            init_file=given / "start/init.sql",
            ca=given / "tls/ca.crt",
            certificate=given / "tls/tls.crt",
            key=given / "tls/tls.key",
        )
        own = [f"--tmpdir={self.root / 'volume/tmp'}", "--secure-file-priv=NULL"]
        return [*self.user(), *own, *member_options(place, LOCAL_DEFAULTS)]

    @staticmethod
    def user() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the container's first process, in a session of its own."""
        run = self.root / "run"
        with (self.root / "out").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                "/bin/bash",
                str(self.root / "given/program/member.sh"),
                *arguments,
                env={
                    "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
                    "FLYBALL_VOLUME": str(self.root / "volume"),
                    "FLYBALL_GIVEN": str(self.root / "given"),
                    "FLYBALL_SOCKET": str(run / "mysqld.sock"),
                    "FLYBALL_PID_FILE": str(run / "mysqld.pid"),
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    async def prepare(self) -> int:
        """Run the init container."""
        process = await self.start("prepare", *self.user(), *(f"--{k}={v}" for k, v in LOCAL_DEFAULTS.items()))
        async with asyncio.timeout(LIMIT):
            return await process.wait()

    async def run(self) -> asyncio.subprocess.Process:
        """Run the member until it lets somebody in."""
        process = await self.start("run", *self.options())

        async def answers() -> bool:
            if process.returncode is not None:
                raise AssertionError(self.said())
            try:
                (await self.connect()).close()
            except Exception:  # noqa: BLE001 - whatever it is, it does not answer yet
                return False
            return True

        await until(answers)
        return process

    async def connect(self, user: str = TOPOLOGY, password: str = "topology") -> Session:
        """A session with the member."""
        tls = ssl.create_default_context(cadata=self.authority.certificate)
        return await Session.connect(Target("127.0.0.1", self.port, TLS_NAME), Login(user, password), tls)

    def mysqld_pid(self) -> int:
        return int((self.root / "run/mysqld.pid").read_text())

    def said(self) -> str:
        """What the container printed."""
        return (self.root / "out").read_text(errors="replace")

    def end(self) -> None:
        """Kill the whole session of the process, whatever is left of it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
async def container(mysql: MySQL) -> AsyncIterator[Container]:
    """A member's container; nothing of it outlives the test."""
    root = Path(tempfile.mkdtemp(prefix="flyball-pod-"))
    made = Container(root, mysql)
    yield made
    made.end()
    if made.process is not None:
        await made.process.wait()
    shutil.rmtree(root)
