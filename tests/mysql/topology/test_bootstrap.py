"""A new shard: what it has, what its accounts may do, and what a member is before anybody opened it."""

import stat

import pymysql
import pytest

from flyball.member.accounts import ENGINE, TOPOLOGY
from flyball_local import mysqld

DENIED = {1044, 1142, 1227, 1370, 1049}
"""Access denied: to a database, a table, an administrative right, a routine, a database that one may not see."""


def refused(shard, member, statement, user, **options) -> int:
    """The number of the error that the statement is refused with."""
    with pytest.raises(pymysql.MySQLError) as caught:
        shard.sql(member, statement, user=user, **options)
    return caught.value.args[0]


def test_an_application_account_writes_rows_in_its_database_and_nowhere_else(shard):
    primary = shard.primary
    shard.sql(
        primary, "INSERT INTO ledger VALUES (-1)", "DELETE FROM ledger WHERE id = -1", user="plain", database="commerce"
    )
    assert refused(shard, primary, "CREATE TABLE commerce.t (i INT)", "plain") in DENIED
    assert refused(shard, primary, "DROP TABLE commerce.ledger", "plain") in DENIED
    for user in ("app", "plain"):
        assert refused(shard, primary, "SET GLOBAL super_read_only = OFF", user) in DENIED
        assert refused(shard, primary, "SELECT * FROM mysql.user", user) in DENIED
        assert refused(shard, primary, "CALL flyball.fence(99, 0, NULL)", user) in DENIED
        assert refused(shard, primary, "DELETE FROM flyball_shard.journal", user) in DENIED
        assert refused(shard, primary, "CREATE DATABASE other", user) in DENIED


def test_an_account_with_ddl_changes_schemas(shard):
    shard.sql(shard.primary, "CREATE TABLE ddl (i INT PRIMARY KEY)", "DROP TABLE ddl", database="commerce")


def test_the_topology_account_changes_nothing_but_through_its_procedures(shard):
    primary = shard.primary
    for statement in (
        "SET GLOBAL super_read_only = OFF",
        "SET GLOBAL offline_mode = ON",
        "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
        "STOP REPLICA",
        "SET sql_log_bin = 0",
        "INSERT INTO commerce.ledger VALUES (-2)",
        "UPDATE flyball.fence SET term = 1",
        "SELECT * FROM flyball.fence",
        "SELECT * FROM commerce.ledger",
        "CREATE DATABASE other",
        "CREATE USER other",
        "SHUTDOWN",
        "CALL flyball.run_text('SET GLOBAL super_read_only = OFF')",
        "CALL flyball.note(99, 0, '', 99, 99)",
        "CALL flyball.set_ackers('')",
        "CALL flyball.kill_sessions('app')",
    ):
        assert refused(shard, primary, statement, TOPOLOGY) in DENIED, statement


def test_the_engine_account_comes_over_the_socket_alone_and_reads_no_data(shard):
    primary = shard.primary
    assert refused(shard, primary, "SELECT * FROM commerce.ledger", ENGINE) in DENIED
    assert refused(shard, primary, "CALL flyball.fence(99, 0, NULL)", ENGINE) in DENIED
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(
            host="127.0.0.1", port=shard.port(primary), user=ENGINE, password=shard.secret["engine"], ssl=shard.tls
        )
    assert caught.value.args[0] == 1045


@pytest.mark.parametrize("user", ["app", TOPOLOGY])
def test_nobody_gets_in_without_tls(shard, user):
    with pytest.raises(pymysql.MySQLError):
        shard.sql(shard.primary, "SELECT 1", user=user, ssl=None, ssl_disabled=True)


def test_passwords_and_keys_are_readable_for_their_owner_alone(shard):
    files = [shard.home.records, *shard.home.secrets.iterdir()]
    for name in shard.names:
        files += [mysqld.init_file(shard.home.member(name)), *shard.home.certificate(name).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_no_password_is_in_a_log(shard):
    shard.change_primary()
    shard.until_healthy()
    secrets = [text for key, text in shard.secret.items() if key != "ca"]
    for log in [*shard.home.logs.iterdir(), *(mysqld.error_log(shard.home.member(name)) for name in shard.names)]:
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log


def test_a_member_starts_closed_and_stays_so_until_somebody_opens_it(still):
    name = still.replicas[0]
    before = still.process(name)
    still.kill(name)
    still.until("another process", lambda: still.runs_anew(name, before))
    still.start(name)
    seen = still.probe(name)
    assert (seen["super_read_only"], seen["read_only"], seen["offline_mode"]) == (1, 1, 1)
    assert (seen["receiver_state"], seen["applier_state"], seen["opened"]) == ("OFF", "OFF", 0)
    with pytest.raises(pymysql.OperationalError) as caught:
        still.sql(name, "SELECT 1")
    assert caught.value.args[0] == 3032
