"""Where a member runs: on the machine's loopback, or on a host of its own.

A *host* here is an address, and the words that start a process there: ``nsenter --net=…`` for a network namespace,
say. Everything else of a member, its directory and its Unix socket, stays on this machine, so the engine looks after
such a member as after any other. Trials of network partitions run on this; ``flyball local`` itself names no hosts.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from flyball_local.ports import HOST


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    :param address: where the member listens, and where others find it.
    :param enter: the words before a command that runs there; empty for this machine itself.
    """

    address: str = HOST
    enter: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether this is the machine itself, whose ports can be looked at from here."""
        return not self.enter


def dump(hosts: Mapping[str, Host]) -> str:
    """The hosts by member, as one word on a command line."""
    return json.dumps({member: asdict(host) for member, host in hosts.items()})


def load(text: str) -> dict[str, Host]:
    """What :func:`dump` made."""
    return {member: host_of(known) for member, known in json.loads(text).items()}


def host_of(known: Mapping[str, object]) -> Host:
    """One host, from what JSON made of it."""
    enter = known.get("enter", ())
    return Host(str(known.get("address", HOST)), tuple(enter) if isinstance(enter, list | tuple) else ())
