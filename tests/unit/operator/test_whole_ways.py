"""The real controller in a cluster in memory: from a record to members that serve, through every change, and down."""

from datetime import timedelta

import pytest

from flyball.errors import Code, StoreError
from flyball.kubernetes.resources import CLAIMS, NODES, PODS, SECRETS, SERVICES
from flyball.records import Keyspace
from flyball.records.shard import Intent
from flyball_operator import naming
from flyball_operator.manifests import start
from tests.unit.operator.world import NAMESPACE, World, steady

IMAGE = {"mysql": {"image": "mysql:9.8"}}
LARGER = {"storage": {"size": "20Gi", "storageClassName": "rigid"}}
SHARD = "commerce-x-x"
ONE, TWO, THREE, FOUR = (f"{SHARD}-{number}" for number in range(1, 5))


@pytest.fixture
async def up() -> World:
    return await steady(users=[{"name": "app"}])


def images(world: World) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in world.pods().values()}


async def test_a_record_becomes_a_shard_that_serves(up):
    assert set(up.pods()) == {ONE, TWO, THREE}
    assert (await up.condition("Ready")).status is True
    assert (await up.condition("MembersRunning")).status is True
    assert (await up.condition("Following")).status is True
    roles = sorted(pod["metadata"]["labels"][naming.ROLE] for pod in up.pods().values())
    assert roles == [naming.PRIMARY, naming.REPLICA, naming.REPLICA]
    assert {one["metadata"]["name"] for one in up.server.objects(SERVICES)} == {f"{SHARD}-primary", f"{SHARD}-replicas"}
    assert {one["metadata"]["name"] for one in up.server.objects(SECRETS)} == {
        "commerce-authority",
        "commerce-credentials",
        "commerce-member",
        "commerce-user-app",
        *(f"{name}-tls" for name in (ONE, TWO, THREE)),
    }


async def test_at_rest_nothing_is_written(up):
    up.server.calls.clear()
    before = up.fingerprint()
    for _ in range(5):
        await up.operate()
    assert up.fingerprint() == before
    assert {call.verb for call in up.server.calls} <= {"list", "get"}


async def test_endpoints_move_in_the_first_pass_after_a_failover(up):
    up.node.silent.add(ONE)
    await up.tick()
    assert up.shard().status.reign.primary == TWO
    await up.operate()
    roles = {name: pod["metadata"]["labels"][naming.ROLE] for name, pod in up.pods().items()}
    assert roles[TWO] == naming.PRIMARY
    assert roles[ONE] != naming.PRIMARY


async def test_every_pod_is_owned_by_its_shard_and_no_volume_by_anybody(up):
    uid = up.shard().metadata.uid
    for pod in up.pods().values():
        assert [(one["kind"], one["uid"]) for one in pod["metadata"]["ownerReferences"]] == [("Shard", uid)]
    for claim in up.server.objects(CLAIMS):
        assert "ownerReferences" not in claim["metadata"]


async def test_another_image_rolls_through_and_the_primary_hands_over(up):
    await up.edit(**IMAGE)
    await up.rest()
    assert images(up) == {"mysql:9.8"}
    assert up.shard().status.reign.primary != ONE
    assert {one.intent for one in up.shard().spec.members} == {Intent.SERVE}
    assert up.events().count("MemberRestarted") == 3
    assert up.events().count("PrimaryHandsOver") == 1


async def test_an_image_that_cannot_be_pulled_stops_after_one_member_and_says_so(up):
    up.node.broken_images.add("mysql:nope")
    await up.edit(mysql={"image": "mysql:nope"})
    await up.rest()
    assert sorted(pod["spec"]["containers"][0]["image"] for pod in up.pods().values()) == [
        "mysql:9.7",
        "mysql:9.7",
        "mysql:nope",
    ]
    assert "ImagePullBackOff" in (await up.condition("MembersRunning")).message
    await up.edit(mysql={"image": "mysql:9.7"})
    await up.rest()
    assert images(up) == {"mysql:9.7"}
    assert (await up.condition("Ready")).status is True


async def test_volumes_that_cannot_grow_are_replaced_member_by_member_and_the_old_ones_kept(up):
    await up.edit(**LARGER)
    await up.rest()
    assert up.claims() == {
        **{naming.claim_name(name, 1): "10Gi" for name in (ONE, TWO, THREE)},
        **{naming.claim_name(name, 2): "20Gi" for name in (ONE, TWO, THREE)},
    }
    orphans = await up.condition("Orphans")
    assert orphans.status is True
    assert f"{ONE}-data" in orphans.message
    assert f"{ONE}-data-2" not in orphans.message


async def test_or_deleted_where_the_policy_says_so():
    world = await steady(reclaimPolicy="Delete")
    await world.edit(**LARGER)
    await world.rest()
    assert world.claims() == {naming.claim_name(name, 2): "20Gi" for name in (ONE, TWO, THREE)}


async def test_volumes_that_can_grow_do_so_under_running_members():
    world = await steady(storage={"size": "10Gi", "storageClassName": "elastic"})
    uids = {pod["metadata"]["uid"] for pod in world.pods().values()}
    await world.edit(storage={"size": "20Gi", "storageClassName": "elastic"})
    await world.rest()
    assert set(world.claims().values()) == {"20Gi"}
    assert {pod["metadata"]["uid"] for pod in world.pods().values()} == uids


async def test_more_members_and_fewer(up):
    await up.edit(replicas=4)
    await up.rest()
    assert [one.name for one in up.shard().spec.members] == [ONE, TWO, THREE, FOUR]
    await up.edit(replicas=2)
    await up.rest()
    assert [one.name for one in up.shard().spec.members] == [ONE, TWO]
    assert set(up.pods()) == {ONE, TWO}
    assert len(up.claims()) == 4


async def test_a_lost_volume_is_replaced_and_its_member_made_anew(up):
    api = up.server.connect()
    await api.patch(CLAIMS, NAMESPACE, f"{THREE}-data", {"status": {"phase": "Lost"}}, subresource="status")
    await up.rest()
    mounted = up.pods()[THREE]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert mounted == f"{THREE}-data-2"
    assert up.shard().spec.member(THREE).incarnation == 2
    assert (await up.condition("Ready")).status is True


async def test_a_pod_on_a_node_that_does_not_answer_is_replaced_on_another_volume(up):
    up.node.silent.add(ONE)
    await up.server.connect().delete(PODS, NAMESPACE, ONE)
    for _ in range(200):
        await up.tick()
    uid = up.pods()[ONE]["metadata"]["uid"]
    for _ in range(30):
        await up.operate()
        await up.tick()
    assert up.pods()[ONE]["metadata"]["uid"] != uid
    assert "MemberForgotten" in up.events()
    up.node.silent.clear()
    await up.rest()
    assert up.pods()[ONE]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == f"{ONE}-data-2"


async def test_a_primary_leaves_a_node_that_is_about_to_be_drained(up):
    await up.server.connect().patch(NODES, None, "n1", {"spec": {"unschedulable": True}})
    await up.rest()
    assert up.shard().status.reign.primary == TWO
    assert up.pods()[ONE]["metadata"]["labels"][naming.ROLE] == naming.REPLICA


async def test_deleting_keeps_volumes_and_credentials(up):
    await up.records.delete(Keyspace, "commerce")
    await up.rest()
    assert await up.records.get(Keyspace, "commerce") is None
    assert up.pods() == {}
    assert len(up.claims()) == 3
    assert "commerce-credentials" in {one["metadata"]["name"] for one in up.server.objects(SECRETS)}


async def test_a_later_keyspace_takes_them_over_only_when_told_to(up):
    await up.records.delete(Keyspace, "commerce")
    await up.rest()
    await up.declare()
    await up.rest()
    assert up.pods() == {}
    assert "earlier keyspace" in (await up.condition("MembersRunning")).message
    await up.edit(storage={"size": "10Gi", "storageClassName": "rigid", "adopt": True})
    await up.rest()
    assert set(up.pods()) == {ONE, TWO, THREE}
    assert len(up.claims()) == 3


async def test_deleting_takes_them_away_where_the_policy_says_so():
    world = await steady(reclaimPolicy="Delete")
    await world.records.delete(Keyspace, "commerce")
    await world.rest()
    assert world.claims() == {}
    assert "commerce-credentials" not in {one["metadata"]["name"] for one in world.server.objects(SECRETS)}


async def test_a_deletion_ends_although_a_node_does_not_answer(up):
    up.node.silent.add(TWO)
    await up.records.delete(Keyspace, "commerce")
    for _ in range(300):
        await up.operate()
        await up.tick()
    assert await up.records.get(Keyspace, "commerce") is None


async def test_a_paused_keyspace_is_left_as_it_is(up):
    await up.edit(paused=True, **IMAGE)
    await up.rest()
    assert images(up) == {"mysql:9.7"}
    assert up.shard().spec.paused
    await up.edit(paused=False)
    await up.rest()
    assert images(up) == {"mysql:9.8"}


async def test_what_the_api_refuses_about_a_member_is_told_and_tried_again(up):
    up.server.refuses = lambda resource, thing: "exceeded quota: pods" if resource == PODS else None
    pod = up.pods()[THREE]
    up.server.connect()
    await up.server.connect().delete(PODS, NAMESPACE, THREE, uid=pod["metadata"]["uid"], grace=0)
    for _ in range(5):
        await up.operate()
    condition = await up.condition("MembersRunning")
    assert condition.status is False
    assert "exceeded quota" in condition.message
    up.server.refuses = lambda resource, thing: None
    await up.rest()
    assert (await up.condition("Ready")).status is True


async def test_a_keyspace_that_cannot_be_says_why_in_its_status(up):
    await up.edit(mysql={"config": {"super_read_only": "OFF"}})
    await up.operate()
    ready = await up.condition("Ready")
    assert ready.status is None
    assert ready.reason == "InvalidRecord"
    assert "super_read_only" in ready.message


async def test_a_user_more_gets_a_secret_and_restarts_nobody(up):
    uids = {pod["metadata"]["uid"] for pod in up.pods().values()}
    await up.edit(users=[{"name": "app"}, {"name": "report_r"}])
    await up.rest()
    assert "commerce-user-report-r" in {one["metadata"]["name"] for one in up.server.objects(SECRETS)}
    assert {pod["metadata"]["uid"] for pod in up.pods().values()} == uids


async def test_certificates_are_renewed_without_a_restart(up):
    def certificates():
        return {
            one["metadata"]["name"]: one["data"]["tls.crt"]
            for one in up.server.objects(SECRETS)
            if one["type"] == "kubernetes.io/tls"
        }

    before = certificates()
    uids = {pod["metadata"]["uid"] for pod in up.pods().values()}
    up.time += timedelta(days=300)
    await up.rest()
    assert all(certificates()[name] != text for name, text in before.items())
    assert {pod["metadata"]["uid"] for pod in up.pods().values()} == uids


async def test_an_authority_that_is_named_and_not_there_is_told(up):
    await up.edit(certificates={"authoritySecret": "ours"})
    await up.operate()
    ready = await up.condition("Ready")
    assert ready.reason == "StoreCorrupt"
    assert "'ours': does not exist" in ready.message


async def test_an_operator_of_another_version_restarts_nothing(up, monkeypatch):
    uids = {pod["metadata"]["uid"] for pod in up.pods().values()}
    monkeypatch.setattr(start, "program", lambda: {"member.sh": "another", "stragglers.sql": "another"})
    await up.rest()
    assert {pod["metadata"]["uid"] for pod in up.pods().values()} == uids


async def test_an_api_that_is_away_changes_nothing_and_is_told(up):
    def fault(call):
        if call.verb == "list" and call.resource == PODS:
            raise StoreError(Code.STORE_AWAY, "away")

    before = up.fingerprint()
    up.server.fault = fault
    await up.operate()
    up.server.fault = lambda call: None
    assert (await up.condition("Ready")).reason == "StoreAway"
    assert up.fingerprint() != before  # the status alone
    assert len(up.pods()) == 3
