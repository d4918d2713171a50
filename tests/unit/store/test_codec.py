"""Records as text: what is quick about it must not differ from what is sorted and strict."""

import pytest

from flyball.errors import StoreError
from flyball.records import Operation
from flyball.store.codec import decode, encode, reread, same


def _operation(**labels: str) -> Operation:
    spec = {"type": "pause", "keyspace": "commerce", "shard": "commerce-x"}
    return Operation.model_validate({"metadata": {"name": "one", "labels": labels}, "spec": spec})


def test_a_record_read_back_is_what_its_text_says() -> None:
    record = _operation(a="1", ü="2")
    assert reread(record) == decode(Operation, "one", encode(record)) == record


def test_a_record_that_could_not_be_stored_is_not_read_back() -> None:
    record = _operation()
    broken = record.model_copy(update={"spec": record.spec.model_copy(update={"shard": "No Label"})})
    with pytest.raises(StoreError, match=r"spec\.shard"):
        reread(broken)


def test_the_order_of_labels_makes_no_other_record() -> None:
    assert same(_operation(a="1", b="2"), _operation(b="2", a="1"))
    assert not same(_operation(a="1", b="2"), _operation(a="2", b="1"))
    assert not same(_operation(a="1"), _operation(a="11"))
