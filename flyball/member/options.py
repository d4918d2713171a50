"""The options that a member's mysqld starts with: safety first, then what the user asked for.

Every member starts closed (rule 3): super_read_only and read_only, offline_mode, no replication. Received
transactions survive a crash (rule 2). Semi-sync never falls back to asynchronous by itself.
"""

from collections.abc import Mapping
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
    "replica-preserve-commit-order": "ON",
    "replica-skip-errors": "OFF",
    "replica-exec-mode": "STRICT",
    "plugin-load-add": "semisync_source.so;semisync_replica.so;mysql_clone.so",
    "loose-rpl-semi-sync-source-enabled": "OFF",
    "loose-rpl-semi-sync-source-timeout": "4294967295",
    "loose-rpl-semi-sync-source-wait-no-replica": "ON",
    "loose-rpl-semi-sync-source-wait-point": "AFTER_SYNC",
    "loose-rpl-semi-sync-replica-enabled": "ON",
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
        "init-replica", "disable-log-bin", "skip-log-bin",
    }
)  # fmt: skip
"""Options that flyball sets itself, or that would take a member out of its hands."""


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


def member_options(place: Place, config: Mapping[str, str | int]) -> tuple[str, ...]:
    """Return mysqld's options, without the program's own name.

    :raises InputError: INVALID_RECORD when ``config`` names an option that is flyball's own.
    """
    options = {
        "datadir": str(place.data),
        "server-id": str(place.server_id),
        "bind-address": place.host,
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
    return tuple(f"--{name}={value}" for name, value in options.items())


def check_config(config: Mapping[str, str | int]) -> dict[str, str]:
    """Return a user's options under their canonical names (dashes, lower case).

    :raises InputError: INVALID_RECORD when one of them is flyball's own, or no option name at all.
    """
    checked = {}
    for given, value in config.items():
        name = given.lower().replace("_", "-")
        plain = name.removeprefix("loose-").removeprefix("skip-").removeprefix("enable-").removeprefix("disable-")
        forbidden = SAFETY.keys() | PLACES
        if not name.replace("-", "").isalnum() or {name, plain, f"loose-{plain}", f"skip-{plain}"} & forbidden:
            raise InputError(
                Code.INVALID_RECORD,
                f"spec.mysql.config: the option {given!r} is set by flyball itself",
                "remove it from the keyspace's config",
            )
        checked[name] = str(value)
    return checked
