"""Looking at one keyspace: its records, its members' directories, its processes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from flyball import resharding
from flyball.attempts import Attempts
from flyball.errors import Code, EngineError
from flyball.expand import DesiredShard
from flyball.member.accounts import authority_name, credentials_name, wanted_keys
from flyball.member.cloned import is_emptied
from flyball.member.leftovers import is_broken
from flyball.records import Failover, Keyspace, Reshard, Shard
from flyball.secrets import Secrets
from flyball.store import Records, Selector
from flyball_local import mysqld
from flyball_local.full_disk import FullDisks
from flyball_local.home import Home
from flyball_local.identity import Identity, check_owner, identities, read_identity
from flyball_local.member_process import accepts_connections, runs_with, why_ended
from flyball_local.view import Gone, KeyspaceView, MemberView, Process

GREETING_LIMIT = 0.2
"""Seconds that a member which is starting has to greet us, each time we look."""


class Observer:
    """Makes views of keyspaces. It remembers which processes it has seen accept connections."""

    def __init__(
        self, home: Home, records: Records, secrets: Secrets, attempts: Attempts, clock: Callable[[], float]
    ) -> None:
        self._home = home
        self._records = records
        self._secrets = secrets
        self._attempts = attempts
        self._clock = clock
        self._disks = FullDisks()
        self._greeted: dict[str, mysqld.MysqldProcess] = {}

    async def look(self, name: str) -> KeyspaceView | Gone:
        """The keyspace as it is now."""
        where = Selector(keyspace=name)
        shards = {shard.name: shard for shard in await self._records.list(Shard, where)}
        reshards = await self._records.list(Reshard, where)
        keyspace = await self._records.get(Keyspace, name)  # last: what an ended reshard has decided shows in it
        if keyspace is None:
            return Gone()
        failovers = tuple(f for f in await self._records.list(Failover, where) if not f.status.outcome.ended)
        desired = resharding.shards_of(keyspace, reshards)
        found = await asyncio.to_thread(self._members, keyspace, desired, shards)
        members = {member.name: await self._greet(member) for member in found}
        now = self._clock()
        return KeyspaceView(
            keyspace=keyspace,
            credentials=await self._has_credentials(keyspace),
            desired=desired,
            shards=shards,
            members=members,
            failovers=failovers,
            reshards=reshards,
            taken=frozenset({*shards, *(one.shard for one in identities(self._home.members).values())}),
            resting=frozenset(shard for shard in shards if self._attempts.rests(shard, now)),
        )

    async def _has_credentials(self, keyspace: Keyspace) -> bool:
        credentials = await self._secrets.get(credentials_name(keyspace.name))
        authority = await self._secrets.get(authority_name(keyspace.name))
        return authority is not None and credentials is not None and wanted_keys(keyspace) <= credentials.keys()

    def _members(
        self, keyspace: Keyspace, desired: tuple[DesiredShard, ...], shards: Mapping[str, Shard]
    ) -> list[MemberView]:
        owners = {name: shard.name for shard in desired for name in shard.members}
        owners |= {member.name: shard.name for shard in shards.values() for member in shard.spec.members}
        owners |= {
            name: identity.shard
            for name, identity in identities(self._home.members).items()
            if identity.uid == keyspace.metadata.uid
        }
        return [self._member(keyspace, shard, name) for name, shard in owners.items()]

    def _member(self, keyspace: Keyspace, shard: str, name: str) -> MemberView:
        directory = self._home.member(name)
        try:
            identity = read_identity(directory)
            if identity is not None:
                check_owner(directory, identity, keyspace.name, keyspace.metadata.uid, shard)
        except EngineError as foreign:
            self._attempts.note(name, foreign)
            return MemberView(name, foreign=True, trouble=self._attempts.trouble(name))
        trouble = self._attempts.trouble(name)
        if trouble is not None and trouble.code is Code.FOREIGN_DIRECTORY:
            self._attempts.works(name)
        process = self._process(identity) if identity is not None else Process.NONE
        if process is Process.ENDED and self._disks.has_room_again(directory, time.time()):
            self._attempts.forget(name)  # it need not rest for what was wrong with the disk
        rests = self._attempts.rests(name, self._clock())
        if identity is None:
            return MemberView(name, rests=rests, trouble=self._attempts.trouble(name))
        return MemberView(
            name=name,
            identity=identity,
            initialised=(mysqld.data_directory(directory) / mysqld.SYSTEM_TABLES).is_file(),
            process=process,
            sleeps=process.alive and self._disks.sleeps_in_vain(directory, time.time()),
            broken=process is Process.RUNNING
            and is_broken(mysqld.data_directory(directory), mysqld.pid_file(directory)),
            stopped=self._home.stop_mark(name).exists(),
            emptied=is_emptied(mysqld.data_directory(directory), mysqld.pid_file(directory)),
            outdated=not runs_with(self._home, identity, keyspace.spec),
            rests=rests,
            trouble=self._attempts.trouble(name),
        )

    def _process(self, identity: Identity) -> Process:
        name = identity.member
        state = mysqld.read_state(self._home.member(name))
        if state is None:
            return Process.NONE
        if not mysqld.is_running(state):
            self._greeted.pop(name, None)
            return Process.ENDED
        return Process.RUNNING if self._greeted.get(name) == state else Process.STARTING

    async def _greet(self, member: MemberView) -> MemberView:
        """Ask a member that is starting whether it is there by now; note what one that ended said."""
        if member.process is Process.STARTING and await accepts_connections(self._home, member.name, GREETING_LIMIT):
            state = mysqld.read_state(self._home.member(member.name))
            if state is not None:
                self._greeted[member.name] = state
                self._attempts.works(member.name)
                return replace(member, process=Process.RUNNING, trouble=None)
        if member.process is Process.ENDED and self._attempts.restarts(member.name) > 1 and member.trouble is None:
            self._attempts.note(member.name, why_ended(self._home, member.name))
            return replace(member, trouble=self._attempts.trouble(member.name))
        return member
