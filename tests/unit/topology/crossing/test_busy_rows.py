"""A prune that cannot get a row leaves it for the next one, and counts what is there."""

from typing import Any

import pytest

from flyball.errors import Code
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.session import ServerError
from flyball_topology.crossing.sql_crossing import SqlCrossing
from flyball_topology.reshard import acts
from flyball_topology.reshard.port import Move
from tests.unit.topology.resharding.views import LOWER, view_at


class Sessions:
    """A primary that answers each DELETE with an error."""

    def __init__(self, errno: int) -> None:
        self.error = ServerError(Code.MEMBER_REFUSED, "busy")
        self.error.errno = errno
        self.counted = 0

    async def mover(self, *_: object) -> list[dict[str, str]]:
        statements = [str(one) for one in _[3:]]
        if any(one.startswith("DELETE") for one in statements):
            raise self.error
        self.counted += any("AS ghosts" in one for one in statements)
        return [{"kind": "bigint", "ghosts": "3"}]

    async def topology(self, *_: object) -> list[dict[str, str]]:
        return [{"executed": ""}]


async def prune(errno: int) -> Sessions:
    view = view_at()
    spec = KeyspaceSpec.model_validate({"shards": 2, "tables": {"orders": {"shardBy": "customer"}}})
    keyspace = Keyspace(metadata=Metadata(name="commerce"), spec=spec)
    move = Move("w", view.reshard.spec, keyspace, view.sources, view.targets, ("orders",))
    crossing: Any = SqlCrossing(None, None, lambda: 0.0)  # type: ignore[arg-type] - neither is asked
    crossing._sessions = sessions = Sessions(errno)
    await crossing.act(move, acts.Prune(LOWER, 1))
    return sessions


@pytest.mark.parametrize("errno", [1205, 1213])
async def test_a_row_that_somebody_holds_is_left_and_the_rest_is_counted(errno: int):
    assert (await prune(errno)).counted == 1


async def test_any_other_error_is_told():
    with pytest.raises(ServerError):
        await prune(1146)
