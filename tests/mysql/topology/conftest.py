"""One running shard for the whole folder, on the machine's loopback."""

from collections.abc import Callable, Iterator

import pytest

from flyball_local.home import Home
from flyball_local.mysql_install import MySQL
from tests.mysql.topology.running import RunningShard
from tests.mysql.topology.stage import Stage, at_work, tell_the_story


@pytest.fixture(scope="session")
def stage(mysql: MySQL, janitor: Callable[[Home], None]) -> Iterator[Stage]:
    """Whatever happens, no process outlives the session."""
    holder = Stage(RunningShard, janitor)
    try:
        yield holder
    finally:
        holder.clear()


@pytest.fixture
def still(stage: Stage) -> Iterator[RunningShard]:
    """The shard with no topology service and no writer yet."""
    yield from stage.at_rest()


@pytest.fixture
def shard(still: RunningShard) -> RunningShard:
    """The shard, healthy, watched by one service, with a writer at work."""
    return at_work(still)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    tell_the_story(item, call, report)
    return report
