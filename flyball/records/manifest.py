"""Manifests: records as people write them, in YAML or JSON, several to a text.

Reading is as strict as a Kubernetes API server with strict field validation, so that a manifest which works on
a laptop works in a cluster: no unknown fields, no text where a number belongs, no ``ON`` that YAML has made a
boolean. Each fault becomes an :class:`~flyball.errors.InputError` that names the object, the field as the user
wrote it, what was seen and what was expected (``faults.py``).

What only a store or a controller may say is dropped, so that the output of ``get -o yaml`` can be edited and
applied: the status, and of the metadata all but name and labels. Finalizers are dropped too: they belong to
the controllers, and whoever applies a manifest keeps those that stand.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from flyball.errors import Code, FlyballError, InputError
from flyball.records import KINDS
from flyball.records.base import API_VERSION, Record
from flyball.records.faults import in_record, nearest, of_validation

NOT_THE_USERS = {
    *("uid", "revision", "generation", "created", "finalizers", "deletionRequested"),
    *("resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    *("managedFields", "selfLink", "ownerReferences"),
}
"""Metadata that a manifest may carry and that is not the user's to say; the last two lines are Kubernetes'."""


def load(text: str, source: str = "manifest") -> tuple[Record, ...]:
    """The records in ``text``, in order; at least one.

    :param source: where the text is from, a file's name say; for errors.
    :raises InputError: what is wrong with the first record that has a fault, all of its faults together.
    """
    records: list[Record] = []
    for place, document in _flat(_documents(text, source), source):
        record = _record(document, place)
        if any((record.kind, record.name) == (other.kind, other.name) for other in records):
            raise InputError(
                Code.INVALID_RECORD,
                f"{place}: {record.kind} {record.name!r} stands there twice",
                "Keep one of the two.",
            )
        records.append(record)
    if not records:
        raise InputError(
            Code.INVALID_RECORD,
            f"{source}: holds no record",
            f"Write one that starts with apiVersion: {API_VERSION} and a kind: {', '.join(KINDS)}.",
        )
    return tuple(records)


def dump_yaml(records: Iterable[Record]) -> str:
    """The records as YAML, a document each."""
    documents = [record.document() for record in records]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, explicit_start=len(documents) > 1)


def dump_json(records: Iterable[Record]) -> str:
    """The records as JSON: one object, or a List of them."""
    documents = [record.document() for record in records]
    whole = documents[0] if len(documents) == 1 else {"apiVersion": "v1", "kind": "List", "items": documents}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


class _Loader(yaml.SafeLoader):
    """YAML's JSON-like part: no dates, and a key that stands twice is an error instead of the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands there twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _documents(text: str, source: str) -> Iterator[tuple[str, object]]:
    """Each document of the text with its place in words."""
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = source if mark is None else f"{source}, line {mark.line + 1}, column {mark.column + 1}"
        raise InputError(
            Code.INVALID_RECORD,
            f"{place}: {error.problem or error.context}",
            "Correct the YAML there; the mistake may be on the line before.",
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(Code.INVALID_RECORD, f"{source}: is no YAML: {error}", "Give a text file.") from error
    for number, document in enumerate(documents, 1):
        yield (source if len(documents) == 1 else f"{source}, document {number}"), document


def _flat(documents: Iterable[tuple[str, object]], source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents, with the items of a List in its place."""
    for place, document in documents:
        if not isinstance(document, dict):
            raise InputError(
                Code.INVALID_RECORD,
                f"{place}: found {document!r:.60}, expected an object with apiVersion, kind, metadata and spec",
                "Write fields as `name: value`.",
            )
        items = document.get("items")
        if document.get("kind") == "List" and isinstance(items, list):
            yield from _flat(((f"{place}, item {number}", item) for number, item in enumerate(items, 1)), source)
        else:
            yield place, document


def _record(document: dict[str, Any], place: str) -> Record:
    kind = _kind(document, place)
    metadata = document.get("metadata")
    fields = {key: value for key, value in document.items() if key not in {"apiVersion", "kind", "status"}}
    name = None
    if isinstance(metadata, dict):
        name = metadata.get("name")
        fields["metadata"] = {key: value for key, value in metadata.items() if key not in NOT_THE_USERS}
    subject = f"{kind.kind} {name!r}" if isinstance(name, str) else f"{place}: {kind.kind}"
    try:
        text = json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            Code.INVALID_RECORD, f"{subject}: holds what JSON cannot: {error}", "Use texts, numbers, lists and objects."
        ) from error
    try:
        # As JSON, because strictness there means what JSON's own types mean: a list may become a tuple, a text
        # an enum's member, but true never 1 and "2" never 2. By alias alone, as in a cluster.
        return kind.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        raise of_validation(kind, subject, error) from error
    except FlyballError as error:
        raise in_record(subject, error) from error


def _kind(document: dict[str, Any], place: str) -> type[Record]:
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or kind not in KINDS:
        seen = "is missing" if kind is None else f"found {kind!r}"
        raise InputError(
            Code.INVALID_RECORD,
            f"{place}: kind: {seen}, expected one of {', '.join(KINDS)}{nearest(str(kind), KINDS)}",
            "Correct the kind.",
        )
    if version != API_VERSION:
        seen = "is missing" if version is None else f"found {version!r}"
        raise InputError(
            Code.INVALID_RECORD,
            f"{place}: {kind}: apiVersion: {seen}, expected {API_VERSION}",
            f"Write apiVersion: {API_VERSION}.",
        )
    return KINDS[kind]
