"""A real API server for tests: etcd and kube-apiserver as processes on loopback, with no nodes and no controllers."""

import asyncio
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIMIT = 180
"""Seconds that the server may take to be ready; load makes 5 into 60."""


class ApiServer:
    """A server that can be stopped, killed and started again; what it keeps lies in etcd.

    :ivar kubeconfig: an administrator's.
    """

    def __init__(self, programs: Path, home: Path, etcd: int) -> None:
        self._programs, self._home, self._etcd, self._port = programs, home, etcd, free_port()
        self._token = secrets.token_hex(16)
        self._tokens = home / "tokens.csv"
        self._tokens.write_text(f"{self._token},admin,admin,system:masters\n")
        self._tokens.chmod(0o600)
        _key(home / "accounts.key")
        self._running = ExitStack()
        self._process: subprocess.Popen | None = None
        self.start()
        self.kubeconfig = _kubeconfig(home, self._port, self._token)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._home / "kube-apiserver.log"
        self._process = self._running.enter_context(
            _process(
                log,
                self._programs / "kube-apiserver",
                etcd_servers=f"http://127.0.0.1:{self._etcd}",
                bind_address="127.0.0.1",
                advertise_address="127.0.0.1",
                secure_port=self._port,
                cert_dir=self._home / "certificates",
                token_auth_file=self._tokens,
                service_account_issuer="https://kubernetes.default.svc.cluster.local",
                service_account_key_file=self._home / "accounts.key",
                service_account_signing_key_file=self._home / "accounts.key",
                service_cluster_ip_range="10.96.0.0/16",
                authorization_mode="RBAC",
                disable_admission_plugins="ServiceAccount",
                endpoint_reconciler_type="none",
            )
        )
        _wait_until_ready(self._port, self._token, self._process, log)

    def kill(self) -> None:
        """It is gone at once."""
        self._running.close()

    def halt(self) -> None:
        """It does not answer: connections stand, and nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def controlled_api_server(programs: Path, home: Path):
    """Start a server whose data lies in ``home``; gives its :class:`ApiServer`."""
    etcd, peers = free_port(), free_port()
    with _process(
        home / "etcd.log",
        programs / "etcd",
        data_dir=home / "etcd",
        unsafe_no_fsync=None,
        log_level="warn",
        listen_client_urls=f"http://127.0.0.1:{etcd}",
        advertise_client_urls=f"http://127.0.0.1:{etcd}",
        listen_peer_urls=f"http://127.0.0.1:{peers}",
        initial_advertise_peer_urls=f"http://127.0.0.1:{peers}",
        initial_cluster=f"default=http://127.0.0.1:{peers}",
    ):
        server = ApiServer(programs, home, etcd)
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def api_server(programs: Path, home: Path):
    """Start a server whose data lies in ``home``; gives the path of an administrator's kubeconfig."""
    with controlled_api_server(programs, home) as server:
        yield server.kubeconfig


async def start_flyball(kubeconfig: Path, log: Path, *words: str) -> asyncio.subprocess.Process:
    """Start ``flyball WORDS`` against the server of that kubeconfig; what it says goes into ``log``."""
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from flyball.cli.main import run; run()",
            *words,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=output,
            stderr=output,
        )


def _kubeconfig(home: Path, port: int, token: str) -> Path:
    path = home / "kubeconfig"
    authority = str(home / "certificates" / "apiserver.crt")
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": authority}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return path


def _wait_until_ready(port: int, token: str, server: subprocess.Popen, log: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {token}"})
    began = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5, context=context):
                return
        except OSError as error:
            if server.poll() is not None or time.monotonic() - began > LIMIT:
                said = " / ".join(log.read_text(errors="replace").splitlines()[-3:])
                raise AssertionError(f"the API server does not come up: {error}; {said}") from error
        time.sleep(0.1)


@contextmanager
def _process(log: Path, program: Path, **options: object):
    words = [f"--{name.replace('_', '-')}" + ("" if value is None else f"={value}") for name, value in options.items()]
    with log.open("wb") as output:
        process = subprocess.Popen([program, *words], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _key(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
