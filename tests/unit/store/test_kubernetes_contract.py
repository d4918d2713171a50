"""The store in a cluster keeps the contract of all stores, here on an API server in memory."""

import pytest

from flyball.store.kubernetes import KubernetesRecords
from tests.apiserver.server import FakeServer
from tests.contract.records import RecordsContract


@pytest.fixture
async def connect():
    server = FakeServer()
    opened = []

    async def connect():
        opened.append(KubernetesRecords(server.connect(), "shop"))
        return opened[-1]

    yield connect
    for records in opened:
        await records.close()


class TestKubernetesRecords(RecordsContract):
    pass
