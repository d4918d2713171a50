"""kopf on a real API server: what changes wakes its keyspace, and nothing is written."""

import asyncio

from flyball.kubernetes import everything
from flyball.kubernetes.resources import CLAIMS, EVENTS
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball_operator import edges
from flyball_operator.manifests import claim
from flyball_operator.objects import in_namespace

LIMIT = 60.0


async def first(woken: asyncio.Queue[str], watching: asyncio.Task) -> str:
    """The first keyspace that is woken; the error of the watching, where it ends instead."""
    waiting = asyncio.create_task(woken.get())
    async with asyncio.timeout(LIMIT):
        await asyncio.wait({waiting, watching}, return_when=asyncio.FIRST_COMPLETED)
    if watching.done():
        waiting.cancel()
        watching.result()
    return await waiting


def nameless() -> str:
    """As in a container whose user has a number alone."""
    raise KeyError("getpwuid(): uid not found: 65532")


async def test_edges_come_to_a_process_whose_user_has_no_name(place, kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr("getpass.getuser", nameless)
    woken: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(edges.watch(place.namespace, lambda name, _: woken.put_nowait(name)))
    try:
        keyspace = Keyspace(metadata=Metadata(name="commerce", uid="u1"), spec=KeyspaceSpec())
        made = in_namespace(claim.claim(keyspace, "commerce-x-x", "commerce-x-x-1", 1), place.namespace)
        await place.api.create(CLAIMS, made)
        assert await first(woken, watching) == "commerce"
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_claim_that_comes_changes_or_goes_wakes_its_keyspace(place, kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    woken: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(edges.watch(place.namespace, lambda name, _: woken.put_nowait(name)))
    try:
        keyspace = Keyspace(metadata=Metadata(name="commerce", uid="u1"), spec=KeyspaceSpec())
        made = in_namespace(claim.claim(keyspace, "commerce-x-x", "commerce-x-x-1", 1), place.namespace)
        stored = await place.api.create(CLAIMS, made)
        assert await first(woken, watching) == "commerce"
        while not woken.empty():
            woken.get_nowait()
        name = stored["metadata"]["name"]
        changed = await place.api.patch(CLAIMS, place.namespace, name, {"metadata": {"annotations": {"a": "b"}}})
        assert await first(woken, watching) == "commerce"
        found = await place.api.get(CLAIMS, place.namespace, name)
        assert found["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
        assert await everything(place.api, EVENTS, place.namespace) == []
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
