"""Looking at one keyspace: its records, and the objects that were made for it, by their labels.

What cannot be read because the account may not (nodes, storage classes: they belong to no namespace) is unknown, and
stays so for a while; a keyspace needs neither. Everything else that cannot be read fails the pass: half a view would be
taken for the whole.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flyball.attempts import Attempts
from flyball.credentials import ensure_authority, read_passwords
from flyball.errors import ClusterError, Code, InputError
from flyball.expand import DesiredShard, expand
from flyball.kubernetes import Resource
from flyball.kubernetes.resources import CLAIMS, NODES, PODS, SECRETS, STORAGE_CLASSES
from flyball.leaving import ordinal
from flyball.member.accounts import authority_name, credentials_name
from flyball.records import Keyspace, Shard
from flyball.secrets import Secrets
from flyball_operator import naming, private, wanted
from flyball_operator.manifests.access import Reader
from flyball_operator.objects import Object
from flyball_operator.reading import read_claim, read_pod
from flyball_operator.sources import Source
from flyball_operator.view import Gone, KeyspaceView, MemberView

FORBIDDEN_FOR = 300.0
"""Seconds until something that the account may not read is asked for again."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """What an observer looks with.

    :param reader: the topology service's account; None where it has its rights otherwise.
    :param clock: seconds of a clock that only moves forward.
    :param today: the wall clock, for certificates and for the grace of pods.
    """

    reader: Reader | None
    attempts: Attempts
    clock: Callable[[], float]
    today: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Unbound:
    """What was read of things that belong to no namespace."""

    nodes: Mapping[str, bool]
    classes: Mapping[str, bool]


class Observer:
    """Makes views of keyspaces in one namespace.

    :param watched: what glances go by; the server where it is None.
    :param endpoints: what endpoints go by; the server where it is None.
    """

    def __init__(
        self, eyes: Eyes, server: Source, watched: Source | None = None, endpoints: Source | None = None
    ) -> None:
        self._eyes = eyes
        self._server = server
        self._watched = watched
        self._endpoints = endpoints
        self._forbidden: dict[str, float] = {}

    async def look(self, name: str) -> KeyspaceView | Gone:
        """The keyspace as it is now."""
        return await self._view(self._server, name)

    async def glance(self, name: str) -> KeyspaceView | Gone:
        """The keyspace as it was a moment ago: good for finding out whether there is something to do."""
        return await self._view(self._watched or self._server, name)

    async def look_at_endpoints(self, name: str) -> KeyspaceView | Gone:
        """The keyspace, with who reigns and the pods as they are now: good for moving endpoints alone."""
        return await self._view(self._endpoints or self._server, name)

    async def _view(self, source: Source, name: str) -> KeyspaceView | Gone:
        keyspace = await source.keyspace(name)
        if keyspace is None:
            return Gone()
        desired = expand(keyspace)
        meant = [shard.name for shard in desired]
        shards = {shard.name: shard for shard in await source.shards(name, meant)}
        failovers = tuple(one for one in await source.failovers(name) if not one.status.outcome.ended)
        _check_names(desired)
        found = {wanted.label(one): one for kind in wanted.KINDS for one in await source.objects(kind, name)}
        held = await _hold(source.secrets, keyspace)
        complete = private.is_complete(keyspace, held)
        stale: tuple[str, ...] = ()
        spent: tuple[tuple[str, str], ...] = ()
        members = await self._members(source, keyspace, desired, shards)
        if held is not None and complete:
            present = {one["metadata"]["name"]: one for one in await source.objects(SECRETS, name)}
            stale = private.stale_secrets(keyspace, desired, held, present, self._eyes.today())
            living = [*(name for shard in desired for name in shard.members), *_declared(shards, members)]
            spent = private.spent_secrets(keyspace, living, present)
        now = self._eyes.clock()
        return KeyspaceView(
            keyspace=keyspace,
            desired=desired,
            shards=shards,
            members=members,
            failovers=failovers,
            credentials=complete,
            lacking=held.passwords.lacking if held is not None else {},
            unknown=private.without_password(keyspace, held),
            differing=private.differing(held),
            stale=stale,
            spent=spent,
            unapplied=wanted.unapplied(wanted.objects(keyspace, desired, self._eyes.reader), found),
            resting=frozenset(shard for shard in shards if self._eyes.attempts.rests(shard, now)),
        )

    async def hold(self, keyspace: Keyspace) -> private.Held | None:
        """The keyspace's secrets; None while they are not made."""
        return await _hold(self._server.secrets, keyspace)

    async def _members(
        self, source: Source, keyspace: Keyspace, desired: tuple[DesiredShard, ...], shards: Mapping[str, Shard]
    ) -> dict[str, MemberView]:
        pods = {one["metadata"]["name"]: one for one in await source.objects(PODS, keyspace.name)}
        claims: dict[str, list[Object]] = {}
        for claim in await source.objects(CLAIMS, keyspace.name):
            claims.setdefault(claim["metadata"]["labels"].get(naming.MEMBER, ""), []).append(claim)
        owners = {name: shard.name for shard in desired for name in shard.members}
        owners |= {member.name: shard.name for shard in shards.values() for member in shard.spec.members}
        for one in (*pods.values(), *(claim for found in claims.values() for claim in found)):
            labels = one["metadata"]["labels"]
            owners.setdefault(labels.get(naming.MEMBER, ""), labels.get(naming.SHARD, ""))
        owners.pop("", None)
        nodes = await self._nodes(source, {pod["spec"].get("nodeName", "") for pod in pods.values()})
        every = [claim for found in claims.values() for claim in found]
        classes = await self._classes(source, {claim["spec"].get("storageClassName", "") for claim in every})
        unbound = _Unbound(nodes, classes)
        ordered = sorted(owners.items(), key=lambda owner: (owner[1], ordinal(owner[0]), owner[0]))
        return {
            name: self._member(name, shard, pods.get(name), claims.get(name, []), unbound) for name, shard in ordered
        }

    def _member(self, name: str, shard: str, pod: Object | None, claims: list[Object], unbound: _Unbound) -> MemberView:
        read = (read_claim(claim, unbound.classes) for claim in claims)
        seen = None if pod is None else read_pod(pod, unbound.nodes, self._eyes.today())
        if seen is not None and seen.ready:
            self._eyes.attempts.works(name)
        return MemberView(
            name=name,
            shard=shard,
            pod=seen,
            claims=tuple(sorted((claim for claim in read if claim is not None), key=lambda claim: claim.volume)),
            rests=self._eyes.attempts.rests(name, self._eyes.clock()),
            trouble=self._eyes.attempts.trouble(name),
        )

    async def _nodes(self, source: Source, names: set[str]) -> dict[str, bool]:
        found = await self._unbound(source, NODES, names)
        return {name: bool(node.get("spec", {}).get("unschedulable")) for name, node in found.items()}

    async def _classes(self, source: Source, names: set[str]) -> dict[str, bool]:
        found = await self._unbound(source, STORAGE_CLASSES, names)
        return {name: bool(one.get("allowVolumeExpansion")) for name, one in found.items()}

    async def _unbound(self, source: Source, resource: Resource, names: set[str]) -> dict[str, Object]:
        """Objects that belong to no namespace; none of them where the account may not read them."""
        found: dict[str, Object] = {}
        if self._eyes.clock() < self._forbidden.get(resource.plural, 0.0):
            return found
        for name in sorted(names - {""}):
            try:
                one = await source.unbound(resource, name)
            except ClusterError as error:
                if error.code is not Code.API_FORBIDDEN:
                    raise
                self._forbidden[resource.plural] = self._eyes.clock() + FORBIDDEN_FOR
                return found
            if one is not None:
                found[name] = one
        return found


def _declared(shards: Mapping[str, Shard], members: Mapping[str, MemberView]) -> Iterator[str]:
    """Members that a Shard names, and those that have a pod still."""
    yield from (member.name for shard in shards.values() for member in shard.spec.members)
    yield from (member.name for member in members.values() if member.pod is not None)


async def _hold(secrets: Secrets, keyspace: Keyspace) -> private.Held | None:
    given = keyspace.spec.certificates.authority_secret
    credentials = await secrets.get(credentials_name(keyspace.name))
    if credentials is None or (given is None and await secrets.get(authority_name(keyspace.name)) is None):
        return None
    passwords = await read_passwords(secrets, keyspace)
    return private.Held(credentials, await ensure_authority(secrets, keyspace.name, given), passwords)


def _check_names(desired: tuple[DesiredShard, ...]) -> None:
    for shard in desired:
        if len(shard.name) > naming.LONGEST_SHARD:
            raise InputError(
                Code.NOT_A_NAME,
                f"shard {shard.name!r} has {len(shard.name)} characters; its Services' names have room for "
                f"{naming.LONGEST_SHARD}",
                "Choose a shorter name for the keyspace.",
            )
