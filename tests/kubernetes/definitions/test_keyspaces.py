"""What kubectl apply answers: keyspaces that can be are accepted, others refused with a sentence that says why."""

import copy
import itertools

import pytest
import yaml

from flyball.errors import FlyballError
from flyball.records.manifest import load

pytestmark = pytest.mark.usefixtures("definitions")


_numbers = itertools.count(1)


def manifest(name: str = "commerce", **spec: object) -> str:
    return yaml.safe_dump(
        {"apiVersion": "flyball.dev/v1alpha1", "kind": "Keyspace", "metadata": {"name": name}, "spec": spec}
    )


VALID = {
    "nothing": {},
    "equal ranges": {"shards": 4},
    "all of the shards there may be": {"shards": 256},
    "ranges": {"ranges": ["-40", "40-80", "80-"]},
    "ranges in any order and either case": {"ranges": ["80-", "-4A", "4a00-80"]},
    "one range": {"ranges": ["-"]},
    "many ranges": {"ranges": ["-01", *(f"{n:02x}-{n + 1:02x}" for n in range(1, 255)), "ff-"]},
    "no durability": {"replicas": 1, "durability": {"policy": "none"}},
    "many acks": {"replicas": 5, "durability": {"policy": "semi-sync", "acks": 4}},
    "zones": {"zones": ["a", "b", "c"], "durability": {"policy": "cross-zone"}},
    "two zones": {"zones": ["a", "b"], "replicas": 4, "durability": {"policy": "cross-zone", "acks": 2}},
    "a database": {"database": "shop_2"},
    "tables": {"tables": {"customer": {"shardBy": "customer_id"}, "country": {"reference": True}}},
    "options": {"mysql": {"config": {"innodb_buffer_pool_size": "1G", "max_connections": 500}}},
    "resources": {"mysql": {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}}},
    "a request as high as its limit": {"mysql": {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1000m"}}}},
    "storage": {"storage": {"size": "1.5Ti", "storageClassName": "fast"}},
    "users": {"users": [{"name": "app"}, {"name": "owner", "ddl": True}]},
    "placement": {
        "placement": {
            "nodes": [{"key": "disk", "values": ["ssd"]}],
            "tolerations": [{"key": "mysql", "operator": "Exists", "effect": "NoSchedule"}],
            "annotations": {"a.example/b": "c"},
        }
    },
    "pause and deletion": {"paused": True, "reclaimPolicy": "Delete"},
}

INVALID = {
    "no such field": ({"shard": 2}, 'unknown field "spec.shard"'),
    "no shards": ({"shards": 0}, "should be greater than or equal to 1"),
    "too many shards": ({"shards": 257}, "should be less than or equal to 256"),
    "a text for a number": ({"shards": "2"}, "must be of type integer"),
    "both": ({"shards": 1, "ranges": ["-"]}, "give shards or ranges, not both"),
    "no ranges": ({"ranges": []}, "should have at least 1 items"),
    "a gap": ({"ranges": ["-40", "80-"]}, "the ranges leave a gap or overlap: each starts where another one ends"),
    "an overlap": ({"ranges": ["-80", "40-"]}, "the ranges leave a gap or overlap"),
    "a gap in the middle": ({"ranges": ["-40", "50-80", "80-"]}, "the ranges leave a gap or overlap"),
    "no end": ({"ranges": ["-40", "40-80"]}, "exactly one ends at the highest (80-, say)"),
    "no beginning": ({"ranges": ["40-"]}, "exactly one range starts at the lowest id (-80, say)"),
    "the same twice": ({"ranges": ["-80", "-80", "80-"]}, "exactly one range starts at the lowest id"),
    "the same twice inside": ({"ranges": ["-40", "40-80", "40-80", "80-"]}, "two ranges start at the same id"),
    "the same twice in other words": (
        {"ranges": ["-40", "40-80", "4000-80", "80-"]},
        "two ranges start at the same id",
    ),
    "backwards": ({"ranges": ["-80", "80-40", "40-"]}, "each range starts below its end"),
    "empty": ({"ranges": ["-80", "80-80", "80-"]}, "each range starts below its end"),
    "no range": ({"ranges": ["all"]}, "should match"),
    "odd digits": ({"ranges": ["-8", "8-"]}, "should match"),
    "no replicas": ({"replicas": 0}, "should be greater than or equal to 1"),
    "too few replicas": ({"replicas": 1}, "set replicas to acks + 1 or more, or ask for fewer acks"),
    "too many acks": ({"durability": {"acks": 3}}, "set replicas to acks + 1 or more, or ask for fewer acks"),
    "no such policy": ({"durability": {"policy": "raft"}}, 'supported values: "none", "semi-sync", "cross-zone"'),
    "no zones": ({"durability": {"policy": "cross-zone"}}, "too few members live outside the fullest zone"),
    "one zone": ({"zones": ["a"], "durability": {"policy": "cross-zone"}}, "too few members live outside"),
    "a full zone": (
        {"zones": ["a", "b"], "durability": {"policy": "cross-zone", "acks": 2}},
        "too few members live outside the fullest zone",
    ),
    "a zone twice": ({"zones": ["a", "b", "a"]}, "zones: the same name twice"),
    "a zone that is no name": ({"zones": ["Zone_1"]}, "should match"),
    "a reserved database": ({"database": "mysql"}, "keeps a database of that name for itself"),
    "no database": ({"database": "Shop!"}, "should match"),
    "neither": ({"tables": {"customer": {}}}, "a table has either shardBy: COLUMN or reference: true"),
    "a table that is both": (
        {"tables": {"customer": {"shardBy": "id", "reference": True}}},
        "a table has either shardBy: COLUMN or reference: true",
    ),
    "a reserved account": ({"users": [{"name": "root"}]}, "keeps an account of that name for itself"),
    "our account": ({"users": [{"name": "flyball_x"}]}, "keeps an account of that name for itself"),
    "an account twice": ({"users": [{"name": "app"}, {"name": "app"}]}, "Duplicate value"),
    "no account": ({"users": [{"ddl": True}]}, "users[0].name: Required value"),
    "no quantity": ({"storage": {"size": "20 GB"}}, "should match"),
    "a request above its limit": (
        {"mysql": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}}},
        "a request is above its limit",
    ),
    "an option that is an object": ({"mysql": {"config": {"port": [1]}}}, "integer,string"),
    "no policy": ({"reclaimPolicy": "Keep"}, 'supported values: "Retain", "Delete"'),
    "no effect": ({"placement": {"tolerations": [{"effect": "Never"}]}}, "should match"),
}

EDITS = {
    "more shards": ({"shards": 2}, {"shards": 4}, "rows would have to move, and this version cannot reshard yet"),
    "other ranges": ({"ranges": ["-80", "80-"]}, {"ranges": ["-40", "40-"]}, "rows would have to move"),
    "shards taken off": ({"shards": 2}, {}, "rows would have to move"),
    "another database": ({}, {"database": "other"}, "database cannot change: the tables would be out of reach"),
    "a smaller volume": (
        {"storage": {"size": "20Gi"}},
        {"storage": {"size": "20G"}},
        "a volume only grows: 20G need not hold what is on one of 20Gi",
    ),
    "another sharding key": (
        {"tables": {"orders": {"shardBy": "a"}}},
        {"tables": {"orders": {"shardBy": "b"}}},
        "a table cannot be spread anew",
    ),
    "a reference table that is sharded": (
        {"tables": {"orders": {"reference": True}}},
        {"tables": {"orders": {"shardBy": "b"}}},
        "a table cannot be spread anew",
    ),
}

HARMLESS_EDITS = {
    "more of all": (
        {"replicas": 3, "storage": {"size": "20Gi"}, "tables": {"a": {"shardBy": "x"}}},
        {"replicas": 5, "storage": {"size": "1Ti"}, "tables": {"a": {"shardBy": "x"}, "b": {"reference": True}}},
    ),
    "a table that is no longer declared": ({"tables": {"a": {"shardBy": "x"}}}, {"tables": {}}),
    "another policy": ({}, {"durability": {"policy": "none"}, "paused": True}),
}


@pytest.fixture
def namespace(kubectl) -> str:
    name = f"definitions-{next(_numbers)}"
    kubectl("create", "namespace", name)
    return name


def is_valid(text: str) -> bool:
    try:
        load(text)
    except FlyballError:
        return False
    return True


@pytest.mark.parametrize("spec", VALID.values(), ids=VALID)
def test_a_keyspace_that_can_be_is_accepted(kubectl, spec: dict) -> None:
    kubectl("apply", "--dry-run=server", "-f", "-", given=manifest(**spec))
    assert is_valid(manifest(**spec))


@pytest.mark.parametrize(("spec", "sentence"), INVALID.values(), ids=INVALID)
def test_a_keyspace_that_cannot_be_is_refused_with_a_sentence(kubectl, spec: dict, sentence: str) -> None:
    said = kubectl("apply", "--dry-run=server", "-f", "-", given=manifest(**spec), succeeds=False)
    assert sentence in said
    assert not is_valid(manifest(**spec))


@pytest.mark.parametrize("name", ["mysql", "flyball-x", "information-schema", "sys", "a" * 64, "x.y", "1st"])
def test_a_name_that_cannot_be_is_refused(kubectl, name: str) -> None:
    said = kubectl("apply", "--dry-run=server", "-f", "-", given=manifest(name), succeeds=False)
    assert "name" in said
    assert not is_valid(manifest(name))


def test_a_reserved_name_may_be_had_with_another_database(kubectl) -> None:
    kubectl("apply", "--dry-run=server", "-f", "-", given=manifest("mysql", database="shop"))


@pytest.mark.parametrize(("before", "after", "sentence"), EDITS.values(), ids=EDITS)
def test_an_edit_that_would_strand_data_is_refused(kubectl, namespace, before, after, sentence: str) -> None:
    kubectl("-n", namespace, "create", "-f", "-", given=manifest(**before))
    said = kubectl("-n", namespace, "replace", "-f", "-", given=manifest(**after), succeeds=False)
    assert sentence in said


@pytest.mark.parametrize(("before", "after"), HARMLESS_EDITS.values(), ids=HARMLESS_EDITS)
def test_other_edits_are_accepted(kubectl, namespace, before, after) -> None:
    kubectl("-n", namespace, "create", "-f", "-", given=manifest(**before))
    kubectl("-n", namespace, "replace", "-f", "-", given=manifest(**after))


WORKFLOWS = [
    ("Failover", {"keyspace": "shop", "shard": "shop-x-x", "mode": "planned"}, ""),
    (
        "Failover",
        {"keyspace": "shop", "shard": "shop-x-x", "mode": "sudden"},
        'supported values: "planned", "emergency"',
    ),
    ("Failover", {"keyspace": "shop", "mode": "planned"}, "spec.shard: Required value"),
    ("Operation", {"keyspace": "shop", "type": "pause"}, ""),
    ("Operation", {"keyspace": "shop", "type": "fence", "shard": "a"}, "type fence names a shard and a member"),
    ("Operation", {"keyspace": "shop", "type": "adopt"}, "an operation of type adopt names a shard"),
]


@pytest.mark.parametrize(("kind", "spec", "sentence"), WORKFLOWS)
def test_workflows_are_checked_too(kubectl, kind: str, spec: dict, sentence: str) -> None:
    document = {"apiVersion": "flyball.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    given = yaml.safe_dump(document)
    said = kubectl("apply", "--dry-run=server", "-f", "-", given=given, succeeds=not sentence)
    assert sentence in said
    assert is_valid(given) == (not sentence)


def test_a_workflow_is_not_edited(kubectl, namespace) -> None:
    spec = {"keyspace": "shop", "shard": "shop-x-x", "mode": "planned"}
    document = {"apiVersion": "flyball.dev/v1alpha1", "kind": "Failover", "metadata": {"name": "a"}, "spec": spec}
    kubectl("-n", namespace, "create", "-f", "-", given=yaml.safe_dump(document))
    changed = copy.deepcopy(document)
    changed["spec"]["mode"] = "emergency"
    said = kubectl("-n", namespace, "replace", "-f", "-", given=yaml.safe_dump(changed), succeeds=False)
    assert "a Failover says one thing once; delete it and make a new one" in said


def test_columns_say_how_a_shard_stands(kubectl, namespace) -> None:
    spec = {"keyspace": "shop", "range": "-", "database": "shop", "members": [], "credentials": "s"}
    status = {
        "reign": {"term": 7, "primary": "shop-x-x-1"},
        "overview": {"members": "3/4", "lag": "over 10 s", "errant": "shop-x-x-3 shop-x-x-4"},
        "findings": ["lag"],
    }
    document = {"apiVersion": "flyball.dev/v1alpha1", "kind": "Shard", "metadata": {"name": "shop-x-x"}, "spec": spec}
    kubectl("-n", namespace, "create", "-f", "-", given=yaml.safe_dump(document))
    given = yaml.safe_dump({**document, "status": status})
    kubectl("-n", namespace, "replace", "--subresource=status", "-f", "-", given=given)
    heads, row = kubectl("-n", namespace, "get", "shards").splitlines()
    shown = ["NAME", "KEYSPACE", "RANGE", "PRIMARY", "TERM", "MEMBERS", "LAG", "ERRANT", "FINDINGS", "AGE"]
    assert heads.split() == shown
    said = ["shop-x-x", "shop", "-", "shop-x-x-1", "7", "3/4", "over", "10", "s", "shop-x-x-3", "shop-x-x-4"]
    assert row.split()[:11] == said


def test_columns_say_how_a_keyspace_stands(kubectl, namespace) -> None:
    kubectl("-n", namespace, "create", "-f", "-", given=manifest())
    overview = {"ready": "2/2", "terms": "7 3", "lag": "over 1 s", "workflow": "shop-to-4"}
    ready = {"type": "Ready", "status": "True", "reason": "Serving", "message": "", "observedGeneration": 1}
    conditions = [{**ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    document = {**yaml.safe_load(manifest()), "status": {"overview": overview, "conditions": conditions}}
    kubectl("-n", namespace, "replace", "--subresource=status", "-f", "-", given=yaml.safe_dump(document))
    heads, row = kubectl("-n", namespace, "get", "ks").splitlines()
    assert heads.split() == ["NAME", "SHARDS", "READY", "TERM", "LAG", "WORKFLOW", "REASON", "AGE"]
    assert row.split()[:9] == ["commerce", "2/2", "True", "7", "3", "over", "1", "s", "shop-to-4"]
    assert "commerce" in kubectl("-n", namespace, "get", "flyball")
