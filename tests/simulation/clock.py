"""Virtual time: an event loop that never waits, and processes that can be put to sleep in it.

When nothing is ready, the clock jumps to the next timer. There are no threads and no file descriptors, so the same
coroutines with the same random numbers do the same thing in the same order, every time.

Everything a simulated process starts runs in that process's context (a task inherits it, and so does a timer), and so
the loop knows whose each callback is. A process that is put to sleep, as SIGSTOP does, has its callbacks kept back in
their order, those of timers that fall due included; its own clock goes on. When it wakes, they all run.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

_OWNER: ContextVar["Process | None"] = ContextVar("owner", default=None)


TURNS = 500_000
"""Turns of the loop after which a run is ended: somebody runs in circles."""


LATE = 1e-6
"""Seconds by which a timer is late, as every timer is: what waits for the rest of a time must not wait for nothing."""


class StuckError(Exception):
    """Nothing is ready, and no timer will ever fall due; or something always is, and the clock stands."""


class Process:
    """What runs together, sleeps together and dies together."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        self.name = name
        self.asleep = False
        self.dead = False
        self.kept_back: list[asyncio.Handle] = []
        self._loop = loop
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run ``work`` as a part of this process."""
        context = copy_context()
        context.run(_OWNER.set, self)
        task = self._loop.create_task(work, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def call(self, work: Callable[[], None]) -> None:
        """Run ``work`` as a part of this process, soon."""
        context = copy_context()
        context.run(_OWNER.set, self)
        self._loop.call_soon(work, context=context)

    def sleep(self) -> None:
        """Do nothing until woken."""
        self.asleep = True
        self._loop.sleepers += 1

    def wake(self) -> None:
        """Go on with whatever has come up meanwhile."""
        if self.asleep:
            self.asleep = False
            self._loop.sleepers -= 1
            self._loop.give_back(self.kept_back)
            self.kept_back = []

    def kill(self) -> None:
        """End it. Its ports must do nothing for a dead process: its tasks still unwind."""
        self.dead = True
        self.wake()
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None and not self.dead:
            self._loop.failures.append(error)


class _Timer(asyncio.TimerHandle):
    """A callback that falls due: what a loop without threads and debugging needs of one, and no more."""

    __slots__ = ()

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self._callback, self._args, self._context = callback, args, context  # type: ignore[assignment]
        self._when, self._cancelled = when, False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is virtual, in seconds from 0.

    Half of what a simulated second costs is this loop, so it keeps its own queues: timers in a heap that compares
    numbers alone (those of one moment fall due in the order in which they were made), and a plain queue of what is
    ready.
    """

    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self.sleepers = 0
        self.failures: list[BaseException] = []
        """What ended a process that should not have ended."""
        self._now = 0.0
        self._turns = 0
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._made = 0
        self._due: deque[asyncio.Handle] = deque()

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = _Timer(self._now, callback, args, copy_context() if context is None else context)
        self._due.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _Timer(when, callback, args, copy_context() if context is None else context)
        self._made += 1
        heappush(self._timers, (when, self._made, handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_task(
        self, coro: Coroutine[Any, Any, T], *, name: object = None, context: Context | None = None
    ) -> "asyncio.Task[T]":
        return asyncio.Task(coro, loop=self, name=name or "", context=context)

    def give_back(self, handles: list[asyncio.Handle]) -> None:
        """Run what was kept back."""
        self._due.extend(handles)

    def _run_once(self) -> None:
        """All turns until the loop is stopped: what calls this would only ask for the next one."""
        while not self._stopping:
            self._turn()

    def _turn(self) -> None:
        self._turns += 1
        if self._turns == TURNS:
            raise StuckError(f"it runs in circles at {self._now:.4f}")
        timers, due = self._timers, self._due
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not due:
            if not timers:
                raise StuckError("nothing will ever happen any more")
            self._now = max(self._now, timers[0][0] + LATE)
        while timers and timers[0][0] <= self._now:
            due.append(heappop(timers)[2])
        for _ in range(len(due)):
            handle = due.popleft()
            if handle._cancelled:
                continue
            if self.sleepers and (owner := _owner(handle._context)) is not None and owner.asleep:
                owner.kept_back.append(handle)
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except Exception as error:  # noqa: BLE001 - as asyncio does: a callback that fails ends nothing
                self.call_exception_handler({"message": f"a callback failed: {handle!r}", "exception": error})

    def _process_events(self, event_list: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def _owner(context: Context) -> Process | None:
    return context.get(_OWNER)


def run(work: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run ``work`` to its end, then end whatever it left behind."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
