"""One running shard for the whole folder, every party on a host of its own."""

from collections.abc import Callable, Iterator

import pytest

from flyball_local.home import Home
from flyball_local.mysql_install import MySQL
from flyball_local.trial.network import unavailable
from tests.mysql.partitions.divided import DividedShard
from tests.mysql.topology.stage import Stage, at_work, tell_the_story


@pytest.fixture(scope="session")
def stage(mysql: MySQL, janitor: Callable[[Home], None]) -> Iterator[Stage]:
    """Whatever happens, no process and no namespace outlives the session."""
    if reason := unavailable():
        pytest.skip(f"no network of our own: {reason}")
    holder = Stage(DividedShard, janitor)
    try:
        yield holder
    finally:
        holder.clear()


@pytest.fixture
def still(stage: Stage) -> Iterator[DividedShard]:
    """The shard with no topology service and no writer yet."""
    yield from stage.at_rest()


@pytest.fixture
def shard(still: DividedShard) -> DividedShard:
    """The shard, healthy, watched by one service, with a writer at work."""
    return at_work(still)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    tell_the_story(item, call, report)
    return report
