"""Every line of the table of transitions, on real mysqld."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from flyball_local.home import Home
from flyball_local.mysql_install import MySQL
from tests.mysql.model.bench import MysqlBench
from tests.mysql.model.standing import CrashedError
from tests.mysql.topology.running import RunningShard
from tests.simulation.table import TRANSITIONS
from tests.simulation.transitions import Transition, carry_out

TRIES = 3


@pytest.fixture(scope="module")
def bench(mysql: MySQL, janitor: Callable[[Home], None]) -> Iterator[MysqlBench]:
    shard = RunningShard()
    janitor(shard.home)
    try:
        holder = MysqlBench(shard)
        yield holder
        holder.let_go()
    finally:
        shard.end()


@pytest.mark.parametrize("transition", TRANSITIONS, ids=str)
def test_mysqld_does_what_the_table_says(bench: MysqlBench, transition: Transition) -> None:
    for _ in range(TRIES - 1):
        with suppress(CrashedError):  # what the table says is about a server that lives
            return carry_out(bench, transition)
    return carry_out(bench, transition)
