"""One keyspace's life on a real cluster, chapter by chapter, with an application that writes all the while.

A chapter begins when everything is as declared, and ends with ledgers that are whole. `make cluster-test` runs
them all; CLUSTER_TEST=sample the short ones, which take ten minutes and want the machine for themselves.
"""

import time

import pytest

from tests.kubernetes.cluster.story import SHARDS, Story
from tools.kubernetes.build import Unavailable
from tools.kubernetes.trial import application, faults, keyspace

FIRST, SECOND = SHARDS


def test_the_chart_and_a_manifest_become_two_shards_that_take_writes(story: Story):
    began = time.monotonic()
    keyspace.install(story.stage)
    keyspace.apply(story.stage)
    keyspace.wait_until_ready(story.stage)
    story.figures["from helm install to ready"] = round(time.monotonic() - began, 1)
    application.start(story.stage)
    story.until_whole()
    assert [shard["metadata"]["name"] for shard in keyspace.shards(story.stage)] == list(SHARDS)
    assert {pod.restarts for pod in story.pods().values()} == {0}
    assert keyspace.restarts(story.stage) == 0  # nobody of the release stumbled on the way
    story.check_ledgers()


def test_kubectl_flyball_switches_over(story: Story):
    former, began = story.primary(FIRST), time.monotonic()
    told = story.stage.flyball("switchover", f"{keyspace.NAME}/80-")
    assert "Succeeded" in told
    story.note_pause("switchover", FIRST, began)
    assert story.primary(FIRST) != former
    story.until_whole()
    story.check_ledgers()


def test_a_primary_whose_process_is_killed_is_replaced(story: Story):
    term, former = keyspace.reign(story.stage, FIRST)
    began = faults.kill_mysqld(story.stage, former)
    story.until_another_reigns(FIRST, term)
    story.note_pause("mysqld killed", FIRST, began)
    story.until_whole()
    story.check_ledgers()


@pytest.mark.parametrize("force", [False, True], ids=["in order", "by force"])
def test_a_primary_whose_pod_is_deleted_is_replaced(story: Story, force: bool):
    term, former = keyspace.reign(story.stage, SECOND)
    before = story.uids()
    began = faults.delete_pod(story.stage, former, force=force)
    story.until_another_reigns(SECOND, term)
    story.note_pause("pod deleted by force" if force else "pod deleted", SECOND, began)
    story.until_whole()
    after = story.uids()
    assert {name for name in before if before[name] != after[name]} == {former}  # on its volume, under its name
    story.check_ledgers()


# --- the long chapters ------------------------------------------------------------------------------------


def test_a_drain_moves_the_primary_first_though_nobody_of_us_outlives_it(story: Story, whole: None):
    node = story.other_nodes()[0]
    story.switch_to(FIRST, story.member_on(FIRST, node))
    story.until_whole()
    story.stage.kubectl("cordon", node)
    story.kill_the_controllers()
    try:
        words = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=900s")
        story.stage.kubectl("drain", node, *words, limit=1000.0)
        assert {story.pods()[story.primary(shard)].node for shard in SHARDS}.isdisjoint({node})
        story.until_writing()
    finally:
        story.stage.kubectl("uncordon", node)
    story.until_whole()
    story.check_ledgers()


def test_a_node_with_a_primary_and_the_leader_is_cut_off(story: Story, whole: None):
    node = story.leader_node_but_the_anchor("topology")
    story.switch_to(FIRST, story.member_on(FIRST, node))
    story.until_whole()
    term = story.term(FIRST)
    try:
        with faults.cut_off(story.stage, node) as began:
            story.until_another_reigns(FIRST, term)
            story.until_writing()
            story.note_pause("node cut off, with the leader", FIRST, began)
    except Unavailable as reason:
        pytest.skip(str(reason))
    story.until_whole()
    story.check_ledgers()
