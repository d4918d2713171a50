"""What failed a moment ago, and when it may be tried again. In memory: a new engine tries everything at once.

A member whose process ends by itself is started again at once the first time; from then on each restart rests
longer (jittered exponential backoff), until the member has run for :data:`CALM` seconds.
"""

from dataclasses import dataclass
from math import inf

from flyball.errors import Code, FlyballError
from flyball.stability import Backoff

CALM = 60.0
"""Seconds after which a start counts as a success that lasts."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something does not work, as a stable code and a text for people."""

    code: Code
    text: str


@dataclass(slots=True)
class _Attempt:
    count: int = 0
    last: float = -inf
    not_before: float = -inf
    trouble: Trouble | None = None


class Attempts:
    """The attempts by name: a member's, or a shard's.

    All times are seconds of one clock that only moves forward.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._attempts: dict[str, _Attempt] = {}

    def started(self, name: str, now: float) -> None:
        """It was started, or asked for; should it fail soon, the next attempt comes after a rest."""
        attempt = self._attempts.setdefault(name, _Attempt())
        attempt.count = 1 if now - attempt.last > CALM else attempt.count + 1
        attempt.last = now
        attempt.not_before = now + self._backoff.delay(attempt.count - 1) if attempt.count > 1 else now

    def failed(self, name: str, error: FlyballError, now: float) -> None:
        """It could not be done, and why."""
        attempt = self._attempts.setdefault(name, _Attempt())
        attempt.count += 1
        attempt.last = now
        attempt.not_before = now + self._backoff.delay(attempt.count)
        self.note(name, error)

    def note(self, name: str, error: FlyballError) -> None:
        """Keep why it does not work."""
        text = " ".join(f"{error.message}. Next: {error.next_step}".split())
        self._attempts.setdefault(name, _Attempt()).trouble = Trouble(error.code, text)

    def works(self, name: str) -> None:
        """It works; what was wrong is over."""
        if name in self._attempts:
            self._attempts[name].trouble = None

    def forget(self, name: str) -> None:
        """A person takes a hand: the next attempt may come at once."""
        self._attempts.pop(name, None)

    def restarts(self, name: str) -> int:
        """Starts in a row without a calm time between them."""
        attempt = self._attempts.get(name)
        return attempt.count if attempt else 0

    def rests(self, name: str, now: float) -> bool:
        """Whether it is too early for the next attempt."""
        attempt = self._attempts.get(name)
        return attempt is not None and now < attempt.not_before

    def trouble(self, name: str) -> Trouble | None:
        """What was wrong last."""
        attempt = self._attempts.get(name)
        return attempt.trouble if attempt else None
