"""One keyspace's life on a real cluster, chapter by chapter, with an application that writes all the while.

A chapter begins when everything is as declared, and ends with ledgers that are whole. The first chapters run wherever
there is a cluster; the long ones, of minutes each, with `make cluster-test`.
"""

import pytest

from tests.kubernetes.cluster.story import SHARDS, Story
from tools.kubernetes.trial import application, faults, keyspace

FIRST, SECOND = SHARDS


def test_the_chart_and_a_manifest_become_two_shards_that_take_writes(story: Story):
    keyspace.install(story.stage)
    keyspace.apply(story.stage)
    keyspace.wait_until_ready(story.stage)
    application.start(story.stage)
    story.until_whole()
    assert [shard["metadata"]["name"] for shard in keyspace.shards(story.stage)] == list(SHARDS)
    assert {pod.restarts for pod in story.pods().values()} == {0}
    assert keyspace.restarts(story.stage) == 0  # nobody of the release stumbled on the way
    story.check_ledgers()


def test_kubectl_flyball_switches_over(story: Story):
    former = story.primary(FIRST)
    told = story.stage.flyball("switchover", f"{keyspace.NAME}/80-")
    assert "Succeeded" in told
    assert story.primary(FIRST) != former
    story.until_whole()
    story.check_ledgers()


def test_a_primary_whose_process_is_killed_is_replaced(story: Story):
    term, former = keyspace.reign(story.stage, FIRST)
    faults.kill_mysqld(story.stage, former)
    story.until_another_reigns(FIRST, term)
    story.until_whole()
    story.check_ledgers()


@pytest.mark.parametrize("force", [False, True], ids=["in order", "by force"])
def test_a_primary_whose_pod_is_deleted_is_replaced(story: Story, force: bool):
    term, former = keyspace.reign(story.stage, SECOND)
    before = story.uids()
    faults.delete_pod(story.stage, former, force=force)
    story.until_another_reigns(SECOND, term)
    story.until_whole()
    after = story.uids()
    assert {name for name in before if before[name] != after[name]} == {former}  # on its volume, under its name
    story.check_ledgers()
