"""Secrets through every change: passwords that somebody keeps, another authority, members and accounts that go."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from flyball.certificates import is_issued_by, issue_authority
from flyball.kubernetes.resources import SECRETS
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball_operator.private import SPREAD
from tests.unit.operator.world import NAMESPACE, World, steady

APP = {"name": "app", "passwordSecret": {"name": "ours", "key": "word"}}


def held(world: World, name: str) -> dict[str, str]:
    """What a Secret holds."""
    found = next(one for one in world.server.objects(SECRETS) if one["metadata"]["name"] == name)
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def names(world: World) -> set[str]:
    return {one["metadata"]["name"] for one in world.server.objects(SECRETS)}


async def keep(world: World, name: str, **values: str) -> None:
    """Somebody keeps a Secret."""
    secrets = KubernetesSecrets(world.server.connect("somebody"), NAMESPACE)
    await (secrets.replace if name in names(world) else secrets.create)(name, values)


async def test_an_account_is_made_with_the_password_that_its_secret_holds():
    world = await World(users=[APP, {"name": "other"}]).begin()
    await keep(world, "ours", word="s3cret")
    await world.rest()
    assert held(world, "commerce-credentials")["user-app"] == "s3cret"
    assert held(world, "commerce-user-app")["password"] == "s3cret"
    assert [user.name for user in world.shard().spec.users] == ["app", "other"]


@pytest.mark.parametrize("values", [None, {"another": "x"}, {"word": ""}])
async def test_only_the_account_waits_for_its_secret_and_that_is_told_once(values):
    world = await World(users=[APP, {"name": "other"}]).begin()
    if values is not None:
        await keep(world, "ours", **values)
    await world.rest()
    assert [user.name for user in world.shard().spec.users] == ["other"]
    assert (await world.condition("Ready")).status is True
    following = await world.condition("Following")
    assert (following.status, following.reason) == (False, "PasswordAwaited")
    assert "'ours', which holds the password of app" in following.message
    before = world.fingerprint()
    for _ in range(5):
        await world.operate()
    assert world.fingerprint() == before, "it is not tried again and again"
    await keep(world, "ours", word="s3cret")
    await world.rest()
    assert [user.name for user in world.shard().spec.users] == ["app", "other"]
    assert (await world.condition("Following")).status is True


async def test_a_password_that_changes_later_is_told_and_the_account_keeps_its_own():
    world = await World(users=[APP]).begin()
    await keep(world, "ours", word="s3cret")
    await world.rest()
    await keep(world, "ours", word="another")
    await world.rest()
    assert held(world, "commerce-user-app")["password"] == "s3cret"
    following = await world.condition("Following")
    assert (following.reason, "another" in following.message.split()) == ("PasswordDiffers", True)


async def test_secrets_of_members_and_accounts_that_went_go_and_others_stay():
    world = (await steady(replicas=4, users=[{"name": "app"}, {"name": "other"}])).twin()
    await keep(world, "commerce-user-mine", password="x")
    await world.edit(replicas=3, users=[{"name": "app"}])
    await world.rest()
    left = names(world)
    assert "commerce-x-x-3-tls" in left
    assert "commerce-x-x-4-tls" not in left
    assert "commerce-user-app" in left
    assert "commerce-user-other" not in left
    assert "commerce-user-mine" in left, "it is not the operator's"


async def test_another_authority_is_trusted_by_all_before_one_shows_its_certificate():
    world = await steady()
    former = held(world, "commerce-authority")["certificate"]
    ours = issue_authority("ours", datetime.now(UTC))
    await keep(world, "ours", **{"tls.crt": ours.certificate, "tls.key": ours.key})
    await world.edit(certificates={"authoritySecret": "ours"})
    members = [f"commerce-x-x-{number}-tls" for number in (1, 2, 3)]
    world.time = datetime.now(UTC)
    await world.rest()
    for name in members:
        secret = held(world, name)
        assert former.strip() in secret["ca.crt"]
        assert ours.certificate.strip() in secret["ca.crt"]
        assert is_issued_by(secret["tls.crt"], former), "nobody may know of the new one yet"
    keys = {name: held(world, name)["tls.key"] for name in members}
    world.time += SPREAD + timedelta(seconds=60)
    await world.rest()
    for name in members:
        secret = held(world, name)
        assert is_issued_by(secret["tls.crt"], ours.certificate)
        assert former.strip() in secret["ca.crt"]
        assert secret["tls.key"] != keys[name]
