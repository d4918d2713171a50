"""What the operator wants to exist: closed members, secrets in Secrets alone, and no restart for an upgrade."""

import base64
import json
import re
from datetime import UTC, datetime

import pytest

from flyball.certificates import Pair, issue_authority, issue_member
from flyball.errors import Code, InputError
from flyball.expand import expand
from flyball.member.options import SAFETY
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball_operator import naming
from flyball_operator.manifests import access, claim, digest, network, pod, services, start

SHARD = "commerce-x-x"
MEMBER = f"{SHARD}-1"
CREDENTIALS = {
    "topology": "topology-secret",
    "clone": "clone-secret",
    "engine": "engine-secret",
    "replica-seed": "seed-secret",
    "ca": "CA",
    "user-app": "app-secret",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def keyspace(uid: str = "u1", **spec) -> Keyspace:
    wanted = {"users": [{"name": "app"}], **spec}
    return Keyspace(metadata=Metadata(name="commerce", uid=uid), spec=KeyspaceSpec.model_validate(wanted))


def pod_of(declared: Keyspace, zone: str = "", claimed: str = f"{MEMBER}-data", program: str = "p") -> dict:
    return pod.pod(declared, expand(declared)[0], MEMBER, zone, pod.Made(claimed, program))


def mysqld(made: dict) -> dict:
    return made["spec"]["containers"][0]


def every_manifest(declared: Keyspace) -> list[dict]:
    shard = expand(declared)[0]
    return [
        pod_of(declared),
        claim.claim(declared, SHARD, MEMBER, 1),
        *services.of_shard(declared, shard),
        network.policy(declared),
        start.program_map(declared),
        *access.access(declared, access.Reader("flyball-topology", "flyball-system")),
    ]


# --- the pod --------------------------------------------------------------------------------------------------


def test_a_member_starts_with_every_option_that_safety_rests_on():
    args = mysqld(pod_of(keyspace()))["args"]
    assert args[0] == "run"
    assert {f"--{name}={value}" for name, value in SAFETY.items()} <= set(args)


def test_a_users_options_reach_mysqld_and_the_making_of_its_data_directory():
    made = pod_of(keyspace(mysql={"config": {"innodb_buffer_pool_size": "1G", "lower_case_table_names": 1}}))
    assert "--innodb-buffer-pool-size=1G" in mysqld(made)["args"]
    assert made["spec"]["initContainers"][0]["args"] == [
        "prepare",
        "--innodb-buffer-pool-size=1G",
        "--lower-case-table-names=1",
    ]


def test_an_option_that_is_flyballs_own_is_refused():
    with pytest.raises(InputError) as caught:
        pod_of(keyspace(mysql={"config": {"super_read_only": "OFF"}}))
    assert caught.value.code is Code.INVALID_RECORD


@pytest.mark.parametrize("part", ["initContainers", "containers"])
def test_no_container_may_more_than_it_must(part):
    made = pod_of(keyspace())
    (container,) = made["spec"][part]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "env" not in container
    assert "envFrom" not in container


def test_a_pod_runs_as_nobody_special_and_holds_no_token():
    spec = pod_of(keyspace())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["automountServiceAccountToken"] is False


def test_no_probe_can_kill_a_recovery():
    container = mysqld(pod_of(keyspace()))
    assert "livenessProbe" not in container
    assert "startupProbe" not in container
    assert "exec" not in container["readinessProbe"]


def test_the_image_is_the_users_in_both_containers():
    made = pod_of(keyspace(mysql={"image": "registry.example/mysql:9.7.4"}))
    images = {one["image"] for part in ("initContainers", "containers") for one in made["spec"][part]}
    assert images == {"registry.example/mysql:9.7.4"}


def test_what_a_pod_mounts_from_secrets_is_not_the_keyspaces_credentials():
    volumes = pod_of(keyspace())["spec"]["volumes"]
    assert [one["secret"]["secretName"] for one in volumes if "secret" in one] == ["commerce-member", f"{MEMBER}-tls"]


def test_a_member_of_a_zone_runs_there_and_where_the_user_says():
    made = pod_of(keyspace(placement={"nodes": [{"key": "disk", "values": ["ssd"]}]}), zone="east")
    required = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required["nodeSelectorTerms"]
    assert {one["key"]: one["values"] for one in term["matchExpressions"]} == {
        "disk": ["ssd"],
        "topology.kubernetes.io/zone": ["east"],
    }


@pytest.mark.parametrize(("require", "answer"), [(False, "ScheduleAnyway"), (True, "DoNotSchedule")])
def test_members_of_a_shard_spread_over_nodes(require, answer):
    spread = pod_of(keyspace(placement={"requireSpread": require}))["spec"]["topologySpreadConstraints"]
    by_key = {one["topologyKey"]: one for one in spread}
    assert by_key["kubernetes.io/hostname"]["whenUnsatisfiable"] == answer
    assert by_key["kubernetes.io/hostname"]["labelSelector"] == {"matchLabels": {naming.SHARD: SHARD}}


def test_what_the_user_passes_through_is_on_the_pod_and_cannot_replace_our_own_labels():
    made = pod_of(
        keyspace(
            placement={
                "annotations": {"team": "shop"},
                "labels": {"tier": "data", naming.ROLE: "primary"},
                "tolerations": [{"key": "db", "operator": "Exists", "effect": "NoSchedule"}],
                "priorityClassName": "important",
            }
        )
    )
    assert made["metadata"]["annotations"]["team"] == "shop"
    assert made["metadata"]["labels"]["tier"] == "data"
    assert made["metadata"]["labels"][naming.ROLE] == naming.NO_ROLE
    assert made["spec"]["tolerations"] == [{"key": "db", "operator": "Exists", "effect": "NoSchedule"}]
    assert made["spec"]["priorityClassName"] == "important"


def test_each_member_of_a_shard_has_a_server_id_of_its_own():
    ids = {naming.server_id(shard, ordinal) for shard in ("a-x-x", "b-x-x") for ordinal in range(1, 10)}
    assert len(ids) == 18
    assert all(0 < one < 2**32 for one in ids)


# --- what asks for a new pod ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"mysql": {"image": "mysql:9.8"}},
        {"mysql": {"config": {"max_connections": 500}}},
        {"mysql": {"resources": {"limits": {"memory": "4Gi"}}}},
        {"placement": {"tolerations": [{"key": "x"}]}},
        {"placement": {"annotations": {"a": "b"}}},
    ],
)
def test_a_wish_that_only_another_pod_can_grant_changes_its_digest(change):
    assert pod.wishes(keyspace(**change)) != pod.wishes(keyspace())


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 5},
        {"shards": 2},
        {"users": []},
        {"storage": {"size": "50Gi"}},
        {"reclaimPolicy": "Delete"},
        {"durability": {"acks": 2}},
        {"paused": True},
        {"mysql": {"config": {}}},
    ],
)
def test_any_other_wish_restarts_nothing(change):
    assert pod.wishes(keyspace(**change)) == pod.wishes(keyspace())


def test_what_is_left_at_its_default_is_no_wish_so_an_upgrade_with_more_fields_restarts_nothing():
    assert pod.wishes(keyspace()) == digest.digest({})
    asked = keyspace(mysql={"image": "mysql:9.8"}, placement={"tolerations": [{"key": "x"}]})
    assert pod.wishes(asked) == digest.digest({"image": "mysql:9.8", "placement": {"tolerations": [{"key": "x"}]}})


def test_one_option_under_two_spellings_is_one_wish():
    dashed, scored = ({"config": {name: "1G"}} for name in ("innodb-buffer-pool-size", "INNODB_BUFFER_POOL_SIZE"))
    assert pod.wishes(keyspace(mysql=dashed)) == pod.wishes(keyspace(mysql=scored))


def test_another_program_or_volume_of_an_upgraded_operator_is_no_wish():
    before, after = pod_of(keyspace()), pod_of(keyspace(), claimed="other", program="other")
    assert before["metadata"]["annotations"] == after["metadata"]["annotations"]


# --- secrets --------------------------------------------------------------------------------------------------


def test_no_secret_stands_anywhere_but_in_a_secret():
    told = json.dumps(every_manifest(keyspace()))
    for value in CREDENTIALS.values():
        assert value not in told or value == "CA"
    assert "password" not in json.dumps(pod_of(keyspace())).lower()


def decoded(secret: dict) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_a_member_learns_the_passwords_of_its_own_accounts_and_no_other():
    values = "".join(decoded(start.start_secret(keyspace(), CREDENTIALS)).values())
    assert all(CREDENTIALS[key] in values for key in ("topology", "clone", "engine"))
    assert not any(CREDENTIALS[key] in values for key in ("replica-seed", "user-app"))


def test_an_application_learns_its_own_password_alone():
    values = decoded(start.user_secret(keyspace(), "app", CREDENTIALS))
    assert values == {"username": "app", "password": "app-secret", "ca.crt": "CA"}


def test_a_certificate_secret_holds_what_mysqld_loads():
    authority = issue_authority("commerce", NOW)
    pair = issue_member(authority, "m.commerce.flyball.internal", (), NOW)
    made = start.certificate_secret(keyspace(), SHARD, MEMBER, start.Trust(authority.certificate, ""), pair)
    assert decoded(made) == {"ca.crt": authority.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
    assert made["metadata"]["name"] == f"{MEMBER}-tls"


def test_a_secret_that_changes_has_another_digest_and_shows_nothing_of_itself():
    one = start.certificate_secret(keyspace(), SHARD, MEMBER, start.Trust("CA", ""), Pair("c1", "k1"))
    other = start.certificate_secret(keyspace(), SHARD, MEMBER, start.Trust("CA", ""), Pair("c2", "k2"))
    seals = [made["metadata"]["annotations"][naming.APPLIED] for made in (one, other)]
    assert seals[0] != seals[1]
    assert all(re.fullmatch("[0-9a-f]{16}", seal) for seal in seals)


def test_the_topology_service_may_read_one_secret_by_name():
    role, binding = access.access(keyspace(), access.Reader("flyball-topology", "system"))
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["commerce-credentials"], "verbs": ["get"]}
    ]
    assert binding["subjects"][0]["name"] == "flyball-topology"


# --- services and budgets -------------------------------------------------------------------------------------


def budgets(**spec) -> dict[str, int]:
    declared = keyspace(**spec)
    made = services.of_shard(declared, expand(declared)[0])
    return {
        one["metadata"]["name"].rpartition("-")[2]: one["spec"]["minAvailable"]
        for one in made
        if one["kind"] == "PodDisruptionBudget"
    }


@pytest.mark.parametrize(
    ("spec", "keep"),
    [
        ({"replicas": 3}, {"primary": 1, "replicas": 1}),
        ({"replicas": 2}, {"primary": 1, "replicas": 1}),
        ({"replicas": 5}, {"primary": 1, "replicas": 3}),
        ({"replicas": 5, "durability": {"acks": 2}}, {"primary": 1, "replicas": 3}),
        ({"replicas": 3, "durability": {"acks": 2}}, {"primary": 1, "replicas": 2}),
        ({"replicas": 1, "durability": {"policy": "none"}}, {"primary": 1}),
        ({"replicas": 2, "durability": {"policy": "none"}}, {"primary": 1, "replicas": 0}),
    ],
)
def test_an_eviction_never_takes_the_primary_or_the_last_ack(spec, keep):
    assert budgets(**spec) == keep


def test_no_pod_is_in_two_budgets():
    declared = keyspace()
    made = services.of_shard(declared, expand(declared)[0])
    roles = [one["spec"]["selector"]["matchLabels"][naming.ROLE] for one in made if "Budget" in one["kind"]]
    assert roles == [naming.PRIMARY, naming.REPLICA]


def test_members_speak_with_each_other_alone_and_with_who_is_let_in():
    spec = network.policy(keyspace())["spec"]
    assert spec["egress"] == [{"to": [{"podSelector": spec["podSelector"]}], "ports": spec["ingress"][0]["ports"]}]
    assert {"podSelector": {}} in spec["ingress"][0]["from"]


# --- volumes --------------------------------------------------------------------------------------------------


def test_nothing_that_holds_data_is_owned_by_what_may_be_deleted():
    made = claim.claim(keyspace(), SHARD, MEMBER, 1)
    assert "ownerReferences" not in made["metadata"]
    assert made["metadata"]["annotations"][naming.OWNER_UID] == "u1"


def test_a_claim_asks_for_the_size_and_class_that_are_declared():
    made = claim.claim(keyspace(storage={"size": "20Gi", "storageClassName": "fast"}), SHARD, MEMBER, 2)
    assert made["metadata"]["name"] == f"{MEMBER}-data-2"
    assert made["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    assert made["spec"]["storageClassName"] == "fast"
    assert "storageClassName" not in claim.claim(keyspace(), SHARD, MEMBER, 1)["spec"]


# --- digests --------------------------------------------------------------------------------------------------


def test_what_was_applied_is_known_again_with_a_servers_defaults():
    wanted = network.policy(keyspace())
    found = json.loads(json.dumps(wanted))
    found["metadata"]["resourceVersion"] = "7"
    found["spec"]["more"] = {"default": True}
    assert digest.is_applied(wanted, found)


@pytest.mark.parametrize("edit", ["spec", "annotation", "gone"])
def test_what_somebody_edited_is_applied_again(edit):
    wanted = network.policy(keyspace())
    found = json.loads(json.dumps(wanted))
    if edit == "spec":
        found["spec"]["ingress"] = []
    elif edit == "annotation":
        del found["metadata"]["annotations"]
    assert not digest.is_applied(wanted, None if edit == "gone" else found)


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({}, {"a": []}, True),
        ({"a": [1]}, {"a": []}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        (None, {"a": 1}, False),
    ],
)
def test_what_holds(found, wanted, answer):
    assert digest.holds(found, wanted) is answer


def test_the_program_of_another_version_has_another_name():
    made = start.program_map(keyspace())
    assert made["immutable"] is True
    assert made["metadata"]["name"].startswith("commerce-program-")
    assert set(made["data"]) == {"member.sh", "stragglers.sql"}
    assert naming.script_name("commerce", "aaaaaaaaaaaa") != naming.script_name("commerce", "bbbbbbbbbbbb")


@pytest.mark.parametrize(
    "made", every_manifest(keyspace()), ids=lambda made: f"{made['kind']}-{made['metadata']['name']}"
)
def test_everything_says_whose_it_is(made):
    assert made["metadata"]["labels"][naming.KEYSPACE] == "commerce"
    assert made["metadata"]["annotations"][naming.OWNER_UID] == "u1"


def test_a_few_accounts_more_restart_nobody_and_many_do():
    few, more, many = (keyspace(users=[{"name": f"u{n}"} for n in range(count)]) for count in (1, pod.ACCOUNTS, 9))
    assert pod.wishes(few) == pod.wishes(more) != pod.wishes(many)
    assert mysqld(pod_of(few))["args"] == mysqld(pod_of(more))["args"] != mysqld(pod_of(many))["args"]
