"""The page of records, from the models: every field with its type, its default and what it means."""

import inspect
from collections.abc import Iterator
from typing import Any

from flyball.records import Failover, Keyspace, Operation, Reshard, Shard
from flyball.records.base import API_VERSION, Metadata, Model, Record

KINDS: tuple[type[Record], ...] = (Keyspace, Shard, Failover, Operation, Reshard)


_ABOUT = (
    f"Every record has `apiVersion: {API_VERSION}`, a `kind`, `metadata`, a `spec` (what is wanted) and a `status` "
    "(what is). Unknown fields are refused. `flyball get KIND NAME` prints one; people write Keyspaces, Failovers and "
    "Operations (`flyball apply`), Shards are the engine's."
)


def page() -> str:
    """The page."""
    parts = [
        "# Records",
        "<!-- Written by tools/generate_reference.py from the code; edits here are lost. -->",
        _ABOUT,
        "## metadata",
        *_model(Metadata, set()),
    ]
    for kind in KINDS:
        parts += [f"## {kind.kind}", _story(kind)]
        seen: set[str] = set()
        for part in ("spec", "status"):
            model = kind.model_fields[part].annotation
            if isinstance(model, type) and issubclass(model, Model):
                parts += [f"### {kind.kind}.{part}", *_model(model, seen)]
    return "\n\n".join(parts) + "\n"


def _model(model: type[Model], seen: set[str]) -> Iterator[str]:
    """The model's story, its fields, then the models that they are made of, each once."""
    schema = model.model_json_schema(by_alias=True)
    yield from _fields(model.__doc__, schema)
    for name, part in schema.get("$defs", {}).items():
        if name in seen:
            continue
        seen.add(name)
        yield f"#### {name}"
        if "enum" in part:
            yield from (text for text in (_text(part.get("description")),) if text)
            yield "One of " + ", ".join(f"`{value}`" for value in part["enum"]) + "."
        else:
            yield from _fields(part.get("description"), part)


def _fields(story: str | None, schema: dict[str, Any]) -> Iterator[str]:
    if text := _text(story):
        yield text
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_type(field)} | {'required' if name in required else _default(field)} | "
        f"{_text(field.get('description')).replace('|', chr(92) + '|')} |"
        for name, field in schema.get("properties", {}).items()
    ]
    if rows:
        yield "\n".join(["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _story(kind: type[Record]) -> str:
    return _text(inspect.getdoc(kind))


def _text(story: str | None) -> str:
    """A docstring as running text, with Markdown's marks."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(story or "").split("\n\n")).replace(
        "``", "`"
    )


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"] if each.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        values = field.get("additionalProperties")
        return f"map to {_type(values)}" if isinstance(values, dict) else "map"
    limits = [f"{word} {field[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in field]
    return " ".join([str(field.get("type", "any")), *limits])


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value in (None, "", [], {}) or isinstance(value, dict | list):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
