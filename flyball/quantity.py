"""Amounts as Kubernetes writes them: ``20Gi``, ``500m``, ``1.5``.

The notation is the API's own ("Quantity" in the Kubernetes API reference), without exponents: a decimal number and one
suffix, of thousands (k, M, G, T, P), of 1024 (Ki, Mi, Gi, Ti, Pi), or of a thousandth (m).
"""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from flyball.errors import Code, InputError

_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_FACTORS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTP", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTP", 1)},
}


def parse_quantity(text: str) -> Decimal:
    """The amount, in the unit itself: bytes, cores.

    :raises InputError: NOT_A_DURATION when the text is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            Code.NOT_A_DURATION,
            f"{text!r} is no quantity: expected a number with one of m, k, M, G, T, P, Ki, Mi, Gi, Ti, Pi behind it",
            "Write 20Gi, 500m or 2, say.",
        )
    return Decimal(found[1]) * _FACTORS[found[2] or ""]


def check_quantity(text: str) -> str:
    """Return ``text`` when it is a quantity; raise ``ValueError`` otherwise."""
    try:
        parse_quantity(text)
    except InputError as error:
        raise ValueError(error.message) from error
    return text


Quantity = Annotated[
    str,
    AfterValidator(check_quantity),
    WithJsonSchema({"type": "string", "pattern": f"^{_FORM.pattern}$", "maxLength": 32}),
]
"""An amount, kept as it was written."""
