import pytest

from flyball.duration import parse_duration
from flyball.errors import InputError
from flyball.records import Metadata, Shard
from flyball.records.operation import OperationSpec, OperationType
from flyball.records.shard import Access, ShardAccess, ShardSpec, ShardStatus


def shard(*, serving: bool, access: ShardAccess | None = None) -> Shard:
    spec = ShardSpec(keyspace="commerce", range="-80", database="commerce", members=(), credentials="c")
    return Shard(
        metadata=Metadata(name="commerce-x-80"),
        spec=spec.model_copy(update={"serving": serving}),
        status=ShardStatus(access=access),
    )


def test_a_shard_takes_what_the_engine_wishes_while_no_workflow_says_otherwise():
    assert shard(serving=True).serves
    assert shard(serving=False).access is Access.FILLING


@pytest.mark.parametrize("serving", [True, False])
@pytest.mark.parametrize("mode", Access)
def test_a_workflows_word_stands_above_the_engines_wish(mode: Access, *, serving: bool):
    told = shard(serving=serving, access=ShardAccess(mode=mode, by="reshard-1"))
    assert told.access is mode
    assert told.serves is (mode is Access.OPEN)


@pytest.mark.parametrize("kind", [OperationType.APPROVE, OperationType.CANCEL, OperationType.REVERSE])
def test_what_is_said_about_a_reshard_names_it(kind: OperationType):
    assert OperationSpec(type=kind, keyspace="commerce", workflow="reshard-1").workflow == "reshard-1"
    with pytest.raises(ValueError, match="names a workflow"):
        OperationSpec(type=kind, keyspace="commerce")


def test_a_reshard_is_paused_by_its_name_and_a_shard_is_not_fenced_by_one():
    OperationSpec(type=OperationType.PAUSE, keyspace="commerce", workflow="reshard-1")
    with pytest.raises(ValueError, match="names no workflow"):
        OperationSpec(type=OperationType.PAUSE, keyspace="commerce", shard="commerce-x-80", workflow="reshard-1")
    with pytest.raises(ValueError, match="names no workflow"):
        OperationSpec(
            type=OperationType.FENCE, keyspace="commerce", shard="commerce-x-80", member="m", workflow="reshard-1"
        )


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5_400), ("0s", 0)]
)
def test_durations_are_read(text: str, seconds: float):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "1.5h", "30s1h", "-1h", "1 h"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(InputError, match="is no duration"):
        parse_duration(text)
