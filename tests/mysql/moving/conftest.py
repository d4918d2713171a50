"""Three servers: a source, and two targets."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball_local.mysql_install import MySQL
from tests.mysql.moving.servers import Server, empty, start


@pytest.fixture(scope="session")
def three(mysql: MySQL) -> Iterator[list[Server]]:
    """A source and two targets, for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="flyball-moving-"))
    servers: list[Server] = []
    try:
        servers = start(mysql, home, ("source", "low", "high"))
        yield servers
    finally:
        for server in servers:
            server.end()
        shutil.rmtree(home)


@pytest.fixture
def servers(three: list[Server]) -> list[Server]:
    """The same, empty."""
    empty(three)
    return three
