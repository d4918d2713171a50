"""The engine's acts: one function a step, each safe to repeat.

What goes wrong with one member (its port is taken, it does not start) is kept for that member, which then rests:
the others of the keyspace go on. What concerns the whole keyspace fails the pass, and the loop backs off.
"""

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from flyball.attempts import Attempts
from flyball.credentials import ensure_credentials
from flyball.errors import FlyballError
from flyball.loop import Outcome
from flyball.member.accounts import authority_name, credentials_name
from flyball.records import Failover, Keyspace, Metadata, Reshard, Shard
from flyball.records.failover import FailoverSpec
from flyball.secrets import Secrets
from flyball.store import Records
from flyball_local import data_directory, ports, steps
from flyball_local.home import Home
from flyball_local.hosts import Host
from flyball_local.identity import Identity, identities, read_identity, write_identity
from flyball_local.member_process import start_member
from flyball_local.mysql_programs import MySQL
from flyball_local.stopping import kill_member, stop_member

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What acts are done with.

    :param cache: where the template of data directories is kept.
    :param clock: seconds of the clock that ``attempts`` go by.
    :param hosts: members that get a host of their own when they are made.
    """

    home: Home
    records: Records
    secrets: Secrets
    mysql: MySQL
    cache: Path
    attempts: Attempts
    random: Random
    clock: Callable[[], float]
    hosts: Mapping[str, Host] = field(default_factory=dict)


async def act(tools: Tools, keyspace: Keyspace, step: steps.Step) -> Outcome:
    """Do the step for the keyspace as it was observed."""
    match step:
        case steps.HoldKeyspace() | steps.ReleaseKeyspace():
            await _finalizer(tools, keyspace, step)
        case steps.MakeCredentials():
            await ensure_credentials(tools.secrets, keyspace)
        case (
            steps.CreateShard()
            | steps.ReplaceShard()
            | steps.DeleteShard()
            | steps.CreateReshard()
            | steps.DeleteReshard()
        ):
            await _declare(tools, step)
        case steps.MovePrimary():
            await _move_primary(tools, keyspace, step)
        case steps.ClaimDirectory(_, member):
            await _for_member(tools, member, _claim(tools, keyspace, step))
        case steps.Initialise(member):
            made = data_directory.initialize(tools.home.member(member), tools.mysql, tools.cache)
            await _for_member(tools, member, made)
        case steps.StartMember(member):
            tools.attempts.started(member, tools.clock())
            await _for_member(tools, member, _start(tools, keyspace, member))
        case steps.StopMembers(members):
            await _stop(tools, keyspace, members)
        case steps.KillMember(member):
            text = "%s waits for space that is there, or stumbled over a broken-off clone: it is started again"
            logger.warning(text, member, extra={"member": member})
            await kill_member(tools.home.member(member))
            tools.attempts.forget(member)
        case steps.RemoveDirectories(members):
            await asyncio.to_thread(_remove, tools.home, keyspace.metadata.uid, members)
    return Outcome.CHANGED


async def _for_member(tools: Tools, member: str, work: Awaitable[None]) -> None:
    try:
        await work
    except FlyballError as error:
        logger.warning("%s", error, extra={"member": member})
        tools.attempts.failed(member, error, tools.clock())


async def _finalizer(tools: Tools, keyspace: Keyspace, step: steps.HoldKeyspace | steps.ReleaseKeyspace) -> None:
    if isinstance(step, steps.ReleaseKeyspace) and step.forget:
        for name in (credentials_name(keyspace.name), authority_name(keyspace.name)):
            await tools.secrets.delete(name)
    others = tuple(name for name in keyspace.metadata.finalizers if name != steps.FINALIZER)
    wanted = (*others, steps.FINALIZER) if isinstance(step, steps.HoldKeyspace) else others
    metadata = keyspace.metadata.model_copy(update={"finalizers": wanted})
    await tools.records.replace_metadata(keyspace.model_copy(update={"metadata": metadata}))


async def _declare(
    tools: Tools,
    step: steps.CreateShard | steps.ReplaceShard | steps.DeleteShard | steps.CreateReshard | steps.DeleteReshard,
) -> None:
    match step:
        case steps.CreateShard(name, spec):
            await tools.records.create(Shard(metadata=Metadata(name=name), spec=spec))
        case steps.ReplaceShard(read, spec):
            await tools.records.replace_spec(read.model_copy(update={"spec": spec}))
        case steps.DeleteShard(name):
            await tools.records.delete(Shard, name)
        case steps.CreateReshard(reshard):
            await tools.records.create(reshard)
        case steps.DeleteReshard(name):
            await tools.records.delete(Reshard, name)


async def _claim(tools: Tools, keyspace: Keyspace, step: steps.ClaimDirectory) -> None:
    """Nothing is awaited between the choice of a port and its note: two keyspaces never choose the same one."""
    directory = tools.home.member(step.member)
    if read_identity(directory) is not None:
        return
    known = identities(tools.home.members).values()
    identity = Identity(
        keyspace=keyspace.name,
        uid=keyspace.metadata.uid,
        shard=step.shard,
        member=step.member,
        incarnation=1,
        port=ports.choose_port({one.port for one in known}, tools.random),
        server_id=max((one.server_id for one in known), default=0) + 1,
        host=tools.hosts.get(step.member, Host()),
    )
    tools.home.prepare_member(step.member)
    write_identity(directory, identity)


async def _start(tools: Tools, keyspace: Keyspace, member: str) -> None:
    identity = read_identity(tools.home.member(member))
    if identity is not None:
        await start_member(tools.home, tools.mysql, tools.secrets, identity, keyspace.spec)


async def _stop(tools: Tools, keyspace: Keyspace, members: tuple[str, ...]) -> None:
    secret = await tools.secrets.get(credentials_name(keyspace.name))
    password = secret["engine"] if secret else None

    async def stop(member: str) -> None:
        how = await stop_member(tools.home.member(member), tools.home.socket(member), password)
        logger.info("%s: %s", member, how.value, extra={"member": member})
        tools.attempts.forget(member)

    async with asyncio.TaskGroup() as stops:
        for member in members:
            stops.create_task(stop(member))


async def _move_primary(tools: Tools, keyspace: Keyspace, step: steps.MovePrimary) -> None:
    """Ask once for each rest: the name says for which request of this keyspace it is."""
    tools.attempts.started(step.shard, tools.clock())
    attempt = tools.attempts.restarts(step.shard)
    mark = f"{step.member}/{keyspace.metadata.generation}/{attempt}/{tools.random.random()}"
    name = f"leave-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    spec = FailoverSpec(
        keyspace=keyspace.name, shard=step.shard, mode="planned", reason=f"{step.member} shall leave the shard"
    )
    await tools.records.create(Failover(metadata=Metadata(name=name), spec=spec))


def _remove(home: Home, uid: str, members: tuple[str, ...]) -> None:
    for member in members:
        identity = read_identity(home.member(member))
        if identity is not None and identity.uid == uid and identity.member == member:
            remove_member(home, member)


def remove_member(home: Home, member: str) -> None:
    """Remove a member's directory and certificate. The identity goes last: what is half removed is still ours."""
    directory = home.member(member)
    for entry in directory.iterdir():
        if entry.name == "identity.json":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    shutil.rmtree(home.certificate(member), ignore_errors=True)
    home.socket(member).unlink(missing_ok=True)
    shutil.rmtree(directory)
