"""Asking for another primary, and watching it happen."""

import json

import pytest

from flyball.records import Failover

DONE = {"name": "freeze it", "state": "Done", "evidence": "term 3", "milliseconds": 12.5}


def test_a_switchover_is_asked_for_and_followed_to_its_end(flyball, store, make):
    store.answer(
        Failover,
        {"outcome": "Running", "steps": [DONE]},
        {"outcome": "Succeeded", "term": 4, "fromPrimary": "a", "toPrimary": "b", "steps": [DONE, DONE]},
    )
    done = flyball("switchover", "commerce/80-", "--to", "2", "--reason", "a trial")
    assert done.code == 0
    assert "Succeeded, a -> b, term 4" in done.out
    assert done.err.count("freeze it  (term 3)") == 2
    (request,) = store.all(Failover).values()
    assert request.spec.model_dump() == {
        "keyspace": "commerce",
        "shard": make.UPPER,
        "mode": "planned",
        "to": f"{make.UPPER}-2",
        "reason": "a trial",
        "accept_loss": False,
    }


def test_a_failover_is_an_emergency_without_loss(flyball, store):
    store.answer(Failover, {"outcome": "Succeeded"})
    assert flyball("failover", "commerce/80-").code == 0
    (request,) = store.all(Failover).values()
    assert (request.spec.mode, request.spec.accept_loss) == ("emergency", False)


@pytest.mark.parametrize(
    ("outcome", "code", "exit_code"),
    [("Refused", "FB4001", 5), ("Refused", "FB1009", 2), ("Undone", "FB4002", 5), ("Cancelled", "", 5)],
)
def test_a_request_that_was_not_done_gives_its_code(flyball, store, outcome, code, exit_code):
    store.answer(Failover, {"outcome": outcome, "code": code, "message": "because"})
    done = flyball("switchover", "commerce/80-", "-o", "json")
    assert done.code == exit_code
    assert f"error {code or 'FB4009'}: " in done.err
    assert "because" in done.err
    assert json.loads(done.out)["status"]["outcome"] == outcome


def test_a_request_that_nobody_takes_up_is_withdrawn(refused):
    done = refused("FB4008", 7, "switchover", "commerce/80-", "--timeout", "0.3")
    assert "It was withdrawn." in done.err


def test_a_request_that_runs_is_not_withdrawn(flyball, store):
    store.answer(Failover, {"outcome": "Running"})
    done = flyball("switchover", "commerce/80-", "--timeout", "1")
    assert done.code == 7
    assert "it goes on" in done.err
    assert len(store.all(Failover)) == 1


def test_without_waiting_the_request_is_only_made(flyball, store):
    done = flyball("switchover", "commerce/80-", "--no-wait", "-o", "json")
    assert done.code == 0
    assert json.loads(done.out)["metadata"]["name"] in store.all(Failover)


def test_a_dry_run_shows_the_steps_with_their_evidence_and_changes_nothing(flyball, store, make):
    before = store.everything()
    done = flyball("switchover", "commerce/80-", "--dry-run", "-o", "json")
    assert done.code == 0
    plan = json.loads(done.out)
    assert (plan["primary"], plan["to"], plan["refused"]) == (f"{make.UPPER}-1", f"{make.UPPER}-2", None)
    assert plan["candidates"] == [
        {"name": f"{make.UPPER}-2", "fit": True, "against": []},
        {"name": f"{make.UPPER}-3", "fit": False, "against": ["it lags over 10 s"]},
    ]
    assert any(step["name"] == "issue term 4" for step in plan["steps"])
    assert all(step["evidence"] for step in plan["steps"])
    assert "issue term 4" in flyball("switchover", "commerce/80-", "--dry-run").out
    assert store.everything() == before


def test_a_dry_run_of_a_failover_names_who_is_out_of_reach(flyball, store, make):
    away = [{"name": f"{make.UPPER}-{n}", "role": "Unreachable" if n == 1 else "Replica"} for n in (1, 2, 3)]
    store.put(make.shard(make.UPPER, "80-", members=away))
    out = flyball("failover", "commerce/80-", "--dry-run").out
    assert f"not reached: {make.UPPER}-1" in out
    assert "no: it is Unreachable" in out
    assert "given up" not in out
    assert "given up" in flyball("failover", "commerce/80-", "--dry-run", "--accept-loss").out


def test_a_dry_run_tells_why_it_would_be_refused(refused, store, make):
    assert "it lags over 10 s" in refused("FB4002", 5, "switchover", "commerce/80-", "--to", "3", "--dry-run").err
    assert "already" in refused("FB4002", 5, "switchover", "commerce/80-", "--to", "1", "--dry-run").err
    store.put(make.operation("fence-it", "fence", f"{make.UPPER}-2", outcome="Running"))
    assert "fence-it" in refused("FB4002", 5, "switchover", "commerce/80-", "--dry-run").err
    store.put(make.operation("pause-it", "pause", of=None))
    assert "pause-it" in refused("FB4003", 5, "switchover", "commerce/80-", "--dry-run").err


def test_a_dry_run_during_a_change_is_refused(refused, store, make):
    store.put(make.shard(make.UPPER, "80-", transition={"mode": "planned", "phase": "Preparing"}))
    refused("FB4005", 5, "switchover", "commerce/80-", "--dry-run")


@pytest.mark.parametrize("command", ["switchover", "failover"])
def test_bad_input_is_refused_before_anything_is_asked_for(refused, command):
    refused("FB1011", 2, command, "commerce")
    refused("FB1009", 2, command, "shop")
    refused("FB1009", 2, command, "commerce/40-")
    refused("FB1011", 2, command)
    refused("FB1011", 2, command, "commerce/80-", "--timeout", "soon")


def test_an_unknown_member_is_refused(refused, make):
    assert f"{make.UPPER}-1" in refused("FB1009", 2, "switchover", "commerce/80-", "--to", "9").err


def test_a_keyspace_of_one_shard_needs_no_shard(flyball, store, make):
    store.put(make.keyspace("shop", shards=1), make.shard("shop-x-x", "-", of="shop"))
    assert flyball("switchover", "shop", "--no-wait").code == 0
    (request,) = store.all(Failover).values()
    assert request.spec.shard == "shop-x-x"


def test_loss_is_accepted_only_by_a_person(refused, flyball, store, make, monkeypatch):
    refused("FB1012", 2, "failover", "commerce/80-", "--accept-loss")
    monkeypatch.setattr("flyball.cli.confirm.is_terminal", lambda: True)
    refused("FB1012", 2, "failover", "commerce/80-", "--accept-loss", stdin="yes\n")
    assert flyball("failover", "commerce/80-", "--accept-loss", "--no-wait", stdin=f"{make.UPPER}\n").code == 0
    assert flyball("failover", "commerce/-80", "--accept-loss", "--no-wait", "--yes").code == 0
    assert [request.spec.accept_loss for request in store.all(Failover).values()] == [True, True]
