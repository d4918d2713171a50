"""Writing to a cluster whose definitions are older than this program.

Every field of a record is written, with its default where it has no other value, and writes are strict: a server
whose definitions do not have a field yet refuses the whole write. Helm replaces the definitions with the chart, but who
installs them apart may be late, and nobody must be without failovers meanwhile.

So a field that the server does not know is left out where the record says the same without it: it has its default, or
only people read it (``Record.shown``). Anything else was meant, and may be what keeps a write from being lost: it is
never dropped in silence, and the write fails by a code that names what to do.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass

from flyball.errors import ClusterError, Code, StoreError
from flyball.kubernetes import Object
from flyball.records import Record
from flyball.store import kubernetes_objects as objects

logger = logging.getLogger(__name__)

ASK_AGAIN = 300.0
"""Seconds after which a field is offered again to a server that did not know it."""

_UNKNOWN = re.compile(r'unknown field "([^"]+)"')
_NEXT = "Install this version's definitions (the chart with crds.install=true, or kubectl apply -f crds/)."


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Fields that the server did not know, as paths with ``[]`` for every item of a list, and until when."""

    paths: frozenset[str]
    until: float


class Definitions:
    """What is known of the definitions of one server.

    :param clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lacking: dict[str, _Lacking] = {}

    async def write(self, kind: type[Record], wanted: Object, write: Callable[[Object], Awaitable[Object]]) -> Object:
        """Write the object of a record, as far as the server's definitions go.

        :raises StoreError: DEFINITIONS_OLD where they lack something that the record means.
        :raises ClusterError: as ``write`` does.
        """
        lacking = self._lacking.get(kind.kind)
        paths = lacking.paths if lacking is not None and self._clock() < lacking.until else frozenset()
        try:
            return await write(_without(kind, wanted, paths))
        except ClusterError as error:
            unknown = frozenset(re.sub(r"\[\d+\]", "[]", path) for path in _UNKNOWN.findall(error.message))
            if error.code is not Code.API_INVALID or not unknown - paths:
                raise
            less = _without(kind, wanted, paths | unknown)
            logger.warning("%s: the cluster's definition lacks %s. %s", kind.kind, ", ".join(sorted(unknown)), _NEXT)
        self._lacking[kind.kind] = _Lacking(paths | unknown, self._clock() + ASK_AGAIN)
        return await write(less)


def _without(kind: type[Record], wanted: Object, paths: Iterable[str]) -> Object:
    """The object without these fields, where it means the same."""
    less = wanted
    for path in sorted(paths):
        tried = deepcopy(less)
        _drop(tried, path.replace("[]", ".[]").split("."))
        if tried == less:
            continue
        if not _is_shown(kind, path) and not _means_the_same(kind, less, tried):
            raise StoreError(
                Code.DEFINITIONS_OLD,
                f"{kind.kind} {wanted['metadata']['name']!r}: {path} cannot be kept: the cluster's definition of "
                f"{kind.kind} is older than this program, and lacks it",
                _NEXT,
            )
        less = tried
    return less


def _drop(thing: object, path: list[str]) -> None:
    first, *rest = path
    if first == "[]":
        for item in thing if isinstance(thing, list) else ():
            _drop(item, rest)
    elif isinstance(thing, dict):
        if rest:
            _drop(thing.get(first), rest)
        else:
            thing.pop(first, None)


def _is_shown(kind: type[Record], path: str) -> bool:
    part, _, field = path.partition(".")
    return part == "status" and field.partition(".")[0] in kind.shown


def _means_the_same(kind: type[Record], one: Object, other: Object) -> bool:
    said = _read(kind, one)
    return said is not None and said == _read(kind, other)


def _read(kind: type[Record], thing: Object) -> Record | None:
    """The record in an object that may not have been created yet; None where a part is missing that has no default."""
    given = {"uid": "", "resourceVersion": "", "creationTimestamp": "2000-01-01T00:00:00Z", **thing["metadata"]}
    try:
        return objects.of_object(kind, {**thing, "metadata": given})
    except StoreError:
        return None
