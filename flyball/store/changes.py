"""What a write makes of a record: the semantics that all stores share, pure.

Each function takes the stored record and the one in the writer's hands, and returns the record to store, or
the stored one itself when nothing changes. Time and identity are arguments; the revision is stamped by the
store that knows it. The caller holds the store's lock, so what is checked here still holds when it is written.

Watching is the mirror image: :func:`differences` tells what a watcher must hear so that what it knew becomes
what is.
"""

from collections.abc import Iterable, Iterator, Mapping

from flyball.errors import Code, InputError
from flyball.records import Metadata, Record
from flyball.store.codec import same
from flyball.store.port import Added, ConflictError, Deleted, Event, Modified, R


def born(record: R, uid: str, created: str) -> R:
    """The record as it is first stored: an identity of its own, generation 1 and no status yet."""
    metadata = Metadata(
        name=record.name,
        uid=uid,
        generation=1,
        created=created,
        labels=record.metadata.labels,
        finalizers=record.metadata.finalizers,
    )
    return type(record).model_validate({"metadata": metadata, "spec": dict(record)["spec"]})


def check_revision(current: Record, expected: str) -> None:
    """Raise :class:`ConflictError` unless ``current`` still has the revision that the writer read."""
    if current.metadata.revision != expected:
        raise ConflictError(
            Code.CONFLICT,
            f"{current.kind} {current.name!r} is at revision {current.metadata.revision}; "
            f"the write expected {expected or 'none: it carries no revision'}",
            "Read it again and decide anew.",
            current,
        )


def already_exists(current: Record) -> ConflictError:
    """The error for a name that is taken."""
    return ConflictError(
        Code.ALREADY_EXISTS,
        f"{current.kind} {current.name!r} exists already",
        "Edit the one that exists, or choose another name.",
        current,
    )


def with_spec(current: R, wanted: R) -> R:
    """The stored record under the wanted spec."""
    changed = current.model_copy(update={"spec": dict(wanted)["spec"]})
    if same(changed, current):
        return current
    generation = current.metadata.generation + 1
    return _with_metadata(changed, generation=generation)


def with_status(current: R, wanted: R) -> R:
    """The stored record under the wanted status."""
    changed = current.model_copy(update={"status": dict(wanted)["status"]})
    return current if same(changed, current) else changed


def with_metadata(current: R, wanted: R) -> R:
    """The stored record under the wanted labels and finalizers.

    :raises InputError: INVALID_RECORD when a finalizer is added to a record that is being deleted.
    """
    added = set(wanted.metadata.finalizers) - set(current.metadata.finalizers)
    if current.metadata.deletion_requested and added:
        raise InputError(
            Code.INVALID_RECORD,
            f"{current.kind} {current.name!r}: metadata.finalizers: it is being deleted, "
            f"so {', '.join(sorted(added))} cannot be added",
            "Finalizers of a record that is being deleted can only be taken off.",
        )
    changed = _with_metadata(current, labels=wanted.metadata.labels, finalizers=wanted.metadata.finalizers)
    return current if same(changed, current) else changed


def with_deletion(current: R) -> R:
    """The stored record with its deletion requested."""
    return _with_metadata(current, deletion_requested=True)


def is_gone(record: Record) -> bool:
    """Whether nothing holds a record back whose deletion was requested."""
    return record.metadata.deletion_requested and not record.metadata.finalizers


def differences(
    known: Mapping[str, R], now: Mapping[str, R], names: Iterable[str]
) -> Iterator[Added[R] | Modified[R] | Deleted[R]]:
    """What a watcher that knew ``known`` must be told of ``names``, given what there is ``now``.

    A record that was deleted and made anew under its name is both: Deleted, then Added.
    """
    for name in names:
        before, after = known.get(name), now.get(name)
        if after is None:
            if before is not None:
                yield Deleted(before)
        elif before is None:
            yield Added(after)
        elif before.metadata.uid != after.metadata.uid:
            yield Deleted(before)
            yield Added(after)
        elif before.metadata.revision != after.metadata.revision:
            yield Modified(after)


def apply(known: dict[str, R], event: Event[R]) -> None:
    """Bring ``known`` up to date with one event; for any watcher that keeps a cache."""
    match event:
        case Added(record) | Modified(record):
            known[record.name] = record
        case Deleted(record):
            known.pop(record.name, None)
        case _:
            pass


def _with_metadata(record: R, **update: object) -> R:
    return record.model_copy(update={"metadata": record.metadata.model_copy(update=update)})
