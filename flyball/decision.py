"""What one pass of a controller decided, and why: the sentence that ``flyball explain`` prints.

Every pass leaves one, also the pass that does nothing and the pass that failed: a controller that cannot
say why it does nothing is broken. A decision carries no time stamp, no counter and no live figure, so two
passes over the same state leave equal decisions, and an equal decision is not written again: status changes
only when the state does. What moves by itself (ages, attempts, the next attempt's time) is the loop's
:class:`flyball.loop.KeyState`.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

S_co = TypeVar("S_co", covariant=True)
"""A controller's steps: an enum or a union of frozen dataclasses, compared by value."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[S_co]):
    """The outcome of deciding: at most one step, with the reasons for and against."""

    wanted: str
    """The set point, in one line."""

    seen: tuple[str, ...] = ()
    """What was observed that matters: findings, as text."""

    step: S_co | None = None
    """The one step chosen; None when there is nothing to do, or nothing that may be done now."""

    refused: tuple[str, ...] = ()
    """Steps that were considered and refused, each with its reason."""

    why: str = ""
    """Why this step, or why none."""

    awaited: tuple[str, ...] = ()
    """What the controller waits for, when it waits."""

    again: float | None = None
    """Seconds until the next pass is needed even without an edge; None leaves it to the interval.

    It is a property of the state (a deadline of 3 s gives 3.0), not a countdown: a countdown would differ
    at each pass.
    """
