"""Records as text, and back without losing anything.

The text is JSON with every field, in the models' order; equal records have equal texts. Reading is strict: a
field or a value that this version does not know means that a newer one wrote the record. Reading it all the
same would drop the field, and the next write would erase it for good, so such a record is refused as a whole.
"""

import json
from typing import Any

from pydantic import ValidationError

from flyball.errors import Code, FlyballError, StoreError
from flyball.records.base import API_VERSION, Record
from flyball.store.port import R

_NEWER = {"extra_forbidden", "enum", "literal_error"}
"""What pydantic calls a field or a value that the model does not know."""


def encode(record: Record) -> str:
    """The record as one line of JSON."""
    document = {"apiVersion": API_VERSION, "kind": record.kind, **record.model_dump(mode="json", by_alias=True)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def decode(kind: type[R], name: str, text: str) -> R:
    """The record that :func:`encode` made the text from.

    :param name: for the error.
    :raises StoreError: STORE_TOO_NEW when a newer version wrote it, STORE_CORRUPT when nobody can have.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _corrupt(kind, name, f"its text is no record ({error!r})") from error
    return of_document(kind, name, document)


def of_document(kind: type[R], name: str, document: dict[str, Any]) -> R:
    """The record of a document with an apiVersion and a kind, which it is stripped of; :raises StoreError: likewise."""
    try:
        version, of_kind = document.pop("apiVersion"), document.pop("kind")
    except (AttributeError, TypeError, KeyError) as error:
        raise _corrupt(kind, name, f"its text is no record ({error!r})") from error
    if of_kind != kind.kind:
        raise _corrupt(kind, name, f"its text is of kind {of_kind!r}")
    if version != API_VERSION:
        raise _too_new(kind, name, f"apiVersion: {version!r}, this version knows {API_VERSION}")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = next((e for e in error.errors() if e["type"] in _NEWER), error.errors()[0])
        seen = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        refuse = _too_new if first["type"] in _NEWER else _corrupt
        raise refuse(kind, name, seen) from error
    except FlyballError as error:
        raise _corrupt(kind, name, error.message) from error


def reread(record: R) -> R:
    """The record as a store gives it back: what :func:`decode` makes of what :func:`encode` makes, sooner."""
    kind = type(record)
    try:
        return kind.model_validate_json(record.model_dump_json(by_alias=True))
    except (ValueError, FlyballError):  # :func:`decode` says in its words what is wrong
        return decode(kind, record.name, encode(record))


def same(one: R, other: R) -> bool:
    """Whether two records have the same text. Two that differ mostly differ in its length, whatever its order."""
    text, others = one.model_dump_json(by_alias=True), other.model_dump_json(by_alias=True)
    return text == others or (len(text) == len(others) and encode(one) == encode(other))


def _too_new(kind: type[Record], name: str, seen: str) -> StoreError:
    return StoreError(
        Code.STORE_TOO_NEW,
        f"{kind.kind} {name!r} was written by a newer version: {seen}",
        "Upgrade this program; until then it leaves the record alone.",
    )


def _corrupt(kind: type[Record], name: str, seen: str) -> StoreError:
    return StoreError(
        Code.STORE_CORRUPT,
        f"{kind.kind} {name!r} cannot be read: {seen}",
        "Restore the store from a copy, or repair the record by hand.",
    )
