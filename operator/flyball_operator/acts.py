"""Taking the operator's steps. Idempotent: each may be cut off anywhere, and comes again.

What the API refuses about one member (a quota, a policy, a name that is taken) is noted with the member, which rests;
the others go on. What it refuses about the keyspace fails the pass, which is told and comes again after a backoff.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from flyball import declaring
from flyball.attempts import Attempts
from flyball.credentials import ensure_credentials, read_passwords
from flyball.errors import ClusterError, Code, FlyballError
from flyball.expand import DesiredShard, expand
from flyball.kubernetes import Api, everything
from flyball.kubernetes.resources import CLAIMS, EVENTS, PODS, SECRETS, of_record
from flyball.loop import Outcome
from flyball.member.accounts import authority_name, credentials_name
from flyball.records import API_VERSION, Keyspace, Shard
from flyball.secrets import Secrets
from flyball.store import ConflictError, Records
from flyball_operator import naming, private, steps, wanted
from flyball_operator.events import event, told_of
from flyball_operator.manifests import claim, pod, start
from flyball_operator.manifests.access import Reader
from flyball_operator.objects import Object, in_namespace
from flyball_operator.steps import Step

logger = logging.getLogger(__name__)

_CHANGED_MEANWHILE = frozenset({Code.API_CONFLICT, Code.API_EXISTS, Code.API_NOT_FOUND})
"""What says only that the view was not the latest."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the acts work with."""

    api: Api
    namespace: str
    records: Records
    secrets: Secrets
    reader: Reader | None
    attempts: Attempts
    random: Random
    clock: Callable[[], float]
    today: Callable[[], datetime]
    hold: Callable[[Keyspace], Awaitable[private.Held | None]]


async def act(tools: Tools, keyspace: Keyspace, step: Step) -> Outcome:
    """Take the step; what changed meanwhile is looked at again."""
    try:
        await _take(tools, keyspace, step)
    except ConflictError:
        return Outcome.CHANGED
    except ClusterError as error:
        if error.code not in _CHANGED_MEANWHILE:
            raise
        logger.info("%s", error.message, extra={"keyspace": keyspace.name})
        return Outcome.CHANGED
    await _tell(tools, keyspace, step)
    return Outcome.CHANGED


async def _take(tools: Tools, keyspace: Keyspace, step: Step) -> None:
    match step:
        case declaring.MovePrimary(shard):
            tools.attempts.started(shard, tools.clock())
            mark = f"{tools.attempts.restarts(shard)}/{tools.random.random()}"
            await declaring.take(tools.records, keyspace, step, naming.FINALIZER, mark)
        case declaring.ReleaseKeyspace(forget):
            if forget:
                for name in (credentials_name(keyspace.name), authority_name(keyspace.name)):
                    await tools.secrets.delete(name)
            await declaring.take(tools.records, keyspace, step, naming.FINALIZER, "")
        case declaring.HoldKeyspace() | declaring.CreateShard() | declaring.ReplaceShard() | declaring.DeleteShard():
            await declaring.take(tools.records, keyspace, step, naming.FINALIZER, "")
        case steps.MakeCredentials() | steps.WriteSecrets() | steps.RemoveSecrets():
            await _of_secrets(tools, keyspace, step)
        case steps.ApplyObjects(names):
            made = wanted.objects(keyspace, expand(keyspace), tools.reader)
            for wish in (made[name] for name in names):
                await _apply(tools, wish)
        case steps.MarkPods(marks):
            for one in marks:
                await _mark(tools, one)
        case _:
            await _of_member(tools, keyspace, step)


async def _of_secrets(
    tools: Tools, keyspace: Keyspace, step: steps.MakeCredentials | steps.WriteSecrets | steps.RemoveSecrets
) -> None:
    match step:
        case steps.MakeCredentials():
            passwords = await read_passwords(tools.secrets, keyspace)
            await ensure_credentials(tools.secrets, keyspace, keyspace.spec.certificates.authority_secret, passwords)
        case steps.WriteSecrets(names):
            await _write_secrets(tools, keyspace, names)
        case steps.RemoveSecrets(secrets):
            for name, uid in secrets:
                await _gone(tools.api.delete(SECRETS, tools.namespace, name, uid=uid))


async def _of_member(tools: Tools, keyspace: Keyspace, step: Step) -> None:
    namespace = tools.namespace
    match step:
        case steps.MakeClaim(shard, member, volume):
            wish = in_namespace(claim.claim(keyspace, shard, member, volume), namespace)
            await _for_member(tools, member, tools.api.create(CLAIMS, wish))
        case steps.MakePod(shard, member, name):
            tools.attempts.started(member, tools.clock())
            await _for_member(tools, member, tools.api.create(PODS, _pod(tools, keyspace, shard, member, name)))
        case steps.AdoptClaim(name, uid):
            annotations = {naming.OWNER_UID: keyspace.metadata.uid}
            change: Object = {"metadata": {"uid": uid, "annotations": annotations}}
            await tools.api.patch(CLAIMS, namespace, name, change)
        case steps.GrowClaim(name, size):
            grown: Object = {"spec": {"resources": {"requests": {"storage": size}}}}
            await tools.api.patch(CLAIMS, namespace, name, grown)
        case steps.DeletePod(member, uid, _, force):
            await tools.api.delete(PODS, namespace, member, uid=uid, grace=0 if force else None)
        case steps.DeletePods(pods, force):
            for name, uid in pods:
                await _gone(tools.api.delete(PODS, namespace, name, uid=uid, grace=0 if force else None))
        case steps.RemoveClaim(name, uid):
            await tools.api.delete(CLAIMS, namespace, name, uid=uid)


async def _gone(deletion: Awaitable[None]) -> None:
    try:
        await deletion
    except ClusterError as error:
        if error.code not in _CHANGED_MEANWHILE:
            raise


async def _for_member(tools: Tools, member: str, work: Awaitable[Object]) -> None:
    try:
        await work
    except ClusterError as error:
        if error.code in {*_CHANGED_MEANWHILE, Code.API_AWAY}:
            raise
        logger.warning("%s", error, extra={"member": member})
        tools.attempts.failed(member, error, tools.clock())


async def _write_secrets(tools: Tools, keyspace: Keyspace, names: tuple[str, ...]) -> None:
    held = await tools.hold(keyspace)
    if held is None:
        return
    labels = naming.keyspace_labels(keyspace.name)
    listed = await everything(tools.api, SECRETS, tools.namespace, labels=labels)
    found = {one["metadata"]["name"]: one for one in listed}
    for secret in private.secrets(keyspace, expand(keyspace), held, names, found, now=tools.today()):
        await tools.api.apply(SECRETS, in_namespace(secret, tools.namespace), naming.MANAGER, force=True)


async def _apply(tools: Tools, manifest: Object) -> None:
    resource = wanted.resource_of(manifest)
    await tools.api.apply(resource, in_namespace(manifest, tools.namespace), naming.MANAGER, force=True)


async def _mark(tools: Tools, mark: steps.Mark) -> None:
    metadata: Object = {"uid": mark.uid, "labels": {naming.ROLE: mark.role}}
    if mark.owner:
        shard = mark.pod.rpartition("-")[0]
        kind = of_record(Shard).kind
        owner = {"apiVersion": API_VERSION, "kind": kind, "name": shard, "uid": mark.owner, "controller": True}
        metadata["ownerReferences"] = [owner]
    await tools.api.patch(PODS, tools.namespace, mark.pod, {"metadata": metadata})


def _pod(tools: Tools, keyspace: Keyspace, shard: str, member: str, name: str) -> Object:
    desired = _desired(keyspace, shard)
    program = start.program_map(keyspace)["metadata"]["name"]
    made = pod.pod(keyspace, desired, member, desired.zone(member), pod.Made(name, program))
    return in_namespace(made, tools.namespace)


def _desired(keyspace: Keyspace, shard: str) -> DesiredShard:
    return next(one for one in expand(keyspace) if one.name == shard)


async def _tell(tools: Tools, keyspace: Keyspace, step: Step) -> None:
    """An event is a courtesy: one that cannot be written changes nothing."""
    told = told_of(step)
    if told is None:
        return
    logger.info("%s", told.message, extra={"keyspace": keyspace.name, "reason": str(told.reason)})
    try:
        await tools.api.create(EVENTS, event(keyspace, tools.namespace, told, tools.today()))
    except FlyballError as error:
        logger.info("the event could not be written: %s", error)
