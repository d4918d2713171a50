"""A member whose disk was full is of use again once there is room, not a minute later."""

from flyball_local import mysqld
from flyball_local.full_disk import waiting_since
from flyball_local.trial.disks import fill_disk, free_disk


def waits_for_space(shard, name: str) -> bool:
    log = mysqld.error_log(shard.home.member(name)).read_text(errors="replace")
    return waiting_since(log) is not None


def test_a_replica_that_sleeps_for_want_of_space_is_started_again(shard):
    replica, process = shard.replicas[0], shard.process(shard.replicas[0])
    directory = shard.home.member(replica)
    fill_disk(directory)
    shard.until("it to wait for space", lambda: waits_for_space(shard, replica))
    free_disk(directory)
    shard.until("another process", lambda: shard.runs_anew(replica, process))
    shard.until_healthy()


def test_a_primary_whose_disk_is_full_is_replaced_and_comes_back(shard):
    old, term = shard.primary, shard.term
    directory = shard.home.member(old)
    fill_disk(directory)
    shard.until("another reign", lambda: shard.term > term)
    free_disk(directory)
    shard.until_healthy()
    assert shard.primary != old
