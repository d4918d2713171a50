"""Durations as people write them: ``30s``, ``15m``, ``24h``, ``7d``, ``1h30m``."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from flyball.errors import Code, InputError

_FORM = re.compile(r"(?=[0-9])(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?", re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)


def parse_duration(text: str) -> float:
    """The duration in seconds.

    :raises InputError: NOT_A_DURATION when the text is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            Code.NOT_A_DURATION,
            f"{text!r} is no duration: expected whole numbers of d, h, m and s, the largest first",
            "Write 30s, 15m, 24h or 1h30m, say.",
        )
    return float(sum(int(part or 0) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True)))


def check_duration(text: str) -> str:
    """Return ``text`` when it is a duration; raise ``ValueError`` otherwise."""
    try:
        parse_duration(text)
    except InputError as error:
        raise ValueError(error.message) from error
    return text


Duration = Annotated[
    str,
    AfterValidator(check_duration),
    WithJsonSchema(
        {"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2, "maxLength": 32}
    ),
]
"""A duration, kept as it was written."""
