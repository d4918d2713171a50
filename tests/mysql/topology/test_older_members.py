"""Members that an older flyball left: their fence has no place for a note. They get one, and are told of the reign."""

import json
import subprocess
from pathlib import Path

from flyball_local import mysqld
from flyball_local.processes import look_at

OLDER = """SET SESSION sql_log_bin = 0;
SET GLOBAL super_read_only = OFF;
ALTER TABLE flyball.fence DROP COLUMN note;
SHUTDOWN;
"""


def command_of(shard, name: str) -> tuple[str, ...]:
    """What its mysqld was started with."""
    seen = look_at(shard.process(name).pid)
    assert seen is not None
    return tuple(seen.command)


def make_older(shard, name: str, command: tuple[str, ...]) -> None:
    """Start the member's mysqld once more, as it is down, to take the notes' place away."""
    init: Path = shard.home.root / "older.sql"
    init.write_text(OLDER)
    start = [f"--init-file={init}" if word.startswith("--init-file=") else word for word in command]
    assert start != [*command]
    done = subprocess.run(start, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, (done.stderr, mysqld.last_errors(shard.home.member(name), 2))


def noted(shard, name: str) -> int:
    """The term of the reign that the member has noted; 0 where there is none."""
    note = shard.probe(name)["fence_note"]
    return json.loads(note)["term"] if note else 0


def test_a_replica_of_an_older_flyball_is_told_of_the_reign_and_nothing_else_happens(shard):
    replica, reign = shard.replicas[0], (shard.term, shard.primary)
    command = command_of(shard, replica)
    shard.end_services()
    shard.stop(replica)
    make_older(shard, replica, command)
    shard.start(replica)
    assert noted(shard, replica) == 0
    shard.start_service()
    shard.until("its note", lambda: noted(shard, replica) == shard.term)
    shard.until_healthy()
    assert (shard.term, shard.primary) == reign


def test_members_of_an_older_flyball_fail_over_before_they_have_noted_anything(shard):
    term, commands = shard.term, {name: command_of(shard, name) for name in shard.names}
    shard.end_services()
    for name in commands:
        shard.kill_for_good(name)
    for name, command in commands.items():
        make_older(shard, name, command)
    for name in commands:
        shard.start(name)
    assert [noted(shard, name) for name in commands] == [0, 0, 0]
    shard.start_service()
    shard.until("another reign", lambda: shard.term > term)
    shard.until_healthy()
    shard.until("their notes", lambda: all(noted(shard, name) == shard.term for name in commands))
