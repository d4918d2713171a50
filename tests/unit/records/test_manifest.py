"""A manifest is read strictly, and every fault is told in its author's words."""

import json

import pytest
import yaml

from flyball.errors import Code, InputError
from flyball.records import Condition, Failover, Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.records.manifest import dump_json, dump_yaml, load

HEAD = "apiVersion: flyball.dev/v1alpha1\nkind: Keyspace\nmetadata: {name: commerce}\n"


def keyspace(spec: str) -> str:
    return f"{HEAD}spec: {spec}\n"


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(text, "k.yaml")
    assert caught.value.next_step
    return caught.value


def test_a_manifest_becomes_records_in_order():
    first, second = load(keyspace("{shards: 2}") + "---\n" + keyspace("{}").replace("commerce", "other"))
    assert isinstance(first, Keyspace)
    assert (first.name, first.spec.shards, second.name) == ("commerce", 2, "other")


def test_json_is_read_too():
    document = {"apiVersion": "flyball.dev/v1alpha1", "kind": "Keyspace", "metadata": {"name": "a"}, "spec": {}}
    assert [record.name for record in load(json.dumps(document))] == ["a"]


def test_empty_documents_are_skipped():
    assert len(load("---\n---\n" + keyspace("{}") + "---\n# nothing\n")) == 1


@pytest.mark.parametrize("dump", [dump_yaml, dump_json])
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_printed_can_be_read_again(dump, count):
    text = keyspace("{ranges: ['-40', '40-'], mysql: {config: {a: 'ON', b: 3}}, users: [{name: app}]}")
    records = load("---\n".join(text.replace("commerce", f"k{number}") for number in range(count)))
    assert load(dump(records)) == records


def test_output_of_a_store_can_be_applied_again():
    (declared,) = load(keyspace("{shards: 2}"))
    given = {"uid": "u", "revision": "r", "generation": 4, "created": "c", "finalizers": ("f",)}
    conditions = (Condition(type="Ready", status=None, reason="Unknown"),)
    stored = declared.model_copy(
        update={
            "metadata": declared.metadata.model_copy(update={**given, "labels": {"a": "b"}}),
            "status": KeyspaceStatus(observed_generation=4, conditions=conditions),
        }
    )
    (applied,) = load(dump_yaml([stored]))
    assert applied.spec == stored.spec
    assert applied.metadata == declared.metadata.model_copy(update={"labels": {"a": "b"}})
    assert applied.status == KeyspaceStatus()


def test_what_kubernetes_adds_to_metadata_is_dropped():
    text = keyspace("{}").replace("name:", "resourceVersion: '7', creationTimestamp: 2026-01-01T00:00:00Z, name:")
    assert load(text)[0].name == "commerce"


def test_a_text_that_looks_like_a_date_stays_a_text():
    (record,) = load(keyspace("{mysql: {config: {x: 2026-01-01}}}"))
    assert record.spec.mysql.config == {"x": "2026-01-01"}


def test_other_kinds_are_read_by_their_own_rules():
    text = HEAD.replace("Keyspace", "Failover") + "spec: {keyspace: commerce, shard: a, mode: planned}"
    assert isinstance(load(text)[0], Failover)


@pytest.mark.parametrize(
    ("text", "code", "parts"),
    [
        (keyspace("{shard: 2}"), Code.INVALID_RECORD, ["Keyspace 'commerce': spec.shard:", "did you mean shards?"]),
        (keyspace("{tables: {c: {shard_by: x}}}"), Code.INVALID_RECORD, ["spec.tables.c.shard_by:", "shardBy?"]),
        (keyspace("{users: [{name: a}, {nam: b}]}"), Code.INVALID_RECORD, ["spec.users[1].nam:", "name?"]),
        (keyspace("{durabilty: {}}"), Code.INVALID_RECORD, ["spec.durabilty:", "durability?"]),
        (keyspace("{shards: two}"), Code.INVALID_RECORD, ["spec.shards:", '"two", a text', "a whole number"]),
        (keyspace("{shards: '2'}"), Code.INVALID_RECORD, ["spec.shards:", '"2", a text', "a whole number"]),
        (keyspace("{shards: true}"), Code.INVALID_RECORD, ["spec.shards:", "true, a boolean"]),
        (keyspace("{shards: 300}"), Code.INVALID_RECORD, ["spec.shards:", "300", "256"]),
        (keyspace("{shards: .inf}"), Code.INVALID_RECORD, ["Keyspace 'commerce'", "JSON"]),
        (keyspace("{paused: 'no'}"), Code.INVALID_RECORD, ["spec.paused:", "true or false"]),
        (keyspace("{ranges: [-40, '40-']}"), Code.INVALID_RECORD, ["spec.ranges[0]:", "-40, a number", "quotes"]),
        (keyspace("{mysql: {config: {x: ON}}}"), Code.INVALID_RECORD, ["spec.mysql.config.x:", "true", "quotes"]),
        (keyspace("{mysql: {config: {x: 1.5}}}"), Code.INVALID_RECORD, ["x: found 1.5", "a text or a whole number"]),
        (keyspace("{reclaimPolicy: Keep}"), Code.INVALID_RECORD, ["spec.reclaimPolicy:", "Keep", "'Retain'"]),
        (keyspace("{durability: {policy: sync}}"), Code.INVALID_RECORD, ["spec.durability.policy:", "'semi-sync'"]),
        (keyspace("{shards: 2, ranges: ['-']}"), Code.INVALID_RECORD, ["spec:", "shards or ranges, not both"]),
        (keyspace("{tables: {c: {}}}"), Code.INVALID_RECORD, ["spec.tables.c:", "shardBy"]),
        (keyspace("{users: [{name: root}]}"), Code.INVALID_RECORD, ["spec.users[0]:", "reserved"]),
        (keyspace("[1]"), Code.INVALID_RECORD, ["spec:", "[1], a list", "an object"]),
        (keyspace(""), Code.INVALID_RECORD, ["spec:", "nothing"]),
        (HEAD, Code.INVALID_RECORD, ["spec: is missing"]),
        (keyspace("{}").replace("name: commerce", ""), Code.INVALID_RECORD, ["k.yaml: Keyspace: metadata.name"]),
        (keyspace("{}").replace("{name:", "{lables: {}, name:"), Code.INVALID_RECORD, ["metadata.lables", "labels?"]),
        (keyspace("{}").replace("commerce", "Com_merce"), Code.NOT_A_NAME, ["metadata.name:", "DNS label"]),
        (keyspace("{}").replace("commerce", "a" * 64), Code.NOT_A_NAME, ["metadata.name:", "63"]),
        (keyspace("{ranges: ['-40', '80-']}"), Code.RANGES_DO_NOT_TILE, ["'commerce': spec.ranges:", "40-80"]),
        (keyspace("{ranges: ['-80', '40-']}"), Code.RANGES_DO_NOT_TILE, ["'commerce': spec.ranges:", "40-80"]),
        (keyspace("{ranges: []}"), Code.RANGES_DO_NOT_TILE, ["spec.ranges:"]),
        (keyspace("{ranges: ['-4', '4-']}"), Code.NOT_A_KEY_RANGE, ["'commerce': spec.ranges:", "'-4'"]),
        (keyspace("{replicas: 1}"), Code.TOO_FEW_REPLICAS, ["'commerce': spec.replicas: 1 is below the 2"]),
        (keyspace("{durability: {policy: cross-zone}}"), Code.TOO_FEW_REPLICAS, ["outside the one zone there is"]),
        (
            keyspace("{zones: [a, b], durability: {policy: cross-zone, acks: 2}}"),
            Code.TOO_FEW_REPLICAS,
            ["1 of 3 members live outside a", "acks: 2"],
        ),
        (keyspace("{zones: [a, a]}"), Code.INVALID_RECORD, ["zones: the same name twice"]),
        (HEAD.replace("Keyspace", "Keyspce"), Code.INVALID_RECORD, ["k.yaml: kind:", "'Keyspce'", "mean Keyspace?"]),
        (HEAD.replace("kind: Keyspace", ""), Code.INVALID_RECORD, ["kind: is missing"]),
        (HEAD.replace("v1alpha1", "v1"), Code.INVALID_RECORD, ["apiVersion: found 'flyball.dev/v1'", "v1alpha1"]),
        ("- a", Code.INVALID_RECORD, ["k.yaml: found ['a']", "an object"]),
        ("", Code.INVALID_RECORD, ["k.yaml: holds no record"]),
        ("a: [", Code.INVALID_RECORD, ["k.yaml, line 1"]),
        (keyspace("{}") + "status:\n\tx: 1", Code.INVALID_RECORD, ["k.yaml, line 6"]),
        (keyspace("{}") + "spec: {}", Code.INVALID_RECORD, ["k.yaml, line 5", "'spec'", "twice"]),
        (keyspace("{shards: 2, shards: 3}"), Code.INVALID_RECORD, ["k.yaml, line 4", "'shards'", "twice"]),
        (keyspace("!!python/object:os.system {}"), Code.INVALID_RECORD, ["k.yaml, line 4", "tag"]),
        (keyspace("&a {x: *a}"), Code.INVALID_RECORD, ["Keyspace 'commerce'"]),
        ("a\x00b", Code.INVALID_RECORD, ["k.yaml: is no YAML"]),
        ("[" * 5000, Code.INVALID_RECORD, ["k.yaml"]),
        (keyspace("{}") + "---\n" + keyspace("{}"), Code.INVALID_RECORD, ["document 2", "'commerce'", "twice"]),
        (keyspace("{}") + "---\n- a", Code.INVALID_RECORD, ["k.yaml, document 2: found"]),
    ],
)
def test_a_fault_is_told_with_its_code_and_place(text, code, parts):
    error = refused(text)
    assert error.code is code, error
    for part in parts:
        assert part in str(error)


def test_all_faults_of_a_record_are_told_at_once():
    error = refused(keyspace("{shards: two, replicas: many, colour: red}"))
    assert all(field in error.message for field in ("spec.shards:", "spec.replicas:", "spec.colour:"))


def test_a_value_that_fits_no_part_of_a_union_is_told_once():
    assert refused(keyspace("{mysql: {config: {x: ON}}}")).message.count("spec.mysql.config.x") == 1


def test_yaml_that_is_printed_keeps_texts_texts():
    records = load(keyspace("{ranges: ['-80', '80-'], mysql: {config: {x: 'true', y: '10'}}}"))
    spec = yaml.safe_load(dump_yaml(records))["spec"]
    assert spec["ranges"] == ["-80", "80-"]
    assert spec["mysql"]["config"] == {"x": "true", "y": "10"}


RESERVED = ["mysql", "sys", "flyball", "flyball-shard", "performance-schema", "information-schema"]


@pytest.mark.parametrize("name", RESERVED)
def test_a_keyspace_is_no_schema_of_mysql_or_flyball(name):
    """Its accounts would get rights there."""
    error = refused(keyspace("{}").replace("commerce", name))
    assert error.code is Code.INVALID_RECORD
    assert "reserved" in error.message
    error = refused(keyspace(f"{{database: {name.replace('-', '_')}}}"))
    assert "reserved" in error.message
    (other,) = load(keyspace("{database: other}").replace("commerce", name))
    assert isinstance(other, Keyspace)
    assert other.database == "other"
