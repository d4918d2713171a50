"""The demo on real servers: it ends well, and leaves nothing behind however it ends."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball_local.background import python_environment

LIMIT = 240.0


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo makes its home; short, since a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="flyball-test-") as directory:
        yield Path(directory)


@pytest.fixture
def start_demo(mysql, place: Path) -> Iterator:
    """Starts a small demo; ends it when the test has not."""
    started = []

    def start(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "flyball_local.demo", "--flights", "3000", *options]
        environment = {**python_environment(), "TMPDIR": str(place), "KEEP": ""}
        with (place / "said").open("w") as said:
            started.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(LIMIT)


def processes_of(place: Path) -> list[str]:
    """The command lines that name the place."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(place) in words:
            found.append(words)
    return found


def homes_in(place: Path) -> list[Path]:
    return list(place.glob("flyball-*"))


def test_the_demo_ends_well_and_leaves_nothing(start_demo, place: Path):
    demo = start_demo()
    assert demo.wait(LIMIT) == 0, (place / "said").read_text()
    said = (place / "said").read_text()
    assert said.count("0 lost") == 2
    assert "no acknowledged write is lost" in said
    assert processes_of(place) == []
    assert homes_in(place) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(start_demo, place: Path, number: signal.Signals):
    demo = start_demo()
    deadline = time.monotonic() + LIMIT
    while not processes_of(place) or "2. Load" not in (place / "said").read_text():
        assert time.monotonic() < deadline
        assert demo.poll() is None, (place / "said").read_text()
        time.sleep(0.05)
    demo.send_signal(number)
    assert demo.wait(LIMIT) == 130
    assert processes_of(place) == []
    assert homes_in(place) == []
