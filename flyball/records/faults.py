"""What is wrong with a record, in its author's words.

pydantic knows where a record is wrong, in terms of its models; a user knows the manifest. This module turns
the one into the other: ``spec.tables.customer.shardBy`` instead of a tuple, "found true, a boolean" instead of
a type's name, the nearest known field beside an unknown one.
"""

import difflib
import json
import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flyball.errors import Code, FlyballError, InputError
from flyball.records.base import Record

_FIELDS = {
    Code.NOT_A_KEY_RANGE: "spec.ranges",
    Code.RANGES_DO_NOT_TILE: "spec.ranges",
    Code.BAD_USAGE: "spec.shards",
    Code.TOO_FEW_REPLICAS: "spec.replicas",
}
"""The field that a coded error from inside a model speaks of."""

_TYPES = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}


def of_validation(kind: type[Record], subject: str, error: ValidationError) -> InputError:
    """One error for everything that pydantic found, in the order of the fields."""
    faults = [_merged(kind, found) for found in _by_place(kind, error.errors(include_url=False))]
    is_name = all("is no DNS label" in fault for fault, _ in faults)
    return InputError(
        Code.NOT_A_NAME if is_name else Code.INVALID_RECORD,
        f"{subject}: " + "; ".join(fault for fault, _ in faults),
        " ".join(dict.fromkeys(hint for _, hint in faults)),
    )


def in_record(subject: str, error: FlyballError) -> InputError:
    """A coded error from inside a model, with the object and the field in front."""
    field = _FIELDS.get(error.code, "spec")
    message = error.message.removeprefix(f"{field.rpartition('.')[2]}: ")
    return InputError(error.code, f"{subject}: {field}: {message}", error.next_step)


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean NAME?`` when a known name is near; nothing otherwise."""
    lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[found[0]]}?" if found else ""


def _by_place(kind: type[Record], errors: list[ErrorDetails]) -> list[list[ErrorDetails]]:
    """The errors by the place they are about: a value that fits no part of a union has one for each part."""
    places: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(_place(kind, error["loc"]), []).append(error)
    return [[{**error, "loc": place} for error in found] for place, found in places.items()]


def _merged(kind: type[Record], errors: list[ErrorDetails]) -> tuple[str, str]:
    """What is wrong at one place, and what to do about it."""
    error = errors[0]
    path, seen = _path(error["loc"]), error["input"]
    match error["type"]:
        case "missing":
            return f"{path}: is missing", f"Give {path}."
        case "extra_forbidden":
            name, known = str(error["loc"][-1]), _names_at(kind, error["loc"][:-1])
            return f"{path}: no such field{nearest(name, known)}", f"Known there: {', '.join(known)}."
        case "value_error":
            return f"{path}: {error['msg'].removeprefix('Value error, ')}", f"Correct {path}."
    expected = " or ".join(dict.fromkeys(_expected(error) for error in errors))
    fault = f"{path}: found {_shown(seen)}, expected {expected}"
    if isinstance(seen, bool | int | float) and any(error["type"] == "string_type" for error in errors):
        return fault, f'Write {path} in quotes: YAML reads ON, yes and -80 as a boolean or a number, "-80" as a text.'
    return fault, f"Correct {path}."


def _expected(error: ErrorDetails) -> str:
    text = error["msg"].removeprefix("Input should be ")
    if error["type"] == "string_pattern_mismatch":
        return f"a text like {error['ctx']['pattern']}"
    return {
        "a valid string": "a text",
        "a valid integer": "a whole number",
        "a valid boolean": "true or false",
        "a valid tuple": "a list",
        "a valid array": "a list",
        "a valid dictionary": "an object",
        "an object": "an object",
    }.get(text, text)


def _shown(seen: object) -> str:
    kind = _TYPES.get(type(seen), "")
    text = json.dumps(seen, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:60] + "…"
    return f"{text}, {kind}" if kind else "nothing"


def _path(place: tuple[int | str, ...]) -> str:
    """``spec.users[0].name``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return path.removeprefix(".") or "the record"


def _place(kind: type[Record], loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of pydantic's location that the user wrote, without the tags of unions at its end."""
    at: Any = kind
    for length, part in enumerate(loc):
        if not any(_is_model(option) or get_origin(option) for option in _options(at)):
            return loc[:length]
        at = _inner(at, part)
    return loc


def _names_at(kind: type[Record], place: tuple[int | str, ...]) -> list[str]:
    """The fields that the object at that place may have."""
    at: Any = kind
    for part in place:
        at = _inner(at, part)
    model = next((option for option in _options(at) if _is_model(option)), None)
    names = [] if model is None else [field.alias or name for name, field in model.model_fields.items()]
    return [name for name in names if place != ("metadata",) or name in {"name", "labels"}]


def _inner(at: Any, part: int | str) -> Any:  # noqa: ANN401 - walks type annotations
    """The type of ``part`` inside the type ``at``; None where nothing is inside."""
    for option in _options(at):
        if _is_model(option):
            for name, field in option.model_fields.items():
                if part in {name, field.alias}:
                    return field.annotation
        elif get_origin(option) in {dict, tuple, list}:
            return get_args(option)[1 if get_origin(option) is dict else 0]
    return None


def _options(at: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return get_args(at) if get_origin(at) in {Union, types.UnionType} else (at,)


def _is_model(option: Any) -> bool:  # noqa: ANN401
    return isinstance(option, type) and issubclass(option, BaseModel)
