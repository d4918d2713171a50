"""What a keyspace says of volumes, resources and nodes: quantities are compared, not guessed."""

from decimal import Decimal

import pytest

from flyball.errors import Code, InputError
from flyball.expand import check_edit
from flyball.quantity import parse_quantity
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.manifest import load


def keyspace(**spec) -> Keyspace:
    return Keyspace(metadata=Metadata(name="commerce"), spec=KeyspaceSpec.model_validate(spec))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20Gi", Decimal(20 * 1024**3)),
        ("20G", Decimal(20 * 1000**3)),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("0", Decimal(0)),
    ],
)
def test_a_quantity_is_an_amount(text, amount):
    assert parse_quantity(text) == amount


@pytest.mark.parametrize("text", ["", "Gi", "-1", "1 Gi", "1gi", "1e3", "1KiB", "one"])
def test_what_is_no_quantity_is_refused_with_its_text(text):
    with pytest.raises(InputError) as caught:
        parse_quantity(text)
    assert caught.value.code is Code.NOT_A_DURATION
    assert repr(text) in caught.value.message


def test_requests_above_their_limits_are_refused():
    with pytest.raises(ValueError, match="is above limits"):
        keyspace(mysql={"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2000M"}}})


def test_a_manifest_may_say_where_members_run():
    text = """
apiVersion: flyball.dev/v1alpha1
kind: Keyspace
metadata: {name: commerce}
spec:
  mysql: {image: "mysql:9.7", resources: {requests: {cpu: "1", memory: 4Gi}}}
  storage: {size: 20Gi, storageClassName: fast}
  placement:
    requireSpread: true
    nodes: [{key: disk, operator: In, values: [ssd]}]
    tolerations: [{key: database, operator: Exists, effect: NoSchedule}]
  certificates: {authoritySecret: commerce-ca}
"""
    (record,) = load(text)
    assert record.spec.storage.size == "20Gi"
    assert record.spec.placement.nodes[0].values == ("ssd",)


def test_a_volume_never_shrinks():
    with pytest.raises(InputError) as caught:
        check_edit(keyspace(storage={"size": "20Gi"}), keyspace(storage={"size": "20G"}))
    assert caught.value.code is Code.WOULD_LOSE_DATA
    assert "spec.storage.size" in caught.value.message


@pytest.mark.parametrize("size", ["20Gi", "20480Mi", "1Ti"])
def test_it_may_grow_and_be_written_otherwise(size):
    check_edit(keyspace(storage={"size": "20Gi"}), keyspace(storage={"size": size}))
