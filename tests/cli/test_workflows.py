"""What was asked for, step by step."""

import json

STEPS = [
    {"name": "freeze it", "state": "Done", "evidence": "term 3", "milliseconds": 12.5},
    {"name": "promote it", "state": "Failed", "milliseconds": 20},
]


def test_workflows_are_listed_with_outcome_and_duration(flyball, store, make):
    store.put(
        make.failover("move-1", outcome="Succeeded", term=4, fromPrimary="a", toPrimary="b", steps=STEPS),
        make.operation("fence-1", "fence", f"{make.UPPER}-2", outcome="Running"),
    )
    done = flyball("workflow", "list", "commerce")
    assert done.code == 0
    for text in ("move-1", "switchover", "Succeeded", "a -> b", "2 in 32.5 ms", "fence-1", f"{make.UPPER}-2"):
        assert text in done.out
    items = json.loads(flyball("workflow", "list", "-o", "json").out)["items"]
    assert {item["metadata"]["name"] for item in items} == {"move-1", "fence-1"}


def test_a_workflow_is_shown_with_its_steps(flyball, store, make):
    store.put(make.failover("move-1", outcome="Undone", code="FB4002", message="it was lost", steps=STEPS))
    done = flyball("workflow", "show", "move-1")
    for text in ("Undone", "FB4002: it was lost", "a trial", "12.5 ms", "freeze it", "(term 3)", "FAILED"):
        assert text in done.out
    assert json.loads(flyball("workflow", "show", "move-1", "-o", "json").out)["status"]["steps"][0]["name"]


def test_a_list_may_be_empty(flyball):
    done = flyball("workflow", "list")
    assert (done.code, done.out) == (0, "There are none.\n")
    assert json.loads(flyball("workflow", "list", "-o", "json").out)["items"] == []


def test_what_does_not_exist_is_refused(refused):
    refused("FB1009", 2, "workflow", "show", "nothing")
    refused("FB1009", 2, "workflow", "list", "shop")
    refused("FB1011", 2, "workflow")
