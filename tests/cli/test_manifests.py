"""Records as manifests: apply, get, delete."""

import json

import pytest
import yaml

from flyball.records import Failover, Keyspace, Operation, manifest

SHOP = """
apiVersion: flyball.dev/v1alpha1
kind: Keyspace
metadata: {name: shop}
spec: {shards: 1, replicas: 3}
"""
COMMERCE = SHOP.replace("shop", "commerce")


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "manifest.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_keyspace_is_created_then_unchanged_then_changed(flyball, store, file):
    assert flyball("apply", "-f", file(SHOP)).out == "Keyspace shop created\n"
    assert flyball("apply", "-f", file(SHOP)).out == "Keyspace shop unchanged\n"
    done = flyball("apply", "-f", "-", "-o", "json", stdin=SHOP.replace("replicas: 3", "replicas: 5"))
    (change,) = json.loads(done.out)["changes"]
    assert (change["verdict"], change["kind"], change["name"]) == ("changed", "Keyspace", "shop")
    assert store.all(Keyspace)["shop"].spec.replicas == 5
    assert store.all(Keyspace)["shop"].metadata.generation == 2


def test_labels_are_applied_too(flyball, store, file):
    flyball("apply", "-f", file(SHOP))
    flyball("apply", "-f", file(SHOP.replace("{name: shop}", "{name: shop, labels: {team: a}}")))
    assert store.all(Keyspace)["shop"].metadata.labels == {"team": "a"}


def test_a_dry_run_shows_the_difference_and_changes_nothing(flyball, store, file):
    flyball("apply", "-f", file(SHOP))
    before = store.everything()
    done = flyball("apply", "--dry-run", "-f", file(SHOP.replace("replicas: 3", "replicas: 5")))
    assert "Keyspace shop would be changed" in done.out
    assert "-  replicas: 3" in done.out
    assert "+  replicas: 5" in done.out
    assert "would be created" in flyball("apply", "--dry-run", "-f", file(SHOP.replace("shop", "other"))).out
    assert store.everything() == before


def test_what_get_prints_can_be_applied(flyball, store, file):
    text = flyball("get", "keyspace", "commerce", "-o", "yaml").out
    assert flyball("apply", "-f", file(text)).out == "Keyspace commerce unchanged\n"


def test_requests_can_be_applied_once(flyball, store, make, file):
    text = manifest.dump_yaml([make.operation("pause-it", "pause"), make.failover("move-it")])
    assert flyball("apply", "-f", file(text)).code == 0
    assert (list(store.all(Operation)), list(store.all(Failover))) == (["pause-it"], ["move-it"])
    assert "unchanged" in flyball("apply", "-f", file(text)).out


def test_a_request_is_never_edited(flyball, store, make, file):
    text = manifest.dump_yaml([make.failover("move-it")])
    flyball("apply", "-f", file(text))
    before = store.everything()
    done = flyball("apply", "-f", file(text.replace("a trial", "another")))
    assert "error FB2002: " in done.err
    assert done.code == 3
    assert store.everything() == before


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("FB1005", SHOP.replace("shards: 1", "sharts: 1")),
        ("FB1005", "a: [1"),
        ("FB1006", SHOP.replace("shop", "Shop!")),
        ("FB1007", SHOP.replace("replicas: 3", "replicas: 1")),
        ("FB1008", COMMERCE),
        ("FB1005", SHOP.replace("replicas: 3", "mysql: {config: {server-id: 3}}")),
    ],
)
def test_a_manifest_that_cannot_be_is_refused_as_a_whole(refused, file, code, text):
    refused(code, 2, "apply", "-f", file(SHOP.replace("shop", "good") + "---" + text))


def test_people_declare_no_shards(refused, make, file):
    text = manifest.dump_yaml([make.shard("shop-x-x", "-")])
    assert "the engine declares shards" in refused("FB1011", 2, "apply", "-f", file(text)).err
    assert "the engine declares shards" in refused("FB1011", 2, "delete", "shard", make.UPPER).err


def test_a_file_that_cannot_be_read_is_refused(refused, tmp_path):
    refused("FB1011", 2, "apply", "-f", str(tmp_path / "nothing.yaml"))
    refused("FB1011", 2, "apply", "-f", str(tmp_path))
    refused("FB1011", 2, "apply")


def test_a_keyspace_that_is_being_deleted_takes_no_edits(flyball, store, make, file):
    record = make.keyspace("shop", shards=1)
    metadata = record.metadata.model_copy(update={"uid": "u", "deletion_requested": True, "finalizers": ("engine",)})
    store.put(record.model_copy(update={"metadata": metadata}))
    before = store.everything()
    assert "is being deleted" in flyball("apply", "-f", file(SHOP)).err
    assert store.everything() == before


def test_records_are_got_by_kind_and_name(flyball, make):
    assert {line.split()[1] for line in flyball("get").out.splitlines()[1:]} == {"commerce", make.LOWER, make.UPPER}
    for kind in ("shard", "Shards", "sh"):
        items = json.loads(flyball("get", kind, "-o", "json").out)["items"]
        assert [item["metadata"]["name"] for item in items] == [make.LOWER, make.UPPER]
    document = yaml.safe_load(flyball("get", "shard", make.UPPER, "-o", "yaml").out)
    assert (document["kind"], document["spec"]["range"]) == ("Shard", "80-")


def test_what_is_not_there_cannot_be_got_or_deleted(refused):
    for command in ("get", "delete"):
        assert "did you mean Shard" in refused("FB1011", 2, command, "shar", "x").err
        assert "did you mean commerce" in refused("FB1009", 2, command, "keyspace", "comerce").err
    refused("FB1011", 2, "delete", "keyspace")


def test_a_keyspace_with_shards_is_deleted_only_by_its_name(refused, flyball, store, at_a_terminal):
    assert "its data kept" in refused("FB1012", 2, "delete", "keyspace", "commerce", stdin="y\n").err
    assert flyball("delete", "keyspace", "commerce", stdin="commerce\n").code == 0
    assert store.all(Keyspace) == {}


def test_a_script_says_yes(refused, flyball, store):
    refused("FB1012", 2, "delete", "keyspace", "commerce")
    assert flyball("delete", "keyspace", "commerce", "--yes").code == 0


def test_deleting_a_persons_word_lifts_it_but_a_workflow_is_not_stopped_halfway(flyball, refused, store, make):
    store.put(make.operation("pause-it", "pause", outcome="Running"), make.failover("move-it", outcome="Running"))
    assert flyball("delete", "operation", "pause-it").code == 0
    refused("FB4005", 5, "delete", "failover", "move-it")
    store.put(make.failover("move-it", outcome="Succeeded"))
    assert flyball("delete", "failover", "move-it").code == 0
    assert store.all(Failover) == {}
