"""The routing of a keyspace: which shard serves which key range, once every shard reigns.

It is written once here, when a keyspace begins; resharding swaps it. One key a keyspace, on the same loop kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flyball import keyrange
from flyball.controller import Outcome
from flyball.decision import Decision
from flyball.errors import FlyballError
from flyball.records import Keyspace, Shard
from flyball.records.keyspace import ShardRoute
from flyball.store.port import Records, no_such


@dataclass(frozen=True, slots=True)
class RoutingView:
    """A keyspace and its shards."""

    keyspace: Keyspace
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class SetRouting:
    """The step: record the routing."""

    keyspace: Keyspace
    routes: tuple[ShardRoute, ...]

    def __str__(self) -> str:
        return f"route {self.keyspace.name} to {len(self.routes)} shard(s)"


def plan(view: RoutingView) -> Decision[SetRouting]:
    """Route to the serving shards once each has a primary and together they tile the keyspace ids."""
    wanted = f"{view.keyspace.name}: every keyspace id has a shard"
    if view.keyspace.status.routing:
        return Decision(wanted, why="the routing stands")
    serving = [shard for shard in view.shards if shard.spec.serving]
    waiting = [shard.name for shard in serving if not shard.status.reign.term]
    if waiting or not serving:
        return Decision(wanted, why="a shard without a primary serves nobody", awaited=tuple(waiting) or ("shards",))
    try:
        ranges = keyrange.tiles([keyrange.KeyRange.parse(shard.spec.range) for shard in serving])
    except FlyballError as error:
        return Decision(wanted, refused=(str(error),), why="the serving shards do not tile the keyspace ids")
    names = {keyrange.KeyRange.parse(shard.spec.range): shard.name for shard in serving}
    routes = tuple(ShardRoute(range=str(part), shard=names[part]) for part in ranges)
    return Decision(wanted, step=SetRouting(view.keyspace, routes), why="every shard has a primary")


class RoutingController:
    """Writes ``Keyspace.status.routing``."""

    def __init__(self, records: Records, shards: Callable[[str], tuple[Shard, ...]]) -> None:
        self._records = records
        self._shards = shards

    async def observe(self, key: str, /) -> RoutingView:
        """The keyspace and its shards."""
        keyspace = await self._records.get(Keyspace, key)
        if keyspace is None:
            raise no_such(Keyspace, key)
        if keyspace.status.routing:
            return RoutingView(keyspace, ())  # it stands, whatever becomes of the shards
        return RoutingView(keyspace, self._shards(key))

    def decide(self, key: str, view: RoutingView, /) -> Decision[SetRouting]:
        """The routing to record, if it is time."""
        return plan(view)

    async def act(self, key: str, step: SetRouting, /) -> Outcome:
        """Record it."""
        status = step.keyspace.status.model_copy(update={"routing": step.routes})
        await self._records.replace_status(step.keyspace.model_copy(update={"status": status}))
        return Outcome.WAITING

    async def record(
        self,
        key: str,
        view: RoutingView | None,
        decision: Decision[SetRouting],
        outcome: Outcome | Exception | None,
        /,
    ) -> None:
        """Nothing besides the routing itself."""
