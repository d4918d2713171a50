"""A record's model as a structural schema: the OpenAPI that the Kubernetes API understands, and nothing it does not.

pydantic writes JSON Schema with references, titles and alternatives; a structural schema has none of them. An optional
field is one that may be left out; a text or a number is ``int-or-string``; a class's story becomes the description that
``kubectl explain`` shows. Fields of a spec carry their defaults, so that what a keyspace means does not change with the
version of the program that reads it; a status has none, it is what was written.
"""

import inspect
from enum import Enum
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

KEYED = {
    "conditions": ["type"],
    "members": ["name"],
    "users": ["name"],
    "routing": ["range"],
    "sources": ["range"],
    "targets": ["range"],
    "progress": ["table"],
    "diverged": ["name"],
}
"""Lists whose items are told apart by these fields: two of the same are refused, and appliers may share the list."""

_KEPT = ("enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def of_model(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The structural schema of a model."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _Conversion(whole.get("$defs", {}), defaults=defaults).of(whole)


def story(of: type[Any]) -> str:
    """What a class says about itself, as plain text."""
    return plain(inspect.cleandoc(of.__doc__ or ""))


def plain(text: str) -> str:
    """A docstring's text without its marks, a paragraph a line."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n".join(paragraphs).replace("``", "`")


class _Conversion:
    """One model's conversion.

    :param definitions: what references refer to.
    """

    def __init__(self, definitions: dict[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def of(self, source: Schema, name: str = "") -> Schema:
        """The structural form of one schema, the field ``name``'s."""
        source = self._resolved(source)
        options = [option for option in source.pop("anyOf", []) if option.get("type") != "null"]
        if {option.get("type") for option in options} == {"string", "integer"}:
            result: Schema = {"x-kubernetes-int-or-string": True}
        elif len(options) == 1:
            return self.of({**source, **self._resolved(options[0])}, name)
        elif options:
            raise ValueError(f"{name}: a structural schema has no alternatives: {options}")
        else:
            result = self._typed(source, name)
        if "description" in source:
            result = {"description": plain(source["description"]), **result}
        default = _default(source.get("default"))
        if self._defaults and default is not None:
            result["default"] = default
        return result

    def _resolved(self, source: Schema) -> Schema:
        """The schema with its reference followed; what stands beside the reference has the last word."""
        source = dict(source)
        reference = source.pop("$ref", None)
        if reference is None:
            return source
        return {**self._resolved(self._definitions[reference.rpartition("/")[2]]), **source}

    def _typed(self, source: Schema, name: str) -> Schema:
        kind = source.get("type")
        result: Schema = {"type": kind, **{key: source[key] for key in _KEPT if key in source}}
        if "const" in source:
            result["enum"] = [source["const"]]
        match kind:
            case "object" if "properties" in source:
                result["properties"] = {key: self.of(inner, key) for key, inner in source["properties"].items()}
                if source.get("required"):
                    result["required"] = sorted(source["required"])
            case "object":
                result["additionalProperties"] = self.of(source["additionalProperties"])
            case "array":
                result["items"] = self.of(source["items"])
                if name in KEYED and result["items"].get("type") == "object":
                    result["x-kubernetes-list-type"] = "map"
                    result["x-kubernetes-list-map-keys"] = KEYED[name]
                    required = {*result["items"].get("required", ()), *KEYED[name]}
                    result["items"]["required"] = sorted(required)
            case "integer":
                result["format"] = "int64"
            case "string" | "number" | "boolean":
                pass
            case _:
                raise ValueError(f"{name}: no structural schema for {source}")
        return result


def _default(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A default without what is not set or empty; None when nothing is left."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        value = {key: _default(inner) for key, inner in value.items()}
        value = {key: inner for key, inner in value.items() if inner is not None}
    return None if value in ("", [], {}) else value
