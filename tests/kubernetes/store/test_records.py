"""The store in a cluster keeps the contract of all stores, on a real API server."""

import pytest

from flyball.kubernetes.client import connect as connect_api
from flyball.store.kubernetes import KubernetesRecords
from tests.contract.records import RecordsContract

pytestmark = pytest.mark.usefixtures("definitions")


@pytest.fixture
async def connect(place, kubeconfig):
    opened = []

    async def connect():
        api, _ = await connect_api(kubeconfig)
        opened.append(KubernetesRecords(api, place.namespace))
        return opened[-1]

    yield connect
    for records in opened:
        await records.close()


class TestKubernetesRecords(RecordsContract):
    pass
