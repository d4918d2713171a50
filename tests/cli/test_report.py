"""``flyball report``: everything that helps, and no secret, though one stands everywhere."""

import base64
import stat
import tarfile
from pathlib import Path

import pytest

from flyball.errors import ClusterError, Code
from flyball.kubernetes.resources import EVENTS, PODS, SECRETS
from flyball.report import archive, cluster
from flyball.report.redaction import Redaction, secrets_in
from flyball_local.mysqld import error_log
from tests.apiserver.server import FakeServer

PASSWORD = "correct-horse-battery"


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {one.name.partition("/")[2]: archive.extractfile(one).read().decode() for one in archive.getmembers()}


@pytest.fixture
def planted(store, make):
    """A home with a password in its secrets, its records and its logs."""
    secrets = store.home / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "commerce-credentials.json").write_text(f'{{"user-app": "{PASSWORD}", "ca": "public"}}')
    (secrets / "commerce-credentials.json").chmod(0o600)
    (store.home / "logs").mkdir()
    (store.home / "logs" / "topology.log").write_text(f"it said {PASSWORD}\n")
    member = store.home / "members" / f"{make.UPPER}-1"
    member.mkdir(parents=True)
    error_log(member).write_text(f"mysqld said {PASSWORD}\n")
    (member / "init.sql").write_text(PASSWORD)
    store.put(make.shard(make.UPPER, "80-", decision={"wanted": "x", "why": f"told {PASSWORD}", "seen": [PASSWORD]}))
    store.put(make.failover(f"asked-{PASSWORD}", message=f"with {PASSWORD}", outcome="Refused"))
    return store


def test_it_holds_records_decisions_and_logs_and_no_password(flyball, planted, make, tmp_path):
    file = tmp_path / "incident.tar.gz"
    done = flyball("report", "--file", str(file))
    assert done.code == 0, done.err
    found = contents(file)
    assert PASSWORD not in "".join((*found, *found.values()))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {"about.json", "status.txt", "explain.txt", "decisions.json", "logs/topology.log"} <= set(found)
    assert f"records/Shard/{make.UPPER}.yaml" in found
    assert "mysqld said" in found[f"logs/members/{make.UPPER}-1.log"]
    assert "reigns under term 3" in found["explain.txt"]


def test_an_archive_that_exists_is_left_alone(flyball, planted, tmp_path):
    file = tmp_path / "incident.tar.gz"
    file.write_text("mine")
    done = flyball("report", "--file", str(file))
    assert done.code == 2
    assert "next: " in done.err
    assert file.read_text() == "mine"


class Logging:
    """The API server in memory, with logs."""

    def __init__(self, api) -> None:
        self._api = api

    def __getattr__(self, name):
        return getattr(self._api, name)

    async def log(self, namespace, pod, container, *, lines, previous=False):
        return f"{container} of {pod}{' before' if previous else ''}: {PASSWORD}\n"


async def test_a_cluster_s_report_shows_pods_events_and_logs_without_what_they_hold(tmp_path):
    api = FakeServer().connect()
    place = {"namespace": "shop", "labels": {"flyball.dev/keyspace": "commerce"}}
    kept = {"kubectl.kubernetes.io/last-applied-configuration": "{...}", "note": PASSWORD}
    container = {"name": "mysqld", "image": "mysql:9.7", "env": [{"name": "A", "value": "unknown-secret"}]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "commerce-x-x-1", "annotations": kept, **place},
        "spec": {"containers": [container]},
    }
    await api.create(PODS, pod)
    status = {"containerStatuses": [{"name": "mysqld", "restartCount": 1}]}
    await api.patch(PODS, "shop", "commerce-x-x-1", {"status": status}, subresource="status")
    await api.create(PODS, {**pod, "metadata": {"name": "somebody-s", "namespace": "shop"}})
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", **place}, "message": f"said {PASSWORD}"}
    await api.create(EVENTS, event)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", **place}}
    await api.create(SECRETS, {**secret, "data": {"password": base64.b64encode(PASSWORD.encode()).decode()}})

    found = await cluster.gather(Logging(api), "shop")
    secrets = [value for held in found.secrets for value in secrets_in(held)]
    archive.write(tmp_path / "r.tar.gz", found.texts, Redaction(secrets), 0.0)
    texts = contents(tmp_path / "r.tar.gz")
    whole = "".join(texts.values())
    assert PASSWORD not in whole
    assert "unknown-secret" not in whole
    assert "last-applied" not in whole
    assert "somebody-s" not in whole
    assert "commerce-x-x-1" in texts["pods.yaml"]
    assert "said" in texts["events.yaml"]
    assert {"logs/commerce-x-x-1/mysqld.log", "logs/commerce-x-x-1/mysqld.previous.log"} <= set(texts)
    assert not any("secret" in name for name in texts)


async def test_what_may_not_be_read_is_named_and_the_rest_is_there():
    server = FakeServer()

    def forbid(call) -> None:
        if call.resource == SECRETS:
            raise ClusterError(Code.API_FORBIDDEN, "list secrets: not allowed", "Ask.")

    server.fault = forbid
    found = await cluster.gather(Logging(server.connect()), "shop")
    assert found.unread == ["list secrets: not allowed"]
    assert "pods.yaml" in found.texts
