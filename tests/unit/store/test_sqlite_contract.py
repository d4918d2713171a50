"""The SQLite store keeps the contract of all stores."""

import pytest

from flyball.store.sqlite import SqliteRecords
from tests.contract.records import RecordsContract


@pytest.fixture
async def connect(tmp_path):
    opened = []

    async def connect():
        opened.append(await SqliteRecords.open(tmp_path / "store" / "records.db"))
        return opened[-1]

    yield connect
    for records in opened:
        await records.close()


class TestSqliteRecords(RecordsContract):
    pass
