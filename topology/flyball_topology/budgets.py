"""Budgets: how many voluntary disruptive steps may be in flight, for a shard, a keyspace and the fleet.

A *move* is a planned change of primary, a *clone* a member made anew. What a budget refuses is asked again at the next
look, and the decision says so. Failovers have none of that kind: waiting costs writes. Where very many are due at once
they take turns (``FAILOVERS``), since then each but the last is over sooner; the fleet's guard against an observer that
sees ghosts is ``fleet_suspects_observer``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from flyball.stability import Budget, Turns, take_all


class Kind(Enum):
    """What is spent."""

    MOVE = "move"
    CLONE = "clone"


@dataclass(frozen=True, slots=True)
class Spend:
    """One step of ``kind``, held by ``holder`` until it has ended."""

    kind: Kind
    holder: str


_LIMITS: dict[Kind, tuple[Budget, Budget, Budget]] = {
    Kind.MOVE: (Budget(1, 30, 60.0), Budget(2, 60, 60.0), Budget(10, 300, 60.0)),
    Kind.CLONE: (Budget(1, 6, 600.0), Budget(2, 12, 600.0), Budget(4, 24, 600.0)),
}
"""For a shard, a keyspace, the fleet: at once, per window, window in seconds."""

FAILOVERS = Turns(at_once=16, patience=5.0)
"""Emergency failovers of the fleet: as many as one process carries out in a second, and the time that ten take."""

Scopes = tuple[Budget, Budget, Budget]


class Budgets:
    """The budgets of all shards that one service leads."""

    def __init__(self) -> None:
        self._spent: dict[tuple[Kind, str], Budget] = {}

    def of(self, kind: Kind, shard: str, keyspace: str) -> Scopes:
        """The three budgets that a step on ``shard`` must fit."""
        if not self._spent:
            return _LIMITS[kind]
        first, second, third = (self._spent.get(key, limit) for key, limit in self._keys(kind, shard, keyspace))
        return first, second, third

    def take(self, spend: Spend, shard: str, keyspace: str, now: float) -> None:
        """Note that the step has begun; it was decided on a view that allowed it."""
        taken = take_all(self.of(spend.kind, shard, keyspace), now, spend.holder)
        if taken is not None:
            for (key, _), budget in zip(self._keys(spend.kind, shard, keyspace), taken, strict=True):
                self._spent[key] = budget

    def give_back(self, kind: Kind, shard: str, keyspace: str, still: Iterable[str]) -> None:
        """Note that every step of the shard has ended but those of ``still``."""
        ended = self.of(kind, shard, keyspace)[0].holders - frozenset(still)
        if ended:
            for key, limit in self._keys(kind, shard, keyspace):
                for holder in ended:
                    self._spent[key] = self._spent.get(key, limit).give_back(holder)

    @staticmethod
    def _keys(kind: Kind, shard: str, keyspace: str) -> tuple[tuple[tuple[Kind, str], Budget], ...]:
        names = (f"shard {shard}", f"keyspace {keyspace}", "fleet")
        return tuple(((kind, name), limit) for name, limit in zip(names, _LIMITS[kind], strict=True))


def allows(scopes: Iterable[Budget], now: float, holder: str) -> bool:
    """Whether a step of ``holder`` fits all budgets now. Pure."""
    return take_all(tuple(scopes), now, holder) is not None
