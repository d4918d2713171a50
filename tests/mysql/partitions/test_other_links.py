"""Every other link that can be cut, and the control plane away altogether: the primary reigns on, and clients write."""

from itertools import combinations

import pytest

from flyball_topology.sql_members import LEASE

ROLES = ("primary", "one replica", "the other replica", "topology service", "client")
PAIRS = [pair for pair in combinations(ROLES, 2) if pair != ("topology service", "client")]


def parties(shard) -> dict[str, str]:
    one, other = shard.replicas
    names = (shard.primary, one, other, shard.party_of(0), "client")
    return dict(zip(ROLES, names, strict=True))


def write_through_lease(shard, at: str) -> None:
    """Write from the primary's own host until its clock says that two leases are over."""

    def clock() -> float:
        return float(shard.sql(at, "SELECT UNIX_TIMESTAMP(NOW(6)) AS now")[0]["now"])

    begin = clock()
    while clock() < begin + 2 * LEASE + 1:
        assert shard.write_at(at, shard.next_number()).answer(shard.until) == "OK"


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_a_link_between_two_is_cut(shard, pair):
    primary, term = shard.primary, shard.term
    one, other = (parties(shard)[role] for role in pair)
    shard.divide([one], [other])
    write_through_lease(shard, primary)
    assert (shard.primary, shard.term) == (primary, term)
    assert not shard.is_offline(primary)
    shard.network.mend_all()
    shard.until_healthy()
    seen = len(shard.ledger.acknowledged)
    shard.until("the client's writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 5)
    assert (shard.primary, shard.term) == (primary, term)


def test_the_control_plane_alone_is_away(shard):
    """Cut from everybody, its store held by somebody else: nothing happens to the data plane."""
    primary, term = shard.primary, shard.term
    shard.divide(["topology-1", "topology-2"], [*shard.names, "client"])
    with shard.hold_the_store():
        write_through_lease(shard, primary)
        seen = len(shard.ledger.acknowledged)
        shard.until("the client's writes to go on", lambda: len(shard.ledger.acknowledged) > seen + 50)
        assert not shard.is_offline(primary)
    shard.network.mend_all()
    shard.until_healthy()
    assert (shard.primary, shard.term) == (primary, term)


def test_a_primary_that_the_service_alone_cannot_reach_is_not_replaced_and_the_record_says_why(shard):
    primary, term = shard.primary, shard.term
    shard.divide([shard.party_of(0)], [primary])
    shard.until(
        "the decision",
        lambda: any(
            "the primary does not answer, and may be alive" in seen for seen in shard.record.status.decision.seen
        ),
    )
    assert "it to answer, or to be known dead" in shard.record.status.decision.awaited
    write_through_lease(shard, primary)
    assert (shard.primary, shard.term) == (primary, term)


def test_a_primary_cut_from_both_who_acknowledge_waits_and_the_record_names_them(shard):
    """It is watched, so it stays open; nobody hears "ok" until one of them is back."""
    primary, term, replicas = shard.primary, shard.term, shard.replicas
    shard.divide([primary], replicas)
    write = shard.write_at(primary, shard.next_number())
    shard.until(
        "the finding",
        lambda: any(
            "nobody acknowledges" in finding and all(replica in finding for replica in replicas)
            for finding in shard.record.status.findings
        ),
    )
    assert write.said is None
    assert (shard.primary, shard.term) == (primary, term)
    shard.network.mend_all()
    assert write.answer(shard.until) == "OK"
    shard.until_healthy()
    assert (shard.primary, shard.term) == (primary, term)
