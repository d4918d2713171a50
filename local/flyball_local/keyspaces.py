"""The controller of keyspaces: observe, plan, act one step, record; one key a keyspace."""

import contextlib
import logging
from collections.abc import Callable
from random import Random

from flyball.conditions import conditions_of_failure, status_after
from flyball.controller import Deadlines, describe
from flyball.decision import Decision
from flyball.errors import FlyballError
from flyball.loop import Loop, Outcome
from flyball.overview import overview_of
from flyball.records import Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.stability import Backoff
from flyball.store import ConflictError, Records
from flyball_local import steps
from flyball_local.acts import Tools, act
from flyball_local.conditions import conditions_of, conditions_of_all
from flyball_local.observe import Observer
from flyball_local.plan import plan
from flyball_local.steps import Step
from flyball_local.view import Gone, KeyspaceView

logger = logging.getLogger(__name__)

DEADLINES = Deadlines(observe=30.0, act=900.0, record=30.0)
"""Seconds. The longest act is the initialisation of a template on a slow machine."""

INTERVAL = 2.0
"""Seconds between two looks when nothing happens; a process that ends and a record that changes are edges."""

View = KeyspaceView | Gone


class KeyspaceController:
    """What the engine does for each keyspace.

    :param observed: told of every view, for whoever watches the processes in it.
    """

    def __init__(self, tools: Tools, observed: Callable[[str, View], None]) -> None:
        self._tools = tools
        self._observer = Observer(tools.home, tools.records, tools.secrets, tools.attempts, tools.clock)
        self._observed = observed
        self._keyspaces: dict[str, Keyspace] = {}

    async def observe(self, key: str) -> View:
        """See :class:`flyball.loop.Controller`."""
        view = await self._observer.look(key)
        if isinstance(view, KeyspaceView):
            self._keyspaces[key] = view.keyspace
        else:
            self._keyspaces.pop(key, None)
        self._observed(key, view)
        return view

    def decide(self, key: str, view: View) -> Decision[Step]:
        """See :class:`flyball.loop.Controller`."""
        if isinstance(view, Gone):
            return Decision(f"no keyspace {key}", why="it is gone")
        return plan(view)

    async def act(self, key: str, step: Step) -> Outcome:
        """See :class:`flyball.loop.Controller`. A record that changed meanwhile is read again, and decided anew."""
        logger.info("%s", steps.in_words(step), extra={"keyspace": key, "step": type(step).__name__})
        try:
            return await act(self._tools, self._keyspaces[key], step)
        except ConflictError:
            return Outcome.CHANGED

    async def record(
        self, key: str, view: View | None, decision: Decision[Step], outcome: Outcome | Exception | None
    ) -> None:
        """See :class:`flyball.loop.Controller`."""
        if isinstance(view, Gone):
            return
        if isinstance(outcome, Exception):
            keyspace = await self._tools.records.get(Keyspace, key)
            code = outcome.code if isinstance(outcome, FlyballError) else None
            if keyspace is not None:
                conditions = conditions_of_failure(keyspace, code, describe(outcome))
                await self._write(keyspace, status_after(keyspace, conditions))
        elif view is not None and not (view.keyspace.metadata.deletion_requested and decision.step):
            overview = overview_of(view.keyspace, [view.shards.get(shard.name) for shard in view.desired])
            await self._write(view.keyspace, status_after(view.keyspace, conditions_of(view, decision), overview))

    async def _write(self, keyspace: Keyspace, status: KeyspaceStatus) -> None:
        if status == keyspace.status:
            return
        with contextlib.suppress(ConflictError):  # the next pass sees what changed, and says it then
            await self._tools.records.replace_status(keyspace.model_copy(update={"status": status}))


def keyspace_loop(controller: KeyspaceController, random: Random) -> Loop[str, View, Step]:
    """The loop that runs the controller."""
    return Loop(
        "keyspaces",
        controller,
        interval=INTERVAL,
        deadlines=DEADLINES,
        backoff=Backoff(0.5, 30.0, random),
        in_a_row=2000,
    )


async def say_of_all(records: Records, *, status: bool | None, reason: str, message: str) -> None:
    """Say the same of every keyspace: what was said before is not known to be true any more."""
    for keyspace in await records.list(Keyspace):
        conditions = conditions_of_all(keyspace, status=status, reason=reason, message=message)
        with contextlib.suppress(ConflictError):
            await records.replace_status(keyspace.model_copy(update={"status": status_after(keyspace, conditions)}))
