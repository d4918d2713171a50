"""An API server in memory, for tests of what stands on the port: as the real one behaves, as far as we lean on it.

One :class:`FakeServer` holds the objects; :meth:`~FakeServer.connect` gives a client of it. It keeps resourceVersions
and generations, status subresources, finalizers, graceful deletion of pods that a node holds, preconditions, owners of
fields, list pages, watches with their limits. No controller runs beside it: who wants a pod to run, patches its status.

Tests may look at ``calls``, make calls fail through ``fault``, end all watches, and let it forget the past. The same
contract test runs against this and against a real server.
"""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flyball.errors import ClusterError, Code
from flyball.kubernetes.answers import Asked, of_status
from flyball.kubernetes.port import Change, Changed, Object, Page, Resource
from tests.apiserver import ownership, rules
from tests.apiserver.client import Call, FakeApi
from tests.apiserver.rules import Key, Where


@dataclass(slots=True)
class _Stored:
    object: Object
    owners: ownership.Owners = field(default_factory=dict)


class FakeServer:
    """The objects, and the past as far as it is remembered.

    :param now: the wall clock, for creation and deletion timestamps.
    :ivar calls: every call, in order; clear it where you begin to look.
    :ivar fault: looks at each call before it does anything, and may raise.
    :ivar refuses: looks at each object before it is stored; a sentence refuses it (API_INVALID).
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.calls: list[Call] = []
        self.fault: Callable[[Call], None] = lambda call: None
        self.refuses: Callable[[Resource, Object], str | None] = lambda resource, thing: None
        self._now = now
        self._uids = itertools.count(1)
        self._things: dict[Where, dict[Key, _Stored]] = {}
        self._past: list[rules.Past] = []
        self._revision = 100
        self._remembers = 100
        self._changed = asyncio.Event()
        self._epoch = 0

    def connect(self, manager: str = "flyball") -> FakeApi:
        """One more client.

        :param manager: what it is called as the owner of fields that it does not apply.
        """
        return FakeApi(self, manager)

    def forget(self) -> None:
        """Forget what happened: lists and watches that begin in the past have to begin anew."""
        self._past.clear()
        self._remembers = self._revision

    def end_watches(self) -> None:
        """End every watch, as a server does after a minute."""
        self._epoch += 1
        self._tell()

    def objects(self, resource: Resource) -> list[Object]:
        """Everything of a kind, by namespace and name."""
        return [deepcopy(stored.object) for _, stored in sorted(self._of(resource).items())]

    # --- what clients call -------------------------------------------------------------------------

    def called(self, call: Call) -> None:
        self.calls.append(call)
        self.fault(call)

    def page(
        self, resource: Resource, namespace: str | None, labels: Mapping[str, str], name: str, limit: int, after: str
    ) -> Page:
        start, revision = 0, self._revision
        if after:
            start, revision = json.loads(base64.b64decode(after))
            if revision < self._remembers:
                raise rules.fails("list", resource, name, Code.API_GONE, "The provided continue parameter is too old")
        every = [thing for thing in self._at(resource, revision) if rules.matches(thing, namespace, labels, name)]
        rest = len(every) > start + limit
        token = base64.b64encode(json.dumps([start + limit, revision]).encode()).decode() if rest else ""
        return Page(tuple(deepcopy(every[start : start + limit])), str(revision), token)

    def read(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        stored = self._of(resource).get((namespace or "", name))
        return deepcopy(stored.object) if stored else None

    def create(self, resource: Resource, wanted: Object, manager: str) -> Object:
        thing = deepcopy(wanted)
        metadata = thing["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        if key in self._of(resource):
            raise rules.fails(
                "create", resource, key[1], Code.API_EXISTS, f'{resource.plural} "{key[1]}" already exists'
            )
        if metadata.get("resourceVersion"):
            raise rules.fails(
                "create",
                resource,
                key[1],
                Code.API_INVALID,
                "resourceVersion should not be set on objects to be created",
            )
        thing.update(apiVersion=resource.api_version, kind=resource.kind)
        if rules.has_status(resource):
            thing.pop("status", None)
        for given in ("managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(given, None)
        metadata["uid"] = f"00000000-0000-0000-0000-{next(self._uids):012d}"
        metadata["creationTimestamp"] = self._stamp()
        if rules.counts(resource):
            metadata["generation"] = 1
        return self._store(resource, key, thing, ownership.changed({}, thing, {}, manager))

    def apply(self, resource: Resource, wanted: Object, manager: str, *, force: bool, subresource: str) -> Object:
        metadata = wanted["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        stored = self._of(resource).get(key)
        if stored is None:
            if subresource or metadata.get("resourceVersion") or metadata.get("uid"):
                raise self._missing("apply", resource, key[1])
            made = self.create(resource, wanted, manager)
            owned = {(manager, "Apply"): frozenset(ownership.fields(self._taken({}, wanted, resource, "")))}
            self._of(resource)[key].owners = owned
            return made
        if metadata.get("uid", stored.object["metadata"]["uid"]) != stored.object["metadata"]["uid"]:
            said = "metadata.uid: Invalid value: field is immutable"
            raise rules.fails("apply", resource, key[1], Code.API_INVALID, said)
        self._check(stored.object, metadata, "apply", resource)
        sent = {
            part: value
            for part, value in wanted.items()
            if (part == "status") == (subresource == "status") or part == "metadata" or not rules.has_status(resource)
        }
        me = f"{manager}/{subresource}" if subresource else manager  # a subresource is a manager of its own
        found = [] if force else ownership.conflicts(stored.object, sent, stored.owners, me)
        if found:
            text = "; ".join(f'conflict with "{who}": .{".".join(map(str, path))}' for who, path in found)
            said = f"Apply failed with {len(found)} conflicts: {text}"
            raise rules.fails("apply", resource, key[1], Code.API_CONFLICT, said)
        thing, owners = ownership.applied(stored.object, sent, stored.owners, me)
        return self._change(resource, key, thing, owners)

    def replace(
        self, resource: Resource, wanted: Object, manager: str, subresource: str, verb: str = "replace"
    ) -> Object:
        metadata = wanted["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        stored = self._stored(resource, key, verb)
        if resource.group == "flyball.dev" and not metadata.get("resourceVersion"):
            raise rules.fails(
                verb,
                resource,
                key[1],
                Code.API_INVALID,
                "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
            )
        self._check(stored.object, metadata, verb, resource)
        thing = self._taken(stored.object, wanted, resource, subresource)
        return self._change(resource, key, thing, ownership.changed(stored.object, thing, stored.owners, manager))

    def patch(self, resource: Resource, key: Key, change: Object, manager: str, subresource: str) -> Object:
        stored = self._stored(resource, key, "patch")
        merged = rules.merge(deepcopy(stored.object), change)
        return self.replace(resource, merged, manager, subresource, "patch")

    def delete(self, resource: Resource, key: Key, uid: str, revision: str, grace: int | None) -> None:
        stored = self._stored(resource, key, "delete")
        metadata = stored.object["metadata"]
        for what, expected, stands in (
            ("UID", uid, metadata["uid"]),
            ("ResourceVersion", revision, metadata["resourceVersion"]),
        ):
            if expected and expected != stands:
                raise rules.fails(
                    "delete",
                    resource,
                    key[1],
                    Code.API_CONFLICT,
                    f"Precondition failed: {what} in precondition: {expected}, {what} in object meta: {stands}",
                )
        seconds = rules.grace(resource, stored.object, grace)
        if not metadata.get("finalizers") and not seconds:
            self._remove(resource, key)
            return
        shorter = seconds is not None and seconds < metadata.get("deletionGracePeriodSeconds", 0)
        if "deletionTimestamp" in metadata and not shorter:
            return
        thing = deepcopy(stored.object)
        thing["metadata"].setdefault("deletionTimestamp", self._stamp())
        thing["metadata"]["deletionGracePeriodSeconds"] = seconds or 0
        if "generation" in metadata and "deletionTimestamp" not in metadata:
            thing["metadata"]["generation"] += 1
        self._store(resource, key, thing, stored.owners)

    async def watch(
        self, resource: Resource, namespace: str | None, since: str, labels: Mapping[str, str], name: str
    ) -> AsyncGenerator[Change, None]:
        epoch, at, where = self._epoch, int(since), (resource.group, resource.plural)
        while True:
            if at < self._remembers:
                raise of_status(
                    Asked("watch", resource.plural),
                    {"code": 410, "reason": "Expired", "message": f"too old resource version: {at}"},
                )
            changed = self._changed
            for past in tuple(self._past):
                if past.revision <= at:
                    continue
                at = past.revision
                change = rules.told(past, where, namespace, labels, name)
                if change is not None:
                    yield change
            if self._epoch != epoch:
                mark = {"kind": resource.kind, "metadata": {"resourceVersion": str(at)}}
                yield Change(Changed.BOOKMARK, mark)
                return
            await changed.wait()

    # --- what it is made of ------------------------------------------------------------------------

    def _of(self, resource: Resource) -> dict[Key, _Stored]:
        return self._things.setdefault((resource.group, resource.plural), {})

    def _at(self, resource: Resource, revision: int) -> list[Object]:
        """The objects as they were, by key."""
        things = {key: stored.object for key, stored in self._of(resource).items()}
        for past in reversed(self._past):
            if past.revision <= revision:
                break
            if past.where == (resource.group, resource.plural):
                key = rules.key(past.after or past.before or {})
                things.pop(key, None)
                if past.before is not None:
                    things[key] = past.before
        return [thing for _, thing in sorted(things.items())]

    def _stored(self, resource: Resource, key: Key, verb: str) -> _Stored:
        stored = self._of(resource).get(key)
        if stored is None:
            raise self._missing(verb, resource, key[1])
        return stored

    def _missing(self, verb: str, resource: Resource, name: str) -> ClusterError:
        return rules.fails(verb, resource, name, Code.API_NOT_FOUND, f'{resource.plural} "{name}" not found')

    def _check(self, live: Object, metadata: Object, verb: str, resource: Resource) -> None:
        """The resourceVersion and the uid that a write carries must still stand."""
        for part in ("resourceVersion", "uid"):
            if metadata.get(part) and metadata[part] != live["metadata"][part]:
                raise rules.fails(
                    verb,
                    resource,
                    metadata["name"],
                    Code.API_CONFLICT,
                    "the object has been modified; please apply your changes to the latest version and try again",
                )

    def _taken(self, live: Object, wanted: Object, resource: Resource, subresource: str) -> Object:
        """What a write makes of the object: a status write takes the status alone, another one all but the status."""
        thing = deepcopy(wanted)
        if not live:
            return thing
        if subresource == "status":
            thing = {**deepcopy(live), "status": thing.get("status")}
            if thing["status"] is None:
                del thing["status"]
            return thing
        if rules.has_status(resource):
            thing.pop("status", None)
            if "status" in live:
                thing["status"] = deepcopy(live["status"])
        kept = (
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "resourceVersion",
        )
        metadata = {part: value for part, value in thing["metadata"].items() if part not in (*kept, "managedFields")}
        metadata.update({part: live["metadata"][part] for part in kept if part in live["metadata"]})
        return {**thing, "apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}

    def _change(self, resource: Resource, key: Key, thing: Object, owners: ownership.Owners) -> Object:
        stored = self._of(resource)[key]
        live, metadata = stored.object, thing["metadata"]
        added = set(metadata.get("finalizers") or ()) - set(live["metadata"].get("finalizers") or ())
        if "deletionTimestamp" in metadata and added:
            said = f"metadata.finalizers: Forbidden: no new ones while it is being deleted, found {sorted(added)}"
            raise rules.fails("write", resource, key[1], Code.API_INVALID, said)
        if rules.body(thing) != rules.body(live) and "generation" in metadata:
            metadata["generation"] += 1
        if thing == live:
            stored.owners = owners
            return deepcopy(live)
        if (
            "deletionTimestamp" in metadata
            and not metadata.get("finalizers")
            and not metadata.get("deletionGracePeriodSeconds")
        ):
            self._refuse(resource, thing)
            self._of(resource)[key].object = thing
            return self._remove(resource, key)
        return self._store(resource, key, thing, owners)

    def _refuse(self, resource: Resource, thing: Object) -> None:
        sentence = self.refuses(resource, thing)
        if sentence:
            name = thing["metadata"]["name"]
            raise rules.fails(
                "write", resource, name, Code.API_INVALID, f'{resource.kind} "{name}" is invalid: {sentence}'
            )

    def _store(self, resource: Resource, key: Key, thing: Object, owners: ownership.Owners) -> Object:
        self._refuse(resource, thing)
        before = self._of(resource).get(key)
        self._revision += 1
        thing["metadata"]["resourceVersion"] = str(self._revision)
        self._of(resource)[key] = _Stored(thing, owners)
        self._happened(resource, before.object if before else None, thing)
        return deepcopy(thing)

    def _remove(self, resource: Resource, key: Key) -> Object:
        stored = self._of(resource).pop(key)
        self._revision += 1
        last = deepcopy(stored.object)
        last["metadata"]["resourceVersion"] = str(self._revision)
        self._happened(resource, last, None)
        return last

    def _happened(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        self._past.append(rules.Past(self._revision, (resource.group, resource.plural), before, deepcopy(after)))
        self._tell()

    def _tell(self) -> None:
        before, self._changed = self._changed, asyncio.Event()
        before.set()

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
