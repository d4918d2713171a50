"""A person's words."""

import json

import pytest

from flyball.records import Operation

RUNNING = {"outcome": "Running", "message": "nothing is touched"}


def only(store) -> Operation:
    (operation,) = store.all(Operation).values()
    return operation


@pytest.mark.parametrize(("target", "shard"), [("commerce", None), ("commerce/80-", "commerce-80-x")])
def test_a_pause_stands_once_it_was_heard_and_is_lifted_by_resume(flyball, store, target, shard):
    store.answer(Operation, RUNNING)
    assert flyball("pause", target, "--reason", "storage").code == 0
    spec = only(store).spec
    assert (spec.type, spec.shard, spec.reason) == ("pause", shard, "storage")
    assert flyball("resume", target).code == 0
    assert store.all(Operation) == {}


def test_saying_it_twice_says_it_once(flyball, store, make):
    store.put(make.operation("pause-it", "pause", outcome="Running"))
    done = flyball("pause", "commerce/80-", "-o", "json")
    assert done.code == 0
    assert json.loads(done.out)["metadata"]["name"] == "pause-it"
    assert len(store.all(Operation)) == 1


def test_a_pause_that_nobody_hears_stands_all_the_same(flyball, store):
    done = flyball("pause", "commerce", "--timeout", "0.3")
    assert done.code == 7
    assert "It stands" in done.err
    assert only(store).spec.type == "pause"


def test_what_is_not_paused_cannot_be_resumed(refused, store, make):
    refused("FB1009", 2, "resume", "commerce/80-")
    store.put(make.operation("pause-all", "pause", of=None))
    assert "flyball resume commerce" in refused("FB1009", 2, "resume", "commerce/80-").err


def test_a_keyspace_declared_paused_is_resumed_by_its_declaration(refused, store, make):
    store.put(make.keyspace(paused=True))
    assert "paused: true" in refused("FB1009", 2, "resume", "commerce").err


def test_a_fence_stands_until_it_is_lifted(flyball, store, make):
    store.answer(Operation, RUNNING)
    assert flyball("fence", "commerce/80-", "2").code == 0
    assert (only(store).spec.type, only(store).spec.member) == ("fence", f"{make.UPPER}-2")
    assert flyball("fence", "commerce/80-", "2", "--lift").code == 0
    assert store.all(Operation) == {}


def test_lifting_a_fence_that_does_not_stand_is_refused(refused):
    refused("FB1009", 2, "fence", "commerce/80-", "2", "--lift")


def test_a_reseed_is_followed_through_its_phases(flyball, store):
    store.answer(Operation, {"outcome": "Running", "phase": "Cloning"}, {"outcome": "Succeeded", "message": "again"})
    done = flyball("reseed", "commerce/80-", "3", "-o", "json")
    assert done.code == 0
    assert json.loads(done.out)["status"]["outcome"] == "Succeeded"
    assert "asked for" in done.err


def test_a_reseed_that_drops_transactions_asks_first(refused, flyball, store, make, at_a_terminal):
    members = [{"name": f"{make.UPPER}-2", "role": "Isolated", "errant": "3e11fa47:1-5"}]
    store.put(make.shard(make.UPPER, "80-", members=members))
    assert "3e11fa47:1-5" in refused("FB1012", 2, "reseed", "commerce/80-", "2", stdin="\n").err
    assert flyball("reseed", "commerce/80-", "2", "--no-wait", stdin=f"{make.UPPER}-2\n").code == 0


def test_an_operation_that_is_refused_gives_its_code(flyball, store):
    store.answer(Operation, {"outcome": "Refused", "code": "FB4002", "message": "it is the primary"})
    done = flyball("reseed", "commerce/80-", "1")
    assert done.code == 5
    assert "error FB4002: " in done.err


def test_a_reseed_that_nobody_takes_up_is_withdrawn(refused):
    assert "withdrawn" in refused("FB4008", 7, "reseed", "commerce/80-", "2", "--timeout", "0.3").err


def test_only_a_held_member_is_released(refused, flyball, store, make):
    refused("FB1011", 2, "release", "commerce/80-", "2")
    store.put(make.shard(make.UPPER, "80-", held=[f"{make.UPPER}-2"]))
    refused("FB1012", 2, "release", "commerce/80-", "2")
    store.answer(Operation, {"outcome": "Succeeded"})
    assert flyball("release", "commerce/80-", "2", "--yes").code == 0


def test_adopting_is_asked_for_one_shard(flyball, refused, store):
    refused("FB1011", 2, "adopt", "commerce")
    store.answer(Operation, {"outcome": "Succeeded", "message": "adopted term 9"})
    done = flyball("adopt", "commerce/80-")
    assert done.code == 0
    assert "adopted term 9" in done.out


@pytest.mark.parametrize("command", ["pause", "resume", "fence", "reseed", "release", "adopt"])
def test_bad_input_is_refused(refused, command):
    member = ["1"] if command in {"fence", "reseed", "release"} else []
    refused("FB1009", 2, command, "shop", *member)
    refused("FB1009", 2, command, "commerce/40-", *member)
    refused("FB1011", 2, command, "commerce/80-/x", *member)
    refused("FB1011", 2, command)
    if member:
        refused("FB1009", 2, command, "commerce/80-", "nobody")


def test_a_comparison_says_where_members_differ_and_ends_with_its_code(flyball, store):
    found = {"shard": "commerce-80-x", "primary": "commerce-80-x-1", "rows": 7, "differing": 1}
    step = {"name": "commerce-80-x", "state": "Failed", "evidence": "commerce-80-x-2: orders: 1 row it lacks: (5)"}
    told = {"outcome": "Refused", "code": "FB4012", "message": "1 difference", "verified": [found], "steps": [step]}
    store.answer(Operation, RUNNING, told)
    done = flyball("verify", "commerce/80-")
    assert done.code == 5
    assert "1 row it lacks: (5)" in done.out
    assert "flyball reseed" in done.err
    assert (only(store).spec.type, only(store).spec.shard) == ("verify", "commerce-80-x")


def test_a_comparison_that_nobody_takes_up_is_withdrawn(flyball, store):
    done = flyball("verify", "commerce", "--timeout", "0.3")
    assert done.code == 7
    assert store.all(Operation) == {}
