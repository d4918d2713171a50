"""Rounds cost the API server nothing, and no step is taken on the word of a watch."""

import asyncio
from random import Random

import pytest

from flyball.attempts import Attempts
from flyball.kubernetes.resources import PODS, SERVICES
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball.records import Failover, Keyspace, Shard
from flyball.records.keyspace import Overview
from flyball.records.shard import Reign
from flyball.stability import Backoff
from flyball.store import Added
from flyball.store.known import Known
from flyball_operator import naming
from flyball_operator.acts import Tools
from flyball_operator.controller import KeyspaceController
from flyball_operator.manifests.access import Reader
from flyball_operator.observe import Eyes, Observer
from flyball_operator.sources import Endpoints, Server, Watched, cache_of
from flyball_operator.steps import MarkPods
from tests.unit.operator.world import NAMESPACE, World, steady

LIMIT = 60.0


class Watching:
    """An operator in the world whose caches are fed when the test says so."""

    def __init__(self, world: World) -> None:
        self.world, self.calls = world, world.server.calls
        api = world.server.connect("operator")
        secrets = KubernetesSecrets(api, NAMESPACE, {naming.MANAGED_BY: naming.MANAGER})
        reader = Reader("flyball-topology", "flyball-system")
        attempts = Attempts(Backoff(0.001, 0.001, Random(7)))
        self.cache, self.known = cache_of(api, NAMESPACE), Known()
        server = Server(api, NAMESPACE, world.records, secrets, self.known)
        watched = Watched(self.cache, self.known, server, world._clock)
        eyes = Eyes(reader, attempts, world._clock, lambda: world.time)
        observer = Observer(eyes, server, watched, Endpoints(watched, server))
        tools = Tools(
            api,
            NAMESPACE,
            world.records,
            secrets,
            reader,
            attempts,
            Random(7),
            world._clock,
            lambda: world.time,
            observer.hold,
        )
        world.controller = self.controller = KeyspaceController(observer, tools, world.records, glances=True)

    async def watch(self) -> None:
        """Bring the caches up to date, once."""
        watching = asyncio.create_task(self.cache.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(LIMIT):
            await self.cache.synced()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        for kind in (Keyspace, Shard, Failover):
            for record in await self.world.records.list(kind):
                self.known.see(kind, Added(record))
        self.calls.clear()


@pytest.fixture
async def watching() -> Watching:
    made = Watching(await steady())
    await made.watch()
    return made


def verbs(watching: Watching) -> set[str]:
    return {call.verb for call in watching.calls}


async def test_a_round_over_a_keyspace_at_rest_lists_nothing(watching):
    assert await watching.world.operate() is False
    assert verbs(watching) <= {"get"}, "nodes and storage classes at most"
    asked = len(watching.calls)
    assert await watching.world.operate() is False
    assert len(watching.calls) == asked, "which are remembered for a while"


async def test_what_watches_tell_late_is_looked_at_before_anything_is_done(watching):
    api = watching.world.server.connect("somebody")
    await api.delete(SERVICES, NAMESPACE, "commerce-x-x-primary")
    await watching.watch()
    await watching.world.operate()  # the operator makes it again; its cache does not know that yet
    assert "apply" in verbs(watching)
    watching.calls.clear()
    assert await watching.world.operate() is False
    assert verbs(watching) <= {"get", "list"}


async def test_a_word_of_an_old_view_is_not_written(watching):
    await watching.world.edit(mysql={"image": "mysql:9.8"})
    before = await watching.world.keyspace()
    watching.known.see(Keyspace, Added(before.model_copy(update={"status": before.status.model_copy()})))
    await watching.world.operate()
    assert "list" in verbs(watching), "what is to be done, or said, is looked at"


async def test_who_is_told_of_a_change_looks_at_the_server(watching):
    await watching.world.server.connect("somebody").delete(PODS, NAMESPACE, "commerce-x-x-2", grace=0)
    watching.controller.tell("commerce")
    assert await watching.world.operate() is True
    assert "commerce-x-x-2" in watching.world.pods()


async def test_without_that_a_lost_pod_waits_for_the_watch(watching):
    await watching.world.server.connect("somebody").delete(PODS, NAMESPACE, "commerce-x-x-2", grace=0)
    assert await watching.world.operate() is False
    await watching.watch()
    assert await watching.world.operate() is True
    assert "commerce-x-x-2" in watching.world.pods()


@pytest.mark.parametrize("told", [False, True])
async def test_endpoints_move_before_anything_else_is_asked(watching, told):
    record = watching.world.shard()
    status = record.status.model_copy(update={"reign": Reign(term=2, primary="commerce-x-x-2", uuid="u")})
    changed = await watching.world.records.replace_status(record.model_copy(update={"status": status}))
    watching.known.see(Shard, Added(changed))
    if told:
        watching.controller.tell("commerce")
    before = await watching.world.keyspace()
    assert await watching.world.operate() is True
    assert isinstance(watching.world.decision.step, MarkPods)
    until_moved = [call.verb for call in watching.calls]
    assert until_moved.count("list") == 1, "the pods; who reigns is a record"
    assert await watching.world.keyspace() == before, "the rest of the view is a watch's word, and not written down"
    roles = {name: pod["metadata"]["labels"][naming.ROLE] for name, pod in watching.world.pods().items()}
    assert roles["commerce-x-x-2"] == naming.PRIMARY
    assert list(roles.values()).count(naming.PRIMARY) == 1


async def test_what_a_store_with_older_definitions_drops_is_written_once(watching, monkeypatch):
    records, written = watching.world.records, []
    keep = records.replace_status

    async def replace_status(record):
        written.append(record)
        return await keep(
            record.model_copy(update={"status": record.status.model_copy(update={"overview": Overview()})})
        )

    monkeypatch.setattr(records, "replace_status", replace_status)
    await replace_status(await watching.world.keyspace())
    await watching.watch()
    for _ in range(3):
        assert await watching.world.operate() is False
    assert len(written) == 2, "ours, and once the operator's"
    watching.calls.clear()
    assert await watching.world.operate() is False
    assert watching.calls == [], "a glance is enough again"
    await watching.world.edit(mysql={"image": "mysql:9.8"})
    await watching.watch()
    await watching.world.operate()
    assert len(written) > 2, "what is new is told"
