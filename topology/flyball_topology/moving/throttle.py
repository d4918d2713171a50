"""How fast a source may be read: not so fast that its replicas fall behind, or that old versions of rows pile up.

A consistent snapshot keeps the versions of rows that it may still ask for, so the history list grows while the
application writes; and reading takes the disk from the applier. Both are looked at once a second, and the pause before
each chunk grows or shrinks by what is seen: pure, as any decision.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may show before it is given rest.

    :param lag: seconds that its applier is behind.
    :param history: undo log records that wait for purge (InnoDB's ``trx_rseg_history_len``).
    """

    lag: float = 10.0
    history: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """What a source shows; ``None`` where it is not known."""

    lag: float | None = None
    history: int | None = None


LEAST, MOST = 0.05, 5.0
"""Seconds of a pause."""


def pause(load: Load, limits: Limits, before: float) -> float:
    """The pause before each chunk, in seconds, given the one so far: doubled while a limit is exceeded, else halved."""
    if reason(load, limits):
        return min(MOST, max(LEAST, before * 2))
    return before / 2 if before > LEAST else 0.0


def reason(load: Load, limits: Limits) -> str:
    """Why it is slowed down; empty when it is not."""
    if load.lag is not None and load.lag > limits.lag:
        return f"replication is {load.lag:.0f} s behind, more than {limits.lag:.0f}"
    if load.history is not None and load.history > limits.history:
        return f"{load.history:,} undo records wait for purge, more than {limits.history:,}"
    return ""
