"""One member of the local engine, from its identity to its mysqld: files, options, the process.

The options are ``flyball.member``'s, on top of what suits many members on one machine: small buffers and a small
redo log. What the keyspace's ``config`` says wins over the latter.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from flyball.errors import Code, EngineError, InputError
from flyball.member import cloned, init_file
from flyball.member.accounts import credentials_name
from flyball.member.leftovers import remove_leftovers
from flyball.member.options import Place, check_config, member_options
from flyball.records.keyspace import KeyspaceSpec
from flyball.secrets import Secret, Secrets, write_private
from flyball_local import mysqld, ports
from flyball_local.credentials import ensure_certificate
from flyball_local.home import Home
from flyball_local.identity import Identity, identities, write_identity
from flyball_local.mysql_programs import MySQL
from flyball_local.processes import look_at

logger = logging.getLogger(__name__)

LOCAL_DEFAULTS = {
    "innodb-buffer-pool-size": "32M",
    "innodb-redo-log-capacity": "32M",
    "innodb-log-buffer-size": "4M",
    "key-buffer-size": "1M",
    "max-connections": "200",
    "table-open-cache": "400",
    "table-definition-cache": "400",
    "performance-schema-accounts-size": "16",
    "performance-schema-hosts-size": "16",
    "performance-schema-users-size": "16",
    "performance-schema-digests-size": "200",
    "performance-schema-error-size": "0",
}
"""Small ones: many members share a machine. A keyspace's ``config`` may say otherwise.

Of performance_schema only summaries that nobody here reads are cut down (100 MB a member). Its threads are not:
safety goes by the sessions that it shows.
"""


def local_config(config: Mapping[str, str | int]) -> dict[str, str | int]:
    """The keyspace's ``config`` on top of the local defaults.

    :raises InputError: INVALID_RECORD when it names an option that is flyball's own.
    """
    return {**LOCAL_DEFAULTS, **check_config(config)}


def place_of(home: Home, identity: Identity) -> Place:
    """Where the member lives."""
    directory, certificate = home.member(identity.member), home.certificate(identity.member)
    return Place(
        server_id=identity.server_id,
        host=identity.host.address,
        port=identity.port,
        data=mysqld.data_directory(directory),
        socket=home.socket(identity.member),
        pid_file=mysqld.pid_file(directory),
        error_log=mysqld.error_log(directory),
        init_file=mysqld.init_file(directory),
        ca=certificate / "ca.pem",
        certificate=certificate / "cert.pem",
        key=certificate / "key.pem",
    )


async def start_member(home: Home, mysql: MySQL, secrets: Secrets, identity: Identity, keyspace: KeyspaceSpec) -> None:
    """Start the member's mysqld, closed; waits for nothing.

    :raises EngineError: PORT_IN_USE, or PROCESS_FAILED when it cannot be started at all.
    :raises InputError: INVALID_RECORD when its ``mysql.config`` names an option that is flyball's own.
    """
    _options(home, identity, keyspace)  # refuses before anything is changed
    identity = settle_identity(home, identity)
    options = _options(home, identity, keyspace)
    credentials = await secrets.get(credentials_name(identity.keyspace)) or Secret({})
    passwords = init_file.Passwords(credentials["topology"], credentials["clone"], credentials["engine"])
    home.prepare_member(identity.member)
    await ensure_certificate(home, secrets, identity)
    await asyncio.to_thread(_start, home, mysql, identity, options, init_file.render(passwords))


def settle_identity(home: Home, identity: Identity) -> Identity:
    """Clear away what a clone left, and make the member another server where its data is not its own any more.

    One that will have a new uuid gets a new server id, too: a replica skips what its own server id has written, and
    would never get back what it wrote in a former life. Called in the event loop, where the other ids are chosen, too.
    """
    directory = home.member(identity.member)
    data, last = mysqld.data_directory(directory), mysqld.read_state(directory)
    if last is not None and mysqld.is_running(last):
        return identity
    if removed := remove_leftovers(data):
        text = "%s: a clone was broken off, and left empty schemas, which are removed: %s"
        logger.info(text, identity.member, ", ".join(removed), extra={"member": identity.member})
    if cloned.forget_identity(data):
        logger.info("%s was cloned: it starts as another server", identity.member, extra={"member": identity.member})
    if (data / "auto.cnf").exists():
        return identity
    highest = max((one.server_id for one in identities(home.members).values()), default=0)
    renewed = replace(identity, server_id=highest + 1)
    write_identity(directory, renewed)
    return renewed


def _options(home: Home, identity: Identity, keyspace: KeyspaceSpec) -> tuple[str, ...]:
    return member_options(place_of(home, identity), local_config(keyspace.mysql.config), len(keyspace.users))


def runs_with(home: Home, identity: Identity, keyspace: KeyspaceSpec) -> bool:
    """Whether the member's mysqld was started with the options that its keyspace means now.

    True when none runs, and when the options cannot be: then no restart would help.
    """
    state = mysqld.read_state(home.member(identity.member))
    seen = look_at(state.pid) if state is not None and mysqld.is_running(state) else None
    if seen is None or not seen.command:
        return True
    try:
        options = _options(home, identity, keyspace)
    except InputError:
        return True
    return set(options) <= set(seen.command)


def _start(home: Home, mysql: MySQL, identity: Identity, options: tuple[str, ...], init: str) -> None:
    directory = home.member(identity.member)
    last = mysqld.read_state(directory)
    if last is not None and mysqld.is_running(last):
        return
    if identity.host.is_own:
        ports.check_free(identity.port, f"member {identity.member}")
    write_private(mysqld.init_file(directory), init)
    mysqld.start(directory, mysql, options, identity.host.enter)


async def accepts_connections(home: Home, member: str, limit: float) -> bool:
    """Whether the member's mysqld greets who comes: it does so once its init file has run."""
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_unix_connection(home.socket(member))
            try:
                return len(await reader.read(5)) == 5
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def why_ended(home: Home, member: str) -> EngineError:
    """The error that tells what the member's mysqld said before it ended."""
    said = mysqld.last_errors(home.member(member), 2) or "it printed nothing"
    return EngineError(
        Code.PROCESS_FAILED,
        f"the mysqld of {member} ended by itself; its log ends with: {said}",
        f"see {mysqld.error_log(home.member(member))}.",
    )
