"""What people say about a reshard, and what they are shown of it."""

import json

import pytest

from flyball.records import Operation, Reshard

TWO = [{"range": "-80", "shard": "commerce-x-80"}, {"range": "80-", "shard": "commerce-80-x"}]
ONE = [{"range": "-", "shard": "commerce-x-x"}]


def reshard(**status: object) -> Reshard:
    spec = {"keyspace": "commerce", "sources": TWO, "targets": ONE, "reason": "fewer machines"}
    return Reshard.model_validate({"metadata": {"name": "commerce-reshard-3"}, "spec": spec, "status": status})


@pytest.mark.parametrize("name", ["commerce", "commerce-reshard-3"])
@pytest.mark.parametrize("word", ["approve", "cancel", "reverse"])
def test_a_word_names_the_reshard_and_ends_as_it_does(flyball, store, name, word):
    store.put(reshard(outcome="Running", stage="Moving"))
    store.answer(Operation, {"outcome": "Succeeded", "message": "done"})
    assert flyball("workflow", word, name).code == 0
    (operation,) = store.all(Operation).values()
    assert (operation.spec.type, operation.spec.workflow, operation.spec.shard) == (word, "commerce-reshard-3", None)


def test_a_word_that_is_refused_says_why(flyball, store):
    store.put(reshard(outcome="Running", stage="Switched"))
    store.answer(Operation, {"outcome": "Refused", "code": "FB4014", "message": "the targets serve already"})
    done = flyball("workflow", "cancel", "commerce")
    assert done.code == 5
    assert "error FB4014: " in done.err
    assert "next: " in done.err


def test_a_reshard_is_paused_and_resumed_by_its_own_word(flyball, store):
    store.put(reshard(outcome="Running"))
    store.answer(Operation, {"outcome": "Running"})
    assert flyball("workflow", "pause", "commerce").code == 0
    (operation,) = store.all(Operation).values()
    assert (operation.spec.type, operation.spec.workflow) == ("pause", "commerce-reshard-3")
    assert flyball("resume", "commerce").code != 0
    assert flyball("workflow", "resume", "commerce").code == 0
    assert store.all(Operation) == {}


def test_it_is_shown_with_rows_bytes_steps_and_what_it_waits_for(flyball, store):
    step = {"name": "Check", "state": "Done", "evidence": "2 tables", "milliseconds": 12}
    progress = [{"table": "orders", "rows": 1000, "rowsExpected": 4000, "size": 200000}]
    store.put(
        reshard(outcome="Running", stage="Moving", steps=[step], progress=progress, eta=42, awaited=["the data plane"])
    )
    done = flyball("workflow", "show", "commerce")
    for text in ("-80 80- -> -", "1000 of about 4000 rows, 0.2 MB", "42 s", "the data plane", "(2 tables)", "Moving"):
        assert text in done.out
    assert "reshard" in flyball("workflow", "list").out


def test_one_that_goes_on_is_not_deleted_and_none_is_applied(refused, store, tmp_path):
    store.put(reshard(outcome="Running"))
    refused("FB4005", 5, "delete", "reshard", "commerce-reshard-3")
    file = tmp_path / "reshard.yaml"
    file.write_text(json.dumps(reshard().document()))
    refused("FB1011", 2, "apply", "-f", str(file))
