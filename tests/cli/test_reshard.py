"""Asking for another number of shards, and what people say about the reshard that comes of it."""

import json

import pytest

from flyball.records import Keyspace, Operation, Reshard

TWO = [{"range": "-80", "shard": "commerce-x-80"}, {"range": "80-", "shard": "commerce-80-x"}]
ONE = [{"range": "-", "shard": "commerce-x-x"}]


def reshard(**status: object) -> Reshard:
    spec = {"keyspace": "commerce", "sources": TWO, "targets": ONE, "reason": "fewer machines"}
    return Reshard.model_validate({"metadata": {"name": "commerce-reshard-3"}, "spec": spec, "status": status})


@pytest.fixture
def serving(store):
    """The keyspace has a routing."""
    (keyspace,) = store.all(Keyspace).values()
    document = keyspace.model_dump(mode="json", by_alias=True)
    document["status"]["routing"] = TWO
    store.put(Keyspace.model_validate(document))


@pytest.mark.usefixtures("serving")
def test_it_edits_the_keyspace_and_nothing_else(flyball, store):
    done = flyball("reshard", "commerce", "--shards", "4")
    assert done.code == 0
    assert "flyball workflow show commerce" in done.out
    assert store.all(Keyspace)["commerce"].spec.shards == 4
    assert store.all(Reshard) == {}


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("option", ["--dry-run", "--plan"])
def test_a_dry_run_shows_both_sides_and_the_steps_and_changes_nothing(flyball, store, option):
    done = flyball("reshard", "commerce", "--ranges", "-55,55-", option)
    assert done.code == 0
    for text in ("commerce-x-80", "commerce-80-x", "commerce-x-55", "commerce-55-x", "SwitchWrites", "term 3"):
        assert text in done.out
    assert store.all(Keyspace)["commerce"].spec.ranges is None
    plan = json.loads(flyball("reshard", "commerce", "--shards", "1", option, "-o", "json").out)
    assert [route["shard"] for route in plan["targets"]] == ["commerce-x-x"]
    assert plan["refused"] is None


@pytest.mark.usefixtures("serving")
def test_what_cannot_be_is_refused_before_anything_is_written(refused, store):
    refused("FB1009", 2, "reshard", "shop", "--shards", "4")
    refused("FB1011", 2, "reshard", "commerce", "--shards", "2")
    refused("FB1011", 2, "reshard", "commerce", "--shards", "2", "--ranges", "-")
    refused("FB1002", 2, "reshard", "commerce", "--ranges", "-40,80-")
    store.put(reshard(outcome="Running", stage="Moving"))
    refused("FB4005", 5, "reshard", "commerce", "--shards", "4")
    assert store.all(Keyspace)["commerce"].spec.shards == 2


def test_a_keyspace_that_does_not_serve_yet_is_not_resharded(refused):
    refused("FB4009", 5, "reshard", "commerce", "--shards", "4")


@pytest.mark.usefixtures("serving")
def test_after_one_that_was_cancelled_the_same_may_be_asked_again(flyball, store):
    store.put(reshard(outcome="Cancelled"))
    assert flyball("reshard", "commerce", "--shards", "1").code == 0
    assert store.all(Keyspace)["commerce"].metadata.labels == {"flyball.dev/again-after": "commerce-reshard-3"}


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
