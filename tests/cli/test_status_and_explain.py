"""What the reading commands say."""

import json

import pytest
import yaml

from flyball.errors import Code


def test_status_shows_every_shard_with_its_members(flyball, make):
    done = flyball("status")
    assert done.code == 0
    for text in ("commerce", "-80", "80-", "term 3", f"primary {make.UPPER}-1", "Replica", "lag over 10 s", "fine"):
        assert text in done.out


def test_status_of_one_shard_by_range_or_by_name(flyball, make):
    for target in ("commerce/80-", f"commerce/{make.UPPER}", "commerce/8000-"):
        done = flyball("status", target)
        assert make.UPPER in done.out
        assert make.LOWER not in done.out


def test_status_says_what_is_wrong_and_what_is_awaited(flyball, store, make):
    decision = {"why": "a failover now could lose writes", "awaited": ["member 2"], "refused": ["failover: FB4001"]}
    transition = {"mode": "planned", "phase": "Switching", "candidate": f"{make.UPPER}-2", "reason": "asked for"}
    store.put(make.shard(make.UPPER, "80-", findings=["the primary is dead"], decision=decision, transition=transition))
    out = flyball("status", "commerce/80-").out
    for text in ("attention", "! the primary is dead", "awaited: member 2", "refused: failover: FB4001", "Switching"):
        assert text in out


def test_a_fine_shard_is_not_explained_in_the_tree(flyball):
    assert "why:" not in flyball("status").out


def test_status_as_json_has_stable_keys(flyball, store, make):
    store.put(make.operation("pause-it", "pause"), make.operation("fence-it", "fence", f"{make.UPPER}-2"))
    document = json.loads(flyball("status", "commerce/80-", "-o", "json").out)
    (keyspace,) = document["keyspaces"]
    assert set(keyspace) == {"name", "declared", "deleting", "conditions", "shards"}
    (shard,) = keyspace["shards"]
    assert set(shard) == {
        *("name", "range", "term", "primary", "serving", "paused", "transition", "members", "findings", "fine"),
        "decision",
    }
    assert shard["paused"] is True
    assert set(shard["members"][0]) == {
        *(
            "name",
            "address",
            "zone",
            "role",
            "primary",
            "lag",
            "errant",
            "acks",
            "leaving",
            "fenced",
            "held",
            "diverged",
        ),
    }
    assert [member["fenced"] for member in shard["members"]] == [False, True, False]
    assert [member["primary"] for member in shard["members"]] == [True, False, False]


def test_a_change_of_the_ack_set_is_shown(flyball, store, make):
    one, two, three = (f"{make.UPPER}-{n}" for n in (1, 2, 3))
    store.put(make.shard(make.UPPER, "80-", ackers=[one, two], ackersNext=[one, three]))
    members = json.loads(flyball("status", "commerce/80-", "-o", "json").out)["keyspaces"][0]["shards"][0]["members"]
    assert [member["acks"] for member in members] == ["yes", "leaving", "joining"]


def test_a_member_that_has_diverged_is_shown_and_one_that_was_not_looked_at_is_not(flyball, store, make):
    gtids = "00000003-0000-4000-8000-000000000003:1-2"
    marks = [
        {"name": f"{make.UPPER}-2", "gtids": gtids},
        {"name": f"{make.UPPER}-3", "gtids": gtids, "known": False},
    ]
    store.put(make.shard(make.UPPER, "80-", diverged=marks))
    members = json.loads(flyball("status", "commerce/80-", "-o", "json").out)["keyspaces"][0]["shards"][0]["members"]
    assert [member["diverged"] for member in members] == [False, True, False]
    assert flyball("status", "commerce/80-").out.count("diverged") == 1


def test_yaml_says_what_json_says(flyball):
    assert yaml.safe_load(flyball("status", "-o", "yaml").out) == json.loads(flyball("status", "-o", "json").out)


def test_explain_tells_the_decision_the_transition_and_recent_changes(flyball, store, make):
    decision = {
        "wanted": "one primary",
        "seen": ["the primary is dead"],
        "refused": ["failover: FB4001 not revoked"],
        "why": "a failover could lose writes",
        "awaited": ["member 2 to answer"],
    }
    transition = {"mode": "emergency", "phase": "Issued", "term": 4, "failover": "f", "reason": "it is dead"}
    condition = {"type": "Serving", "status": None, "reason": "PrimaryUnreachable", "message": "it does not answer"}
    store.put(
        make.shard(make.UPPER, "80-", issued=4, decision=decision, transition=transition, conditions=[condition]),
        make.failover("older", outcome="Succeeded", term=3, fromPrimary="a", toPrimary="b"),
        make.operation("fence-it", "fence", f"{make.UPPER}-2", outcome="Running"),
    )
    done = flyball("explain", "commerce/80-")
    assert done.code == 0
    for text in (
        "reigns under term 3.",
        "Wanted: one primary.",
        "Seen: the primary is dead",
        "Refused: failover: FB4001 not revoked",
        "Why: a failover could lose writes.",
        "Awaited: member 2 to answer",
        "is at Issued: it is dead.",
        "Serving: unknown (it does not answer)",
        "older: switchover",
        "fence-it: fence",
    ):
        assert text in done.out
    document = json.loads(flyball("explain", "commerce/80-", "-o", "json").out)["shards"][0]
    assert document["decision"]["why"] == "a failover could lose writes"
    assert [each["metadata"]["name"] for each in document["failovers"]] == ["older"]


@pytest.mark.parametrize("command", ["status", "explain"])
def test_what_does_not_exist_is_named(refused, command):
    assert "commerce/-80, commerce/80-" in refused("FB1009", 2, command, "commerce/40-80").err
    refused("FB1009", 2, command, "shop")
    refused("FB1011", 2, command, "commerce/")


def test_watching_goes_with_tables_only(refused):
    refused("FB1011", 2, "status", "--watch", "-o", "json")


def test_without_a_store_the_program_says_where_it_looked(flyball, tmp_path):
    done = flyball("status", "--home", str(tmp_path / "nothing"))
    assert (done.code, done.out) == (2, "")
    assert f"error {Code.NO_SUCH_OBJECT.number}: there is no record store at" in done.err
    assert not (tmp_path / "nothing").exists()


def test_the_home_is_the_commands_the_programs_or_the_environments(flyball, store, monkeypatch):
    monkeypatch.delenv("FLYBALL_HOME")
    assert flyball("status", "--home", str(store.home)).code == 0
    assert flyball("--home", str(store.home), "status").code == 0


def test_a_damaged_store_is_told_without_a_traceback(flyball, tmp_path):
    (tmp_path / "records.db").write_text("this is no database, and long enough to be read as one" * 100)
    done = flyball("status", "--home", str(tmp_path))
    assert done.code == 3
    assert "error FB2003: " in done.err
