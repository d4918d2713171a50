"""The record store's port: what a component may ask of the place where the records live.

Components talk to each other through records only, and many of them write at once. So every write is a
compare-and-swap: a writer reads a record, makes a new one from it (``record.model_copy(update=...)``) and
hands that back; the revision inside says what was read. If someone else was first, the write changes nothing
and raises :class:`ConflictError` with the record as it is now; the writer goes on only if its premises still
hold. Spec, status and metadata are replaced by calls of their own, and each takes its own part only: a
status writer never touches a spec, however old the copy in its hands.

What every adapter promises, and the contract test checks:

- ``uid`` and ``created`` are given at birth; what the caller put there is ignored, and so is a status.
- ``revision`` is opaque and new after each write; ``generation`` starts at 1 and counts changes of the spec.
- A write that changes nothing writes nothing: no new revision, no event. The revision is checked even so.
- A record with finalizers outlives its deletion: ``deletion_requested`` is set, and it vanishes when the last
  finalizer is taken off. From then on finalizers can only be taken off.
- A record that a newer version wrote is refused (STORE_TOO_NEW), never read with fields missing.
- :attr:`~flyball.errors.Code.STORE_AWAY` from a write means *unknown*: it may have landed. Read until it is
  known; never undo on unknown (rule 8).

A lease names one holder among processes. Its term rises by one with each acquisition and never repeats. No
two clocks are compared: a waiting process takes a lease over only after it has itself seen the same lease
record unchanged for the holder's ``ttl`` on its own monotonic clock, starting from its own first look. A
released lease goes to the next one at once.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from flyball.errors import Code, FlyballError, InputError, StoreError
from flyball.records import Keyspace, Record

R = TypeVar("R", bound=Record)


class ConflictError(StoreError):
    """The record changed since it was read (CONFLICT), or its name is taken (ALREADY_EXISTS).

    :ivar current: the record as it is now.
    """

    def __init__(self, code: Code, message: str, next_step: str, current: Record) -> None:
        super().__init__(code, message, next_step)
        self.current = current


def no_such(kind: type[Record], name: str) -> InputError:
    """The error for a record that does not exist."""
    return InputError(
        Code.NO_SUCH_OBJECT, f"{kind.kind} {name!r} does not exist", f"List what there is: every {kind.kind}."
    )


@dataclass(frozen=True, slots=True)
class Selector:
    """Which records of a kind are meant; what is left out does not restrict.

    :param name: the record's own name.
    :param keyspace: the keyspace it belongs to: ``spec.keyspace``, or a Keyspace's own name.
    :param labels: labels that it must carry with exactly these values.
    """

    name: str | None = None
    keyspace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, record: Record) -> bool:
        """Whether ``record`` is meant."""
        if self.name is not None and record.name != self.name:
            return False
        if self.keyspace is not None and keyspace_of(record) != self.keyspace:
            return False
        return all(record.metadata.labels.get(key) == value for key, value in self.labels.items())


ALL = Selector()
"""Every record of a kind."""


def keyspace_of(record: Record) -> str | None:
    """The keyspace that a record belongs to; None for a kind that belongs to none."""
    if isinstance(record, Keyspace):
        return record.name
    keyspace: str | None = getattr(dict(record).get("spec"), "keyspace", None)
    return keyspace


@dataclass(frozen=True, slots=True)
class Added(Generic[R]):
    """A record that is new to the watcher, be it because the watch has just begun."""

    record: R


@dataclass(frozen=True, slots=True)
class Modified(Generic[R]):
    """A record as it is now; versions between may have been skipped."""

    record: R


@dataclass(frozen=True, slots=True)
class Deleted(Generic[R]):
    """A record as the watcher last knew it; it is gone, or no longer matches the selector."""

    record: R


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that exists but cannot be read; keep what was known of it, and say so.

    One such record never ends a watch: the others of its kind go on.
    """

    name: str
    error: FlyballError


@dataclass(frozen=True, slots=True)
class Synced:
    """The snapshot is complete: what the watcher has not been told of by now did not exist. Comes once."""


Event = Added[R] | Modified[R] | Deleted[R] | Unreadable | Synced
"""What a watch yields."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease held.

    :param name: what is leased.
    :param holder: who holds it; unique for each process, restarts included.
    :param term: higher than that of every holder before.
    :param ttl: seconds without renewal after which others may take over.
    :param good_until: on the holder's monotonic clock; counted from *before* the last renewal was sent, so no
        other process can hold the lease earlier. A holder that cannot renew stops acting by then.
    """

    name: str
    holder: str
    term: int
    ttl: float
    good_until: float


class Records(Protocol):
    """Where the records live. All methods raise :class:`StoreError` when the store fails them."""

    async def get(self, kind: type[R], name: str) -> R | None:
        """The record of that name, or None: not being there is an answer, not a failure."""
        ...

    async def list(self, kind: type[R], where: Selector = ALL) -> tuple[R, ...]:
        """The records that match, by name. One that cannot be read fails the call: no partial answers."""
        ...

    async def create(self, record: R) -> R:
        """Create the record and return it as stored.

        :raises ConflictError: ALREADY_EXISTS.
        """
        ...

    async def replace_spec(self, record: R) -> R:
        """Replace the spec if the stored revision is still the record's; returns the record as stored.

        :raises ConflictError: CONFLICT.
        :raises InputError: NO_SUCH_OBJECT.
        """
        ...

    async def replace_status(self, record: R) -> R:
        """Replace the status, likewise."""
        ...

    async def replace_metadata(self, record: R) -> R:
        """Replace labels and finalizers, likewise; what else the metadata says is not the caller's.

        Taking off the last finalizer of a record whose deletion was requested removes it; the record is
        returned as it was last.

        :raises InputError: INVALID_RECORD when it would add a finalizer to a record that is being deleted.
        """
        ...

    async def delete(self, kind: type[Record], name: str, expected: str | None = None) -> None:
        """Delete the record, or request it while finalizers hold it back; asking again changes nothing.

        :param expected: the revision that must still stand; any when None.
        :raises ConflictError: CONFLICT.
        :raises InputError: NO_SUCH_OBJECT.
        """
        ...

    def watch(self, kind: type[R], where: Selector = ALL) -> AsyncGenerator[Event[R], None]:
        """Everything that matches (Added …, then one Synced), then every change, until closed.

        It resumes by itself after the store was away, and after it fell behind, by listing again and telling
        the difference. Close it (``contextlib.aclosing``) when you stop reading early.
        """
        ...

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """Wait until the lease is ours. Give the wait a limit with ``asyncio.timeout`` if it needs one.

        :param ttl: seconds; renew at a third of it.
        """
        ...

    async def renew(self, lease: Lease) -> Lease:
        """Keep the lease for another ``ttl``.

        :raises StoreError: LEASE_LOST when another process holds it, or it was released.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Let the next one in at once. Does nothing when the lease was lost already."""
        ...

    async def close(self) -> None:
        """End every watch and let go of the store."""
        ...
