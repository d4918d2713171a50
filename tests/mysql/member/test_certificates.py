"""A replica believes whoever holds a certificate of its keyspace's own authority, wherever that one is reached, and
nobody else."""

from datetime import UTC, datetime

import pytest

from flyball.certificates import Pair, issue_authority, issue_member, write_files
from flyball.member.accounts import authority_name, tls_name
from flyball.secrets import FileSecrets
from tests.mysql.member.conftest import ONE, TWO
from tests.mysql.waiting import until

NOWHERE = ("192.0.2.1",)
"""An address for documentation (RFC 5737): nobody is reached there."""

DUMPS = "SELECT processlist_id FROM performance_schema.threads WHERE processlist_command = 'Binlog Dump GTID'"
STATE = "SELECT service_state, last_error_number FROM performance_schema.replication_connection_status"


@pytest.fixture
async def source_with(start):
    """``await source_with(authority)``: ONE has a certificate of that authority, or of its own, for another address,
    and TWO has lost the connection that it had before."""
    pair = await start()

    async def shown(authority: Pair | None = None):
        [(before,)] = await until(lambda: pair.engine(ONE, DUMPS))
        found = await FileSecrets(pair.home.secrets).get(authority_name("commerce"))
        own = Pair(found["certificate"], found["key"])
        issuer = authority or own
        certificate = issue_member(issuer, tls_name("commerce", ONE), NOWHERE, datetime.now(UTC))
        write_files(pair.home.certificate(ONE), issuer.certificate, certificate)  # a server shows none but its own CA's
        pair.engine(ONE, "ALTER INSTANCE RELOAD TLS", f"KILL {before}")
        return pair, before

    return shown


async def test_a_source_is_followed_whose_certificate_does_not_name_its_address(source_with):
    pair, before = await source_with()
    await until(lambda: (dumps := pair.engine(ONE, DUMPS)) and (before,) not in dumps)
    await until(lambda: pair.engine(TWO, STATE) == (("ON", 0),))


async def test_a_source_with_another_authoritys_certificate_is_not_followed(source_with):
    pair, _ = await source_with(issue_authority("commerce", datetime.now(UTC)))
    await until(lambda: pair.engine(TWO, STATE) == (("CONNECTING", 2026),))
