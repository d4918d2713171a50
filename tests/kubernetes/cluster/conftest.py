"""The story's cluster: skipped where there can be none, with the reason; long chapters where they are asked for."""

import json
import os
from pathlib import Path

import pytest

from tests.kubernetes.cluster.story import Story
from tools.kubernetes.build import Unavailable
from tools.kubernetes.trial.stage import stage

LIMIT = 2400
"""Seconds for one chapter on a busy machine; the first one may have to make images."""
_failed: list[str] = []
_stories: list[Story] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # By a signal: what ends the process at once would leave nobody to take the cluster down in order.
            item.add_marker(pytest.mark.timeout(LIMIT, method="signal"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed and Path(__file__).parent in item.path.parents:
        _failed.append(item.name)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured on the way: one line."""
    for story in _stories:
        terminalreporter.write_line(json.dumps({"seconds": story.figures}))


@pytest.fixture(scope="module")
def told():
    """The story as far as it has come. It takes a machine's processors for ten minutes: other tests would suffer."""
    if os.environ.get("CLUSTER_TEST") not in {"sample", "whole"}:
        pytest.skip("it wants the machine for itself: CLUSTER_TEST=sample runs the short chapters")
    place = stage(f"flyball-story-{os.getpid()}")
    try:
        entered = place.__enter__()
    except Unavailable as reason:
        pytest.skip(f"there is no cluster: {reason}")
    try:
        _stories.append(Story(entered))
        yield _stories[-1]
    finally:
        place.__exit__(None, None, None)


@pytest.fixture
def story(told: Story) -> Story:
    if _failed:
        pytest.skip(f"an earlier chapter failed: {_failed[0]}")
    return told


@pytest.fixture
def whole() -> None:
    """Chapters that take minutes each."""
    if os.environ.get("CLUSTER_TEST") != "whole":
        pytest.skip("a long chapter: `make cluster-test` runs it")
