"""The controller of keyspaces: observe, plan, act one step, record; one key a keyspace."""

import contextlib
import logging
from collections.abc import Callable
from random import Random

from flyball.conditions import conditions_of_failure, status_after
from flyball.controller import Deadlines, describe
from flyball.decision import Decision
from flyball.errors import FlyballError
from flyball.loop import Loop, LoopHooks, Outcome
from flyball.overview import overview_of
from flyball.records import Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.stability import Backoff
from flyball.store import ConflictError, Records
from flyball_operator import steps
from flyball_operator.acts import Tools, act
from flyball_operator.conditions import conditions_of
from flyball_operator.observe import Observer
from flyball_operator.plan import plan
from flyball_operator.steps import Step
from flyball_operator.view import Gone, KeyspaceView

logger = logging.getLogger(__name__)

DEADLINES = Deadlines(observe=30.0, act=30.0, record=10.0)
"""Seconds. Every step is a few calls to the API; nothing waits in one."""

INTERVAL = 20.0
"""Seconds between two looks when nothing happens; a pod or a record that changes is an edge."""

View = KeyspaceView | Gone


class KeyspaceController:
    """What the operator does for each keyspace.

    :param glances: whether a glance is cheaper than a look, and comes first.
    :param took: is told of every step that was taken.
    """

    def __init__(
        self,
        observer: Observer,
        tools: Tools,
        records: Records,
        took: Callable[[str, Step], None] | None = None,
        *,
        glances: bool = False,
    ) -> None:
        self._observer = observer
        self._tools = tools
        self._records = records
        self._took = took
        self._glances = glances
        self._told: set[str] = set()
        self._keyspaces: dict[str, Keyspace] = {}
        self._not_kept: dict[str, tuple[KeyspaceStatus, KeyspaceStatus]] = {}
        """What a store with older definitions made nothing of: the status that stands, and the one that was written."""

    def tell(self, key: str) -> None:
        """Something of the keyspace has changed: the next look is at the server, which knows it for certain."""
        self._told.add(key)

    async def observe(self, key: str) -> View:
        """What there is; what watches have told suffices where it says that there is nothing to do, or to say.

        So no step is taken and no status written on the word of a watch, which may be a moment late. Endpoints that
        have to move are found by three questions, and moved before the other dozen are asked.
        """
        told = key in self._told
        self._told.discard(key)
        view = None if told or not self._glances else await self._observer.glance(key)
        if view is None or not self._is_quiet(key, view):
            view = await self._observer.look_at_endpoints(key) if self._glances else None
            if view is None or not isinstance(self.decide(key, view).step, steps.MarkPods):
                view = await self._observer.look(key)
        if isinstance(view, KeyspaceView):
            self._keyspaces[key] = view.keyspace
        else:
            self._keyspaces.pop(key, None)
            self._not_kept.pop(key, None)
        return view

    def decide(self, key: str, view: View) -> Decision[Step]:
        """See :class:`flyball.loop.Controller`."""
        if isinstance(view, Gone):
            return Decision(f"no keyspace {key}", why="it is gone")
        return plan(view)

    async def act(self, key: str, step: Step) -> Outcome:
        """See :class:`flyball.loop.Controller`."""
        logger.info("%s", steps.in_words(step), extra={"keyspace": key, "step": type(step).__name__})
        outcome = await act(self._tools, self._keyspaces[key], step)
        if self._took is not None:
            self._took(key, step)
        return outcome

    async def record(
        self, key: str, view: View | None, decision: Decision[Step], outcome: Outcome | Exception | None
    ) -> None:
        """See :class:`flyball.loop.Controller`."""
        if isinstance(view, Gone):
            return
        if isinstance(outcome, Exception):
            keyspace = await self._records.get(Keyspace, key)
            code = outcome.code if isinstance(outcome, FlyballError) else None
            if keyspace is not None:
                conditions = conditions_of_failure(keyspace, code, describe(outcome))
                await self._write(keyspace, status_after(keyspace, conditions))
        elif view is not None and not isinstance(decision.step, (*steps.RELEASES, steps.MarkPods)):
            await self._write(view.keyspace, _status(view, decision))

    def _is_quiet(self, key: str, view: View) -> bool:
        """Whether the view gives no cause for a step or a word."""
        if isinstance(view, Gone):
            return False
        decision = self.decide(key, view)
        return decision.step is None and self._is_told(view.keyspace, _status(view, decision))

    async def _write(self, keyspace: Keyspace, status: KeyspaceStatus) -> None:
        if self._is_told(keyspace, status):
            return
        with contextlib.suppress(ConflictError):  # the next pass sees what changed, and says it then
            stands = await self._records.replace_status(keyspace.model_copy(update={"status": status}))
            if stands.status != status:
                self._not_kept[keyspace.name] = stands.status, status

    def _is_told(self, keyspace: Keyspace, status: KeyspaceStatus) -> bool:
        return status == keyspace.status or self._not_kept.get(keyspace.name) == (keyspace.status, status)


def _status(view: KeyspaceView, decision: Decision[Step]) -> KeyspaceStatus:
    shards = [view.shards.get(shard.name) for shard in view.desired]
    return status_after(view.keyspace, conditions_of(view, decision), overview_of(view.keyspace, shards))


def keyspace_loop(
    controller: KeyspaceController, random: Random, hooks: LoopHooks | None = None
) -> Loop[str, View, Step]:
    """The loop that runs the controller."""
    return Loop(
        "keyspaces",
        controller,
        interval=INTERVAL,
        deadlines=DEADLINES,
        backoff=Backoff(0.5, 30.0, random),
        in_a_row=500,
        hooks=hooks,
    )
