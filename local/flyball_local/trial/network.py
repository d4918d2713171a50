"""A network of its own for a trial: a network namespace for each party, joined by one switch, cut wherever one likes.

    party A          switch          party B
    eth0 ---- port [bridge] port ---- eth0

The switch is a bridge in a namespace of its own, so nothing of it is seen from the machine's own network, and nothing
in it leads out. Two kinds of cut:

    unplug(A)     A's port goes down: nobody hears A, and A hears nobody
    cut(A, B)     B drops what comes from A, silently; the other direction stays. Both directions: two cuts

A cut is a routing rule at the receiver (``from A blackhole``), asked before the table of local addresses, which
therefore moves behind it. Neither kernel modules nor a packet filter are needed. Cuts are counted: two faults that
cut the same link end independently.

Whoever may not do this (not root, no ``ip``) learns why from :func:`unavailable`.
"""

import ctypes
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local.home import Home
from flyball_local.hosts import Host

NAMESPACES = Path("/run/netns")
"""Where ``ip netns`` keeps its names (ip-netns(8))."""

PREFIX = "10.213.7."
"""Private addresses (RFC 1918). Each network is closed in itself, so all of them use the same ones."""

_LOCAL_TABLE, _CUTS = "100", "10"
"""Priorities of routing rules: cuts are asked before the table of local addresses."""
_CLONE_NEWNET = 0x40000000


def unavailable() -> str:
    """Why there can be no such network here; "" when there can."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    for program in ("ip", "nsenter"):
        if shutil.which(program) is None:
            return f"there is no {program!r} on PATH (Debian: iproute2, util-linux)"
    trial = f"flyball-{os.getpid()}-try"
    try:
        _ip("netns", "add", trial)
        _ip("-n", trial, "link", "add", "br0", "type", "bridge")
        _ip("-n", trial, "link", "add", "port0", "type", "veth", "peer", "name", "port1")
    except EngineError as error:
        return error.message
    finally:
        with suppress(EngineError):
            _ip("netns", "del", trial)
    return ""


class Network:
    """The parties and the links between them. Made by :meth:`build`; :meth:`remove` leaves nothing of it.

    :param token: tells this network's namespaces from others' on the machine.
    """

    def __init__(self, token: str, parties: Sequence[str]) -> None:
        self._token = token
        self._addresses = {party: f"{PREFIX}{number}" for number, party in enumerate(parties, 1)}
        self._cuts: Counter[tuple[str, str]] = Counter()
        self._unplugged: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody, in the order they were named."""
        return tuple(self._addresses)

    def build(self) -> None:
        """Make the namespaces and plug everybody in.

        :raises EngineError: PROCESS_FAILED when the system refuses.
        """
        switch = self._namespace("switch")
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for number, (party, address) in enumerate(self._addresses.items(), 1):
            own = self._namespace(party)
            _ip("netns", "add", own)
            _ip("-n", own, "link", "set", "lo", "up")
            _ip("-n", own, "rule", "add", "priority", _LOCAL_TABLE, "lookup", "local")
            _ip("-n", own, "rule", "del", "priority", "0")
            port = f"port{number}"
            _ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", own)
            _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
            _ip("-n", own, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", own, "link", "set", "eth0", "up")

    def remove(self) -> None:
        """Remove every namespace of this network; processes in them keep running, joined to nothing."""
        remove_networks(self._token)

    def address(self, party: str) -> str:
        """The party's address."""
        return self._addresses[party]

    def enter(self, party: str) -> tuple[str, ...]:
        """The words before a command that runs at the party."""
        return ("nsenter", f"--net={NAMESPACES / self._namespace(party)}", "--")

    def host(self, party: str) -> Host:
        """The party as a member's host."""
        return Host(self.address(party), self.enter(party))

    @contextmanager
    def inside(self, party: str) -> Iterator[None]:
        """Meanwhile sockets that this thread makes belong to the party; those made earlier stay where they are."""
        with Path("/proc/thread-self/ns/net").open() as home, (NAMESPACES / self._namespace(party)).open() as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def cut(self, source: str, target: str) -> None:
        """``target`` hears nothing from ``source`` any more."""
        with self._lock:
            self._cuts[source, target] += 1
            if self._cuts[source, target] == 1:
                self._rule("add", source, target)

    def mend(self, source: str, target: str) -> None:
        """End one :meth:`cut` of this direction."""
        with self._lock:
            if self._cuts[source, target] == 1:
                self._rule("del", source, target)
            self._cuts[source, target] = max(0, self._cuts[source, target] - 1)

    def unplug(self, party: str) -> None:
        """The party's port goes down."""
        with self._lock:
            self._unplugged[party] += 1
            if self._unplugged[party] == 1:
                self._port(party, "down")

    def plug(self, party: str) -> None:
        """End one :meth:`unplug` of the party."""
        with self._lock:
            if self._unplugged[party] == 1:
                self._port(party, "up")
            self._unplugged[party] = max(0, self._unplugged[party] - 1)

    def mend_all(self) -> None:
        """Let everybody hear everybody."""
        with self._lock:
            for source, target in [pair for pair, count in self._cuts.items() if count]:
                self._rule("del", source, target)
            for party in [party for party, count in self._unplugged.items() if count]:
                self._port(party, "up")
            self._cuts.clear()
            self._unplugged.clear()

    def _rule(self, verb: str, source: str, target: str) -> None:
        rule = ("priority", _CUTS, "from", self._addresses[source], "blackhole")
        _ip("-n", self._namespace(target), "rule", verb, *rule)

    def _port(self, party: str, state: str) -> None:
        port = f"port{self.parties.index(party) + 1}"
        _ip("-n", self._namespace("switch"), "link", "set", port, state)

    def _namespace(self, party: str) -> str:
        return f"{_prefix(self._token)}{party}"


def token_of(home: Home) -> str:
    """The token of the network that belongs to a trial's home."""
    return home.root.name.rpartition("-")[2]


def remove_networks(token: str) -> None:
    """Remove every namespace of the networks with that token, also of one whose maker was killed."""
    for name in sorted(NAMESPACES.glob(f"{_prefix(token)}*")):
        with suppress(EngineError):
            _ip("netns", "del", name.name)


def _prefix(token: str) -> str:
    return f"flyball-{token}-"


def _ip(*words: str) -> None:
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise EngineError(Code.PROCESS_FAILED, f"ip {' '.join(words)}: {failure}", "see what `ip` says.") from failure
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise EngineError(Code.PROCESS_FAILED, f"`ip {' '.join(words)}` failed: {said}", "run as root, on Linux.")


def _set_namespace(descriptor: int) -> None:
    """setns(2) for the calling thread; Python has it from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
