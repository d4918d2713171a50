"""The network between places: delays, cuts in one direction, answers that are lost or come twice.

A place is a name: a member, ``t1`` (a replica of the topology service), ``store``, ``clients``. What is sent on a
connection that exists is not lost by a cut: the sender's kernel sends it again once the way is open, as TCP does, be
the one who asked still interested or not. So an act can land long after its deadline, which is the most dangerous
thing that a network does. A new connection needs the way open first, and leaves nothing behind where it is not.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, TypeVar

from flyball.errors import Code
from flyball.session import SessionLostError

T = TypeVar("T")

REMEMBERED = 15.0
"""Seconds after which a kernel gives a connection up that nobody answers."""

NOBODY = Context()
"""What is on its way belongs to no process, so none takes it along when it sleeps."""

Way = tuple[str, str]


@dataclass
class Network:
    """Who reaches whom, and how fast. Delays are in seconds."""

    loop: asyncio.AbstractEventLoop
    random: Random
    cuts: Counter[Way] = field(default_factory=Counter)
    slow: dict[Way, float] = field(default_factory=dict)
    """Ways that are slower than they should be: seconds on top."""
    deaf: Counter[Way] = field(default_factory=Counter)
    """Ways on which answers are lost: the connection breaks after the request was read."""
    echoes: Counter[Way] = field(default_factory=Counter)
    """Ways on which a request is read twice."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_change: list[Callable[[], None]] = field(default_factory=list)
    _known: set[tuple[str, str, str]] = field(default_factory=set)
    _last: dict[Way, float] = field(default_factory=dict)
    _held: dict[Way, list[tuple[float, Callable[[], None]]]] = field(default_factory=dict)

    # --- what the faults do -----------------------------------------------------------------------------

    def cut(self, *ways: Way) -> None:
        self.cuts.update(ways)
        self._tell()

    def heal(self, *ways: Way) -> None:
        """Open the ways again; what the kernels hold arrives now."""
        self.cuts.subtract(ways)
        for way in ways:
            if not self.cuts[way]:
                for since, arrive in self._held.pop(way, []):
                    if self.loop.time() - since < REMEMBERED:
                        self._later(way, arrive, self.random.uniform(0.0, 0.3))
        self._tell()

    def _tell(self) -> None:
        before, self.changed = self.changed, asyncio.Event()
        before.set()
        for tell in self.on_change:
            tell()

    # --- sending ----------------------------------------------------------------------------------------

    def is_open(self, source: str, target: str) -> bool:
        return not self.cuts[source, target]

    def both(self, one: str, other: str) -> bool:
        return not (self.cuts[one, other] or self.cuts[other, one])

    def send(self, source: str, target: str, arrive: Callable[[], None], *, kept: bool = True) -> None:
        """Have ``arrive`` called at the target after a delay; in order, and never while the way is cut."""
        if self.cuts[source, target]:
            if kept:
                self._hold((source, target), arrive)
            return
        self._later((source, target), arrive, 0.0, kept=kept)

    def _later(self, way: Way, arrive: Callable[[], None], extra: float, *, kept: bool = True) -> None:
        now = self.loop.time()
        delay = self.random.uniform(0.0001, 0.0008) + self.slow.get(way, 0.0) + extra
        at = self._last[way] = max(self._last.get(way, 0.0), now + delay)
        self.loop.call_at(at, self._arrive, way, arrive, kept, context=NOBODY)

    def _arrive(self, way: Way, arrive: Callable[[], None], kept: bool) -> None:
        if not self.cuts[way]:
            arrive()
        elif kept:
            self._hold(way, arrive)

    def _hold(self, way: Way, arrive: Callable[[], None]) -> None:
        self._held.setdefault(way, []).append((self.loop.time(), arrive))

    # --- asking -----------------------------------------------------------------------------------------

    async def ask(self, source: str, target: "Host", purpose: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have the target do ``work``, on the connection for ``purpose``; wait for the answer without end.

        :raises SessionLostError: nothing listens there, or the connection broke.
        """
        key = (source, target.name, purpose)
        while not (known := key in self._known) and not self.both(source, target.name):
            await self.changed.wait()
        self._known.add(key)
        answer: asyncio.Future[T] = self.loop.create_future()

        def replied(result: T | None, error: Exception | None) -> None:
            if not answer.done():
                if error is None:
                    answer.set_result(result)  # type: ignore[arg-type]
                else:
                    answer.set_exception(error)

        def reply(result: T | None, error: Exception | None) -> None:
            if self.deaf[target.name, source]:
                result, error = None, lost(target.name)
            self.send(target.name, source, lambda: replied(result, error))

        def arrive() -> None:
            if not target.is_up:
                self.send(target.name, source, lambda: replied(None, refused(target.name)))
            elif known or not target.is_stalled:
                target.serve(work, reply)
                if self.echoes[source, target.name]:
                    again = self.random.uniform(0.0, 2.0)
                    self.loop.call_later(again, self._echo, target, work, context=NOBODY)

        self.send(source, target.name, arrive)
        try:
            return await answer
        except (asyncio.CancelledError, SessionLostError):
            self._known.discard(key)
            raise

    @staticmethod
    def _echo(target: "Host", work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if target.is_up:
            target.serve(work, lambda result, error: None)


class Host(Protocol):
    """A place that answers."""

    @property
    def name(self) -> str: ...

    @property
    def is_up(self) -> bool: ...

    @property
    def is_stalled(self) -> bool:
        """Up, and nobody in it runs: no new connection gets as far as a login."""
        ...

    def serve(
        self, work: Callable[[], Coroutine[Any, Any, T]], reply: Callable[[T | None, Exception | None], None]
    ) -> None:
        """Do it, and reply; what ends the host breaks the connection instead."""
        ...


def lost(name: str) -> SessionLostError:
    return SessionLostError(Code.OUTCOME_UNKNOWN, f"the connection to {name} broke")


def refused(name: str) -> SessionLostError:
    error = SessionLostError(Code.MEMBER_UNREACHABLE, f"nothing listens at {name}")
    error.refused = True
    return error
