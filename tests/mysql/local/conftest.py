"""An engine without a topology service: members run and stay closed, and nothing opens them."""

import pytest

from flyball.conditions import MEMBERS_RUNNING
from flyball_local import mysqld
from flyball_local.engine import Setup
from flyball_local.home import Home
from flyball_local.mysqld import MysqldProcess
from flyball_local.up import Up, up
from tests.mysql import waiting
from tests.mysql.waiting import LIMIT


@pytest.fixture
def bring_up(keyspace):
    """``await bring_up(home, replicas=2)``: one keyspace, ``commerce``, until its members run."""

    async def bring(home: Home, *, adopt: bool = False, wait: float = LIMIT, **spec: object) -> Up:
        wanted = {"replicas": 1, "durability": {"policy": "none"}, **spec}
        return await up(
            home,
            [keyspace(**wanted)],
            background=True,
            adopt=adopt,
            wait=wait,
            until=MEMBERS_RUNNING,
            setup=Setup(home, topology=()),
        )

    return bring


@pytest.fixture
def process():
    """The member's mysqld, as its state file tells."""

    def read(home: Home, member: str) -> MysqldProcess:
        state = mysqld.read_state(home.member(member))
        assert state is not None
        return state

    return read


@pytest.fixture
def runs_anew():
    """Whether the member runs as another process than before; between the two it has no state file for a moment."""

    def look(home: Home, member: str, before: MysqldProcess) -> bool:
        state = mysqld.read_state(home.member(member))
        return state is not None and state != before and mysqld.is_running(state)

    return look


@pytest.fixture
def until():
    """Waits on a condition, which may be asynchronous, with a limit; returns what it returned."""
    return waiting.until
