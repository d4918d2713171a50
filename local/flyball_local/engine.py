"""The engine's process: ``python -m flyball_local.engine --home HOME``.

It runs two loops, one over the keyspaces and one over the topology service, until it is told to end. Told with
SIGTERM or SIGINT it takes everything down in order (``shutdown``) and ends last. Killed, it leaves the members
running: they serve on, and the next engine of this home adopts them.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from flyball import logs
from flyball.attempts import Attempts
from flyball.errors import Code, FlyballError, StoreError
from flyball.following import follow_records
from flyball.secrets import FileSecrets
from flyball.stability import Backoff
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, mysqld, topology_process
from flyball_local.acts import Tools
from flyball_local.deaths import Deaths
from flyball_local.engine_state import WAKE, note_engine, only_engine
from flyball_local.home import Home, find_home
from flyball_local.hosts import Host, dump, load
from flyball_local.keyspaces import KeyspaceController, View, keyspace_loop, say_of_all
from flyball_local.mysql_install import cache_directory, find_mysql
from flyball_local.shutdown import stop_everything
from flyball_local.view import Gone

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine runs with.

    :param topology: the words that start the topology service; empty for none.
    :param hosts: members that get a host of their own when they are made.
    """

    home: Home
    topology: tuple[str, ...] = topology_process.COMMAND
    hosts: Mapping[str, Host] = field(default_factory=dict)


async def run(setup: Setup) -> None:
    """Be the engine of this home until SIGTERM or SIGINT; then take everything down.

    :raises EngineError: ENGINE_RUNNING when there is one, NO_MYSQL when no MySQL can be had.
    """
    setup.home.prepare()
    with only_engine(setup.home):
        told_to_end = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
        records = await _open(setup.home.records, told_to_end)
        if records is None:
            return
        async with records:
            await _tell(records, status=None, reason="EngineStarting", message="the engine has not looked yet")
            noted = note_engine(setup.home)
            logger.info("engine of %s runs as process %d", setup.home.root, noted.pid)
            await _control(setup, records, told_to_end)
            down = await stop_everything(setup.home)
            for member, why in down.failed.items():
                logger.error("%s could not be stopped: %s", member, why)
            await _tell(records, status=False, reason="Down", message="the engine was ended, and took all down")
        logger.info("engine ends")


async def _open(path: Path, told_to_end: asyncio.Event) -> SqliteRecords | None:
    """The record store, as soon as nobody keeps it locked; ``None`` when told to end before that."""
    while not told_to_end.is_set():
        try:
            return await SqliteRecords.open(path)
        except StoreError as error:
            if error.code is not Code.STORE_AWAY:
                raise
            logger.warning("waiting for the record store: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(told_to_end.wait(), 1.0)
    return None


async def _tell(records: SqliteRecords, *, status: bool | None, reason: str, message: str) -> None:
    """Say it of every keyspace where that can be written now: the members do not wait for it."""
    try:
        await say_of_all(records, status=status, reason=reason, message=message)
    except StoreError as error:
        logger.warning("the keyspaces' conditions are not up to date: %s", error)


async def _control(setup: Setup, records: SqliteRecords, told_to_end: asyncio.Event) -> None:
    """Run the loops until told to end."""
    random = Random()  # noqa: S311 - spreads retries and picks ports, guards nothing
    home = setup.home
    tools = Tools(
        home=home,
        records=records,
        secrets=FileSecrets(home.secrets),
        mysql=await asyncio.to_thread(find_mysql, os.environ, None, logger.info),
        cache=cache_directory(),
        attempts=Attempts(Backoff(1.0, 30.0, random)),
        random=random,
        clock=time.monotonic,
        hosts=setup.hosts,
    )
    deaths = Deaths()

    def observed(key: str, view: View) -> None:
        if not isinstance(view, Gone):
            alive = [member.name for member in view.members.values() if member.process.alive]
            states = (mysqld.read_state(home.member(name)) for name in alive)
            deaths.watch([state.pid for state in states if state is not None], lambda: keyspaces.wake(key))

    def wake_all() -> None:
        for key in keyspaces.keys:
            keyspaces.wake(key)

    keyspaces = keyspace_loop(KeyspaceController(tools, observed), random)
    with ExitStack() as finally_:
        finally_.callback(deaths.close)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(follow_records(records, keyspaces, reshards=True)),
                tasks.create_task(keyspaces.run()),
            ]
            if setup.topology:
                controller = topology_process.TopologyController(home, setup.topology, random, time.monotonic)
                running.append(tasks.create_task(topology_process.topology_loop(controller, random).run()))
            asyncio.get_running_loop().add_signal_handler(WAKE, wake_all)
            await told_to_end.wait()
            for task in running:
                task.cancel()


def start_in_background(setup: Setup) -> background.Background:
    """Start an engine process for this home, detached; waits for nothing."""
    command = [sys.executable, "-m", "flyball_local.engine", "--home", str(setup.home.root)]
    command += ["--topology", json.dumps(setup.topology), "--hosts", dump(setup.hosts)]
    setup.home.prepare()
    return background.start(setup.home.root / "engine-start.json", command, setup.home.logs / "engine.log")


def main(arguments: Sequence[str] | None = None) -> int:
    """The process's entry; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m flyball_local.engine", description="The local engine.")
    parser.add_argument("--home", type=Path, help="where everything lies; $FLYBALL_HOME or ~/.flyball by default")
    parser.add_argument("--topology", help="the topology service's command, as a JSON list of words; [] for none")
    parser.add_argument("--hosts", default="{}", help="members on hosts of their own, as JSON")
    given = parser.parse_args(arguments)
    words = tuple(json.loads(given.topology)) if given.topology else topology_process.COMMAND
    logs.configure()
    try:
        asyncio.run(run(Setup(find_home(given.home), words, load(given.hosts))))
    except FlyballError as error:
        logger.error("%s", error)  # noqa: TRY400 - says all; a stack would add nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
