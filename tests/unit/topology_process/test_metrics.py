"""What the metrics say: each series that the reference promises moves when the thing happens."""

from prometheus_client.exposition import generate_latest

from flyball.controller import Outcome, Stage
from flyball.decision import Decision
from flyball.records.failover import Failover, FailoverSpec, FailoverStatus
from flyball.records.failover import Outcome as Ended
from flyball_topology.metrics import Metrics
from flyball_topology.steps import Step
from tests.unit.topology.views import dead, healthy


def text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_a_pass_is_counted_with_its_outcome_and_its_age_can_be_told() -> None:
    metrics = Metrics()
    metrics.pass_finished("shards", "s", 0.2, Outcome.CHANGED, None)
    metrics.pass_finished("shards", "s", 0.2, RuntimeError(), Stage.ACT)
    assert 'flyball_topology_loop_passes_total{outcome="changed"} 1.0' in text(metrics)
    assert 'flyball_topology_loop_passes_total{outcome="act"} 1.0' in text(metrics)
    assert 'flyball_topology_loop_last_pass_timestamp_seconds{shard="s"}' in text(metrics)


def test_a_finding_rises_and_falls_with_the_view() -> None:
    metrics, view = Metrics(), healthy()
    shard = view.shard.name
    metrics.observed(dead(view, "m1"))
    assert f'flyball_topology_findings{{kind="primary_dead",shard="{shard}"}} 1.0' in text(metrics)
    assert f'flyball_topology_member_up{{member="m1",shard="{shard}"}} 0.0' in text(metrics)
    metrics.observed(view)
    assert f'flyball_topology_findings{{kind="primary_dead",shard="{shard}"}} 0.0' in text(metrics)
    assert f'flyball_topology_member_up{{member="m1",shard="{shard}"}} 1.0' in text(metrics)


def test_decisions_are_counted_by_what_came_of_them() -> None:
    metrics = Metrics()
    metrics.decided("s", Decision("w", step=Step("do")))
    metrics.decided("s", Decision("w", refused=("no",)))
    metrics.decided("s", Decision("w", awaited=("it",)))
    metrics.decided("s", Decision("w"))
    for kind in ("step", "refused", "wait", "rest"):
        assert f'flyball_topology_decisions_total{{decision="{kind}",shard="s"}} 1.0' in text(metrics)


def test_failovers_are_counted_by_kind_and_outcome() -> None:
    metrics = Metrics()
    failover = Failover(
        metadata={"name": "f"},
        spec=FailoverSpec(keyspace="k", shard="s", mode="emergency"),
        status=FailoverStatus(outcome=Ended.SUCCEEDED),
    )
    metrics.failover_ended(failover)
    line = 'flyball_topology_failovers_total{mode="emergency",outcome="Succeeded",shard="s"} 1.0'
    assert line in text(metrics)


def test_a_shard_that_is_gone_leaves_no_series_of_members_and_findings() -> None:
    metrics, view = Metrics(), healthy()
    metrics.observed(dead(view, "m1"))
    metrics.forget(view.shard.name)
    assert 'member="m1"' not in text(metrics)
    assert 'kind="primary_dead"' not in text(metrics)
