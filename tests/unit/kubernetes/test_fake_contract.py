"""The API server in memory keeps the contract that the real one keeps."""

import pytest

from tests.apiserver.server import FakeServer
from tests.contract.api import ApiContract, Place


def _names(resource, thing):
    name = thing["metadata"]["name"]
    return None if name == name.lower() else f"metadata.name: Invalid value: {name!r}"


@pytest.fixture
async def place():
    server = FakeServer()
    server.refuses = _names
    api = server.connect()
    yield Place(api, "test")
    await api.close()


class TestFakeServer(ApiContract):
    pass
