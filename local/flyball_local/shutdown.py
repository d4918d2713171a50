"""Everything down, in order: the topology service, the members by rule 1. The engine itself ends last.

The topology service goes first: it would take a member that stops for one that crashed, and fail over.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from flyball.errors import FlyballError
from flyball.member.accounts import credentials_name
from flyball.secrets import FileSecrets
from flyball_local.home import Home
from flyball_local.identity import Identity, identities
from flyball_local.stopping import Stopped, stop_member
from flyball_local.topology_process import end_topology

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Members that are stopped at the same time."""


@dataclass(frozen=True, slots=True)
class Down:
    """What was stopped, and how; what could not be, and why."""

    members: dict[str, Stopped]
    failed: dict[str, str]


async def stop_everything(home: Home, report: Callable[[str], None] | None = None) -> Down:
    """Stop the topology service, then every member of this home; returns when they have ended."""
    tell = report or logger.info
    if await end_topology(home):
        tell("topology service ended")
    room = asyncio.Semaphore(AT_ONCE)
    done = Down({}, {})

    async def stop(identity: Identity) -> None:
        async with room:
            try:
                how = await stop_member(
                    home.member(identity.member), home.socket(identity.member), await engine_password(home, identity)
                )
            except FlyballError as failure:
                done.failed[identity.member] = str(failure)
                return
        done.members[identity.member] = how
        if how is not Stopped.WAS_DOWN:
            tell(f"{identity.member}: {how.value}")

    async with asyncio.TaskGroup() as stops:
        for identity in identities(home.members).values():
            stops.create_task(stop(identity))
    return done


async def engine_password(home: Home, identity: Identity) -> str | None:
    """The password of the engine's account in the member; None when it cannot be had."""
    try:
        secret = await FileSecrets(home.secrets).get(credentials_name(identity.keyspace))
    except FlyballError:
        return None
    return secret.get("engine") if secret is not None else None
