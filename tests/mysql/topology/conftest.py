"""One running shard for the whole folder. Each test gets it healthy, with a ledger being written, and leaves it so.

A test that leaves it otherwise fails, and the next one gets a new shard.
"""

import signal
from collections.abc import Iterator

import pytest

from flyball_local.mysql_install import MySQL
from tests.mysql.topology.running import RunningShard


class Stage:
    """Holds the shard that is in use, or none yet."""

    def __init__(self) -> None:
        self.shard: RunningShard | None = None

    def get(self) -> RunningShard:
        if self.shard is None:
            self.shard = RunningShard()
            self.shard.bring_up()
            self.shard.end_services()
        return self.shard

    def clear(self) -> None:
        shard, self.shard = self.shard, None
        if shard is not None:
            shard.end()


@pytest.fixture(scope="session")
def stage(mysql: MySQL) -> Iterator[Stage]:
    """Whatever happens, no process outlives the session."""
    holder = Stage()
    try:
        yield holder
    finally:
        holder.clear()


@pytest.fixture
def still(stage: Stage) -> Iterator[RunningShard]:
    """The shard with no topology service and no writer yet: a test begins by starting them."""
    try:
        shard = stage.get()
        shard.forget_the_past()
        yield shard
        shard.ledger.stop()
        if shard.spent:
            stage.clear()
            return
        shard.let_all_run()
        if not any(service.process.poll() is None for service in shard.services):
            shard.start_service()
        shard.until_healthy()
        shard.check_ledger()
        shard.end_services()
    except BaseException:
        stage.clear()
        raise


@pytest.fixture
def shard(still: RunningShard) -> RunningShard:
    """The shard, healthy, watched by one service, with a writer at work."""
    still.start_service()
    still.until_watched()
    still.until_healthy()
    still.ledger.start()
    still.until("a first write", lambda: still.ledger.acknowledged)
    return still


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed and "still" in item.funcargs:
        shard = item.funcargs["still"]
        report.sections.append(("the shard", shard.story()))
        for service in shard.services:
            if service.process.poll() is None:
                service.send(signal.SIGCONT)
    return report
