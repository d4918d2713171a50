"""A keyspace's credentials: made once, added to, and trusting a new authority without forgetting the one before."""

from datetime import UTC, datetime

import pytest

from flyball.certificates import issue_authority
from flyball.credentials import ensure_authority, ensure_credentials, trusted
from flyball.errors import Code, StoreError
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.secrets import FileSecrets

NOW = datetime.now(UTC)


def keyspace(*users: str) -> Keyspace:
    spec = KeyspaceSpec.model_validate({"users": [{"name": user} for user in users]})
    return Keyspace(metadata=Metadata(name="commerce"), spec=spec)


@pytest.fixture
def secrets(tmp_path) -> FileSecrets:
    return FileSecrets(tmp_path / "secrets")


async def given(secrets: FileSecrets):
    pair = issue_authority("given", NOW)
    held = {"tls.crt": pair.certificate, "tls.key": pair.key}
    if await secrets.get("given") is None:
        await secrets.create("given", held)
    else:
        await secrets.replace("given", held)
    return pair


async def test_what_is_there_is_never_changed_and_what_is_missing_is_added(secrets):
    before = await ensure_credentials(secrets, keyspace("app"))
    after = await ensure_credentials(secrets, keyspace("app", "report"))
    assert before.items() <= after.items()
    assert set(after) - set(before) == {"user-report"}


async def test_an_authority_of_its_own_is_made_once(secrets):
    assert await ensure_authority(secrets, "commerce") == await ensure_authority(secrets, "commerce")


async def test_one_that_is_given_is_taken(secrets):
    pair = await given(secrets)
    assert await ensure_authority(secrets, "commerce", "given") == pair
    assert await secrets.get("commerce-authority") is None
    assert (await ensure_credentials(secrets, keyspace(), "given"))["ca"].strip() == pair.certificate.strip()


async def test_one_that_is_given_and_not_there_is_named(secrets):
    with pytest.raises(StoreError) as caught:
        await ensure_authority(secrets, "commerce", "given")
    assert caught.value.code is Code.STORE_CORRUPT
    assert "'given': does not exist" in caught.value.message


async def test_after_a_change_of_authority_both_are_trusted_the_new_one_first(secrets):
    first, before = await given(secrets), await ensure_credentials(secrets, keyspace(), "given")
    second = await given(secrets)
    after = await ensure_credentials(secrets, keyspace(), "given")
    assert after["ca"] == f"{second.certificate.strip()}\n{first.certificate.strip()}\n"
    assert {key: value for key, value in after.items() if key != "ca"} == {
        key: value for key, value in before.items() if key != "ca"
    }
    assert await ensure_credentials(secrets, keyspace(), "given") == after


async def test_no_more_than_two_are(secrets):
    pairs = [issue_authority("c", NOW).certificate for _ in range(3)]
    bundle = ""
    for pair in pairs:
        bundle = trusted(bundle, pair)
    assert bundle.count("BEGIN CERTIFICATE") == 2
    assert pairs[0].strip() not in bundle
