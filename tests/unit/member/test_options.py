"""The options that a member starts with."""

from pathlib import PurePosixPath as Path

import pytest

from flyball.errors import Code, InputError
from flyball.member.options import SAFETY, Place, check_config, member_options

PLACE = Place(
    server_id=7,
    host="127.0.0.1",
    port=3306,
    data=Path("/d"),
    socket=Path("/s"),
    pid_file=Path("/p"),
    error_log=Path("/e"),
    init_file=Path("/i"),
    ca=Path("/ca"),
    certificate=Path("/c"),
    key=Path("/k"),
)


def test_a_member_starts_closed_twice_and_does_not_replicate_by_itself() -> None:
    """Rule 3."""
    options = member_options(PLACE, {})
    assert {"--super-read-only=ON", "--read-only=ON", "--offline-mode=ON", "--skip-replica-start=ON"} <= set(options)


def test_received_transactions_survive_a_crash() -> None:
    """Rule 2: recovery would throw away what was received and acknowledged."""
    assert "--relay-log-recovery=OFF" in member_options(PLACE, {})


def test_semi_sync_never_falls_back_by_itself() -> None:
    options = set(member_options(PLACE, {}))
    assert "--loose-rpl-semi-sync-source-timeout=4294967295" in options
    assert "--loose-rpl-semi-sync-source-wait-no-replica=ON" in options
    assert "--loose-rpl-semi-sync-source-wait-point=AFTER_SYNC" in options


def test_a_broken_source_is_noticed_within_seconds() -> None:
    """Rule 14."""
    assert "--replica-net-timeout=4" in member_options(PLACE, {})


def test_no_act_waits_for_ever_for_replication_to_stop() -> None:
    """Acts hold the fence's lock meanwhile, and a fence must not wait long for it."""
    assert "--rpl-stop-replica-timeout=2" in member_options(PLACE, {})
    with pytest.raises(InputError):
        check_config({"rpl_stop_slave_timeout": 3600})


def test_the_users_options_come_with_canonical_names() -> None:
    options = member_options(PLACE, {"innodb_buffer_pool_size": "1G", "Sort-Buffer_size": 500000})
    assert {"--innodb-buffer-pool-size=1G", "--sort-buffer-size=500000"} <= set(options)


def test_applications_never_have_all_the_connections() -> None:
    """A replica that lost its connection must get one, or the commits that hold them all wait for ever."""
    assert {"--max-user-connections=500", "--max-connections=1540"} <= set(
        member_options(PLACE, {"max-connections": 500}, users=3)
    )
    assert {"--max-user-connections=151", "--max-connections=191"} <= set(member_options(PLACE, {}, users=0))
    for name, value in (("max_user_connections", 0), ("max_connections", "1K"), ("max_connections", 9)):
        with pytest.raises(InputError):
            check_config({name: value})


@pytest.mark.parametrize(
    "name",
    [
        *SAFETY,
        "super_read_only",
        "SUPER-READ-ONLY",
        "skip_super_read_only",
        "loose_super_read_only",
        "rpl_semi_sync_source_timeout",
        "skip-log-bin",
        "skip_grant_tables",
        "datadir",
        "init_file",
        "replicate-ignore-db",
        "mysqlx",
        "slave_exec_mode",
        "slave_skip_errors",
        "slave-preserve-commit-order",
        "slave_net_timeout",
        "log_slave_updates",
        "skip_slave_start",
        "init_slave",
        "rpl_semi_sync_master_enabled",
        "rpl_semi_sync_master_timeout",
        "rpl_semi_sync_slave_enabled",
        "super-read",
        "slave-exec",
        "skip-slav",
        "log_sl",
        "maximum-sync-binlog",
        "loose-skip-super-read-only",
        "loose_disable_log_bin",
        "enable-offline-mode",
        "persisted_globals_load",
        "a b",
        "x=1\n--y",
    ],
)
def test_an_option_that_safety_rests_on_is_refused_however_it_is_written(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_config({name: 1})
    assert caught.value.code is Code.INVALID_RECORD
    assert name in caught.value.message or repr(name) in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql_mode", "ANSI,no_backslash_escapes"),
        ("sql-mode", 1048576),
        ("sql_m", "ANSI"),
        ("loose-sql-mode", "NO_BACKSLASH_ESCAPES"),
        ("default_storage_engine", "MyISAM"),
        ("default-storage", "InnoDB"),
    ],
)
def test_a_value_that_members_cannot_live_with_is_refused(name: str, value: str | int) -> None:
    with pytest.raises(InputError) as caught:
        check_config({name: value})
    assert caught.value.code is Code.INVALID_RECORD
    assert repr(name) in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql-mode", "STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY"),
        ("default-storage-engine", "InnoDB"),
        ("replica-parallel-workers", "8"),
        ("slave-parallel-workers", "8"),
        ("performance-schema-digests-size", "200"),
        ("skip-show-database", "ON"),
        ("binlog-expire-logs-seconds", "3600"),
        ("relay-log-space-limit", "0"),
    ],
)
def test_what_does_not_touch_safety_is_the_users(name: str, value: str) -> None:
    assert check_config({name.replace("-", "_"): value}) == {name: value}
