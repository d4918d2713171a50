"""Where a folder's tests play: one running shard for all of them.

Each test gets it healthy, and leaves it so. A test that leaves it otherwise fails, and the next one gets a new shard.
"""

import signal
from collections.abc import Callable, Iterator

import pytest

from flyball_local.home import Home
from tests.mysql.topology.running import RunningShard


class Stage:
    """Holds the shard that is in use, or none yet.

    :param tell: hears of every home, to clean it up should this process be killed.
    """

    def __init__(self, make: Callable[[], RunningShard], tell: Callable[[Home], None]) -> None:
        self.shard: RunningShard | None = None
        self._make, self._tell = make, tell

    def get(self) -> RunningShard:
        """The shard, with no topology service; brought up when there is none."""
        if self.shard is None:
            self.shard = self._make()
            self._tell(self.shard.home)
            self.shard.bring_up()
            self.shard.end_services()
        return self.shard

    def clear(self) -> None:
        """End the shard; the next test gets a new one."""
        shard, self.shard = self.shard, None
        if shard is not None:
            shard.end()

    def at_rest(self) -> Iterator[RunningShard]:
        """The shard with no topology service and no writer yet: a test begins by starting them."""
        try:
            shard = self.get()
            shard.forget_the_past()
            yield shard
            shard.ledger.stop()
            if shard.spent:
                self.clear()
                return
            shard.let_all_run()
            if not any(service.process.poll() is None for service in shard.services):
                shard.start_service()
            shard.until_healthy()
            shard.check_ledger()
            shard.end_services()
        except BaseException:
            self.clear()
            raise


def at_work(still: RunningShard) -> RunningShard:
    """The shard, healthy, watched by one service, with a writer at work."""
    still.start_service()
    still.until_watched()
    still.until_healthy()
    still.ledger.start()
    still.until("a first write", lambda: still.ledger.acknowledged)
    return still


def tell_the_story(item: pytest.Item, call: "pytest.CallInfo[None]", report: pytest.TestReport) -> None:
    """Add to a failed test's report where its shard stands."""
    funcargs = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "still" in funcargs:
        shard = funcargs["still"]
        report.sections.append(("the shard", shard.story()))
        for service in shard.services:
            if service.process.poll() is None:
                service.send(signal.SIGCONT)
