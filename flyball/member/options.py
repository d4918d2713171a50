"""The options that a member's mysqld starts with: safety first, then what the user asked for.

Every member starts closed (rule 3): super_read_only and read_only, offline_mode, no replication. Received
transactions survive a crash (rule 2). Semi-sync never falls back to asynchronous by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from flyball.errors import Code, InputError

SAFETY = {
    "super-read-only": "ON",
    "read-only": "ON",
    "offline-mode": "ON",
    "skip-replica-start": "ON",
    "gtid-mode": "ON",
    "enforce-gtid-consistency": "ON",
    "log-replica-updates": "ON",
    "log-bin": "binlog",
    "relay-log": "relay",
    "sync-binlog": "1",
    "innodb-flush-log-at-trx-commit": "1",
    "relay-log-recovery": "OFF",
    "relay-log-purge": "ON",
    "replica-net-timeout": "4",
    "rpl-stop-replica-timeout": "2",
    "replica-preserve-commit-order": "ON",
    "replica-skip-errors": "OFF",
    "replica-exec-mode": "STRICT",
    "persisted-globals-load": "OFF",
    "plugin-load-add": "semisync_source.so;semisync_replica.so;mysql_clone.so",
    "loose-rpl-semi-sync-source-enabled": "OFF",
    "loose-rpl-semi-sync-source-timeout": "4294967295",
    "loose-rpl-semi-sync-source-wait-no-replica": "ON",
    "loose-rpl-semi-sync-source-wait-point": "AFTER_SYNC",
    "loose-rpl-semi-sync-replica-enabled": "ON",
    "loose-clone-donor-timeout-after-network-failure": "1",
    "event-scheduler": "ON",
    "require-secure-transport": "ON",
    "local-infile": "OFF",
    "mysqlx": "OFF",
    "skip-name-resolve": "ON",
    "performance-schema": "ON",
}
"""Options that the safety of acknowledged writes rests on; a user's ``config`` may not change them."""

PLACES = frozenset(
    {
        "datadir", "port", "socket", "pid-file", "log-error", "server-id", "bind-address", "report-host",
        "report-port", "init-file", "ssl-ca", "ssl-cert", "ssl-key", "secure-file-priv", "user", "basedir",
        "plugin-dir", "tmpdir", "binlog-format", "log-bin-index", "relay-log-index", "admin-address", "admin-port",
        "binlog-do-db", "binlog-ignore-db", "replicate-do-db", "replicate-ignore-db", "replicate-do-table",
        "replicate-ignore-table", "replicate-wild-do-table", "replicate-wild-ignore-table", "skip-grant-tables",
        "skip-networking", "plugin-load", "innodb-read-only", "initialize", "initialize-insecure", "init-connect",
        "init-replica", "max-user-connections", "disable-log-bin", "skip-log-bin", "replicate-rewrite-db",
        "replicate-same-server-id",
    }
)  # fmt: skip
"""Options that flyball sets itself, or that would take a member out of its hands."""

_MODIFIERS = ("loose-", "skip-", "enable-", "disable-", "maximum-")
"""What mysqld takes before any option's name (MySQL manual, "Program Option Modifiers"), one after another too."""

_BOUNDS: dict[str, Callable[[str], bool]] = {
    "sql-mode": lambda value: not value.isdigit() and "NO_BACKSLASH_ESCAPES" not in value.upper(),
    "default-storage-engine": lambda value: value.upper() == "INNODB",
    "max-connections": lambda value: value.isdigit() and 10 <= int(value) <= 10000,
}
"""Options that a user may set to some values: members are told texts quoted with backslashes (and a mode given as a
number hides what it holds), only InnoDB's tables survive a crash whole, and connections are counted below."""

DEFAULT_CONNECTIONS = 151
"""MySQL's own default of ``max_connections``."""

RESERVED_CONNECTIONS = 40
"""Beside those of applications: the topology service's (up to five for each that leads, or did), the engine's, those of
replicas and clones. Commits that wait for an acknowledgement fill up what applications may have, and the replica that
could give it must still come in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one member lives: its directories, its address, its certificates."""

    server_id: int
    host: str
    port: int
    data: PurePath
    socket: PurePath
    pid_file: PurePath
    error_log: PurePath
    init_file: PurePath
    ca: PurePath
    certificate: PurePath
    key: PurePath
    listen: str = ""
    """The address that mysqld listens on, where it is not ``host``."""


def member_options(place: Place, config: Mapping[str, str | int], users: int = 1) -> tuple[str, ...]:
    """Return mysqld's options, without the program's own name.

    ``max-connections`` is what each application account may have; the server takes as many for each of them, and some
    more. flyball's own accounts have limits of their own (MySQL manual, "Setting Account Resource Limits").

    :param users: how many application accounts there are.
    :raises InputError: INVALID_RECORD when ``config`` names an option that is flyball's own.
    """
    options = {
        "datadir": str(place.data),
        "server-id": str(place.server_id),
        "bind-address": place.listen or place.host,
        "port": str(place.port),
        "report-host": place.host,
        "report-port": str(place.port),
        "socket": str(place.socket),
        "pid-file": str(place.pid_file),
        "log-error": str(place.error_log),
        "log-error-verbosity": "2",
        "init-file": str(place.init_file),
        "ssl-ca": str(place.ca),
        "ssl-cert": str(place.certificate),
        "ssl-key": str(place.key),
        **SAFETY,
        **check_config(config),
    }
    each = int(options.get("max-connections", DEFAULT_CONNECTIONS))
    options["max-user-connections"] = str(each)
    options["max-connections"] = str(each * max(1, users) + RESERVED_CONNECTIONS)
    return tuple(f"--{name}={value}" for name, value in options.items())


def check_config(config: Mapping[str, str | int]) -> dict[str, str]:
    """Return a user's options under their canonical names (dashes, lower case).

    :raises InputError: INVALID_RECORD when one of them is flyball's own, under whatever name mysqld would know it by,
        or no option name at all, or has a value that flyball cannot live with.
    """
    checked = {}
    for given, value in config.items():
        name = given.lower().replace("_", "-")
        plain = _plain(name)
        if not name.replace("-", "").isalnum() or any(own.startswith(plain) for own in _OWN):
            raise InputError(
                Code.INVALID_RECORD,
                f"spec.mysql.config: the option {given!r} is set by flyball itself",
                "remove it from the keyspace's config",
            )
        for bound, allows in _BOUNDS.items():
            if bound.startswith(plain) and (plain != bound or not allows(str(value))):
                raise InputError(
                    Code.INVALID_RECORD,
                    f"spec.mysql.config: the option {given!r} cannot be {str(value)!r}",
                    "name it in full; modes by name, without NO_BACKSLASH_ESCAPES; the engine InnoDB; or remove it",
                )
        checked[name] = str(value)
    return checked


def _plain(name: str) -> str:
    """The option that a name is about, without modifiers."""
    while modifier := next((one for one in _MODIFIERS if name.startswith(one)), ""):
        name = name.removeprefix(modifier)
    return name


def _names(option: str) -> frozenset[str]:
    """What mysqld calls an option: today's name, and the one from before MySQL 8.0.26 or so."""
    plain = _plain(option)
    return frozenset({plain, plain.replace("replica", "slave").replace("source", "master")})


_OWN = frozenset(name for option in SAFETY.keys() | PLACES for name in _names(option))
"""Whatever begins one of these is refused: mysqld takes any beginning of a name that is not ambiguous."""
