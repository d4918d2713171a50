"""The store without a file keeps the contract of all stores."""

import pytest

from flyball.store.memory import MemoryRecords
from tests.contract.records import RecordsContract


@pytest.fixture
async def connect():
    store = MemoryRecords()

    async def connect():
        return store.beside()

    yield connect
    await store.close()


class TestMemoryRecords(RecordsContract):
    pass
