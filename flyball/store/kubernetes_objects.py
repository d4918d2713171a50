"""Records as the objects of a Kubernetes API server, and back.

Our metadata has its counterpart there under other names. A condition says ``True``, ``False`` or ``Unknown`` and since
when, so that ``kubectl wait`` understands it. What else an object carries (annotations, owners) is not ours: a write
puts our part into the object as it stands and leaves the rest.
"""

from datetime import UTC, datetime
from typing import Any

from flyball.kubernetes.port import Object
from flyball.kubernetes.resources import of_record
from flyball.records import Record
from flyball.store.codec import of_document
from flyball.store.port import R

_SAID = {True: "True", False: "False"}
_MEANT = {"True": True, "False": False}


def to_object(record: Record, namespace: str) -> Object:
    """The record as it is created: no status yet, and no identity but its name."""
    resource = of_record(type(record))
    metadata: Object = {"name": record.name, "namespace": namespace}
    _put(metadata, record)
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": _part(record, "spec"),
    }


def with_spec(stands: Object, record: Record) -> Object:
    """The object with the record's spec."""
    return {**stands, "spec": _part(record, "spec")}


def with_status(stands: Object, record: Record, now: datetime) -> Object:
    """The object with the record's status; a condition whose status is another one is so since ``now``."""
    status = _part(record, "status")
    if status.get("conditions"):
        before = {each["type"]: each for each in stands.get("status", {}).get("conditions", [])}
        status["conditions"] = [
            _since({**each, "status": _SAID.get(each.get("status"), "Unknown")}, before.get(each["type"]), now)
            for each in status["conditions"]
        ]
    return {**stands, "status": status}


def with_metadata(stands: Object, record: Record) -> Object:
    """The object with the record's labels and finalizers."""
    metadata = {part: value for part, value in stands["metadata"].items() if part not in {"labels", "finalizers"}}
    _put(metadata, record)
    return {**stands, "metadata": metadata}


def of_object(kind: type[R], stands: Object) -> R:
    """The record in an object.

    :raises StoreError: STORE_TOO_NEW when a newer version wrote it, STORE_CORRUPT when nobody can have.
    """
    metadata = stands["metadata"]
    document = {
        "apiVersion": stands.get("apiVersion"),
        "kind": stands.get("kind"),
        "metadata": {
            "name": metadata["name"],
            "uid": metadata["uid"],
            "revision": metadata["resourceVersion"],
            "generation": metadata.get("generation", 1),
            "created": datetime.fromisoformat(metadata["creationTimestamp"]).astimezone(UTC).isoformat(),
            "labels": metadata.get("labels") or {},
            "finalizers": metadata.get("finalizers") or (),
            "deletionRequested": "deletionTimestamp" in metadata,
        },
        "spec": stands.get("spec") or {},
    }
    if stands.get("status"):
        document["status"] = _read(stands["status"])
    return of_document(kind, metadata["name"], document)


def _put(metadata: Object, record: Record) -> None:
    if record.metadata.labels:
        metadata["labels"] = dict(record.metadata.labels)
    if record.metadata.finalizers:
        metadata["finalizers"] = list(record.metadata.finalizers)


def _part(record: Record, part: str) -> dict[str, Any]:
    wire: dict[str, Any] = dict(record)[part].wire()
    return wire


def _since(condition: Object, before: Object | None, now: datetime) -> Object:
    if before is not None and before["status"] == condition["status"] and "lastTransitionTime" in before:
        return {**condition, "lastTransitionTime": before["lastTransitionTime"]}
    return {**condition, "lastTransitionTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _read(status: Object) -> Object:
    if "conditions" not in status:
        return status
    conditions = [
        {
            **{part: value for part, value in each.items() if part != "lastTransitionTime"},
            "status": _MEANT.get(each["status"]),
        }
        for each in status["conditions"]
    ]
    return {**status, "conditions": conditions}
