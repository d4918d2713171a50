"""The tutorial is true: every command block of it runs, in order, and prints what the page says.

The blocks are typed into one shell, in a directory of their own, as a reader does. A ``text`` block behind a command
block is what its standard output must be, line by line, with ``…`` for what differs each time.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from flyball_local.background import python_environment
from flyball_local.home import Home
from flyball_local.trial.janitor import clean_up

PAGE = Path(__file__).parents[3] / "docs" / "tutorials" / "first-keyspace.md"
LIMIT = 280.0
MARK = "--- end of a block ---"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands, and what the page says that they print; None where it says nothing."""

    commands: str
    prints: str | None


def blocks_of(page: str) -> list[Block]:
    found: list[Block] = []
    for language, text in _BLOCK.findall(page):
        if language == "sh":
            found.append(Block(text, None))
        elif language == "text":
            assert found, "a text block stands before any command block"
            assert found[-1].prints is None, f"two text blocks behind one command block: {text}"
            found[-1] = Block(found[-1].commands, text)
        else:
            raise AssertionError(f"a block that no test runs: {language}")
    return found


def agrees(printed: str, page: str) -> bool:
    """Line by line; a line of ``…`` alone stands for any number of lines."""
    pattern = "\n".join(line.rstrip() for line in page.strip().splitlines())
    text = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    escaped = re.sub(r"([*?\[])", r"[\1]", pattern)
    return fnmatchcase(text, escaped.replace("…", "*"))


@pytest.fixture
def place(mysql, janitor: Callable[[Home], None]) -> Iterator[Path]:
    """A directory of the reader's own, with ``flyball`` and ``python`` on PATH."""
    with tempfile.TemporaryDirectory(prefix="flyball-reader-") as directory:
        home = Home(Path(directory) / "home")
        janitor(home)
        programs = Path(directory) / "bin"
        programs.mkdir()
        for name, words in (("flyball", "-m flyball.cli.main"), ("python", "")):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
            script.chmod(0o700)
        yield Path(directory)
        clean_up(home)


def test_every_block_of_the_tutorial_runs_and_prints_what_the_page_says(place: Path):
    blocks = blocks_of(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) >= 10
    script = "\n".join(f"{block.commands}\necho {shlex.quote(MARK)}" for block in blocks)
    environment = python_environment() | {"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for inherited in ("FLYBALL_HOME", "KEEP"):
        environment.pop(inherited, None)
    typed = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert typed.returncode == 0, f"{typed.stdout}\n{typed.stderr}"
    printed = typed.stdout.split(f"{MARK}\n")
    assert len(printed) == len(blocks) + 1
    for block, text in zip(blocks, printed, strict=False):
        assert block.prints is None or agrees(text, block.prints), f"{block.commands}\nprinted:\n{text}"


def test_a_page_that_says_something_else_does_not_agree():
    assert agrees("port 127.0.0.1:4711 [ok]\n", "port 127.0.0.1:… [ok]\n")
    assert not agrees("term 2\n", "term 1\n")
    assert not agrees("one\ntwo\n", "one\n")
