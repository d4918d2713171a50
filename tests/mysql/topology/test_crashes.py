"""The leader dies at every moment of a change of primary; the next one ends it, and no acknowledged write is lost.

How many moments there are is counted in an undisturbed run (``flyball_topology.crashpoints``: one after each effect),
so a step that is new is covered by itself.
"""

import signal

import pytest

from flyball.records.failover import Outcome
from flyball_topology.crashpoints import VARIABLE

MOMENTS = range(1, 23)
"""More than a change has; those that it has not are skipped."""
NEVER = "1000000"


def begin(shard, mode: str) -> None:
    """What makes a service change the primary."""
    if mode == "switchover":
        shard.ask()
    else:
        shard.kill(shard.primary)


def points(service) -> list[str]:
    """The crash points that a service has passed, by what they come after."""
    messages = [event.get("message", "") for event in service.said()]
    return [message.split(": ", 1)[1] for message in messages if message.startswith("crash point ")]


@pytest.fixture(scope="module")
def moments(stage) -> dict[str, tuple[int, int]]:
    """By kind of change, when nobody disturbs it: its effects up to the record of the reign, and with what follows."""
    found = {}
    for mode in ("switchover", "failover"):
        shard = stage.get()
        shard.forget_the_past()
        service = shard.start_service(**{VARIABLE: NEVER})
        shard.until_watched()
        shard.until_healthy()
        term, before = shard.term, len(points(service))
        begin(shard, mode)
        shard.until("the next reign", lambda shard=shard, term=term: shard.term > term)
        shard.until_healthy()
        names = points(service)[before:]
        found[mode] = max(i for i, name in enumerate(names, 1) if name.startswith("record the reign")), len(names)
        shard.end_services()
    return found


@pytest.mark.parametrize("mode", ["switchover", "failover"])
def test_no_moment_is_beyond_those_tried(moments, mode):
    certain, all_of_them = moments[mode]
    assert 5 < certain <= all_of_them <= max(MOMENTS)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("mode", ["switchover", "failover"])
def test_another_leader_ends_what_one_began(request, moments, mode, moment):
    certain, all_of_them = moments[mode]
    if moment > all_of_them:
        pytest.skip(f"a {mode} has {all_of_them} moments")
    shard = request.getfixturevalue("still")
    first = shard.start_service(**{VARIABLE: str(moment)})
    shard.until_watched()
    shard.until_healthy()
    shard.ledger.start()
    shard.until("a first write", lambda: shard.ledger.acknowledged)
    term = shard.term
    begin(shard, mode)

    def over() -> bool:  # repairs after the reign may take an effect more or less
        return moment > certain and shard.term > term and not shard.troubles()

    shard.until("the leader to die", lambda: first.process.poll() is not None or over())
    if moment <= certain:
        assert first.process.returncode == -signal.SIGKILL
    shard.start_service()
    shard.until("every request to end", lambda: all(f.status.outcome.ended for f in shard.failovers()))
    shard.until_healthy()
    if mode == "failover":
        assert shard.term > term
        assert Outcome.SUCCEEDED in {failover.status.outcome for failover in shard.failovers()}
