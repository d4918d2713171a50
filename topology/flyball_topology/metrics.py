"""Metrics of the topology service, for Prometheus: what the loop does, what it finds, what it decides.

A pass leaves what it saw; the gauges of all shards are set from that when somebody asks for them. So a thousand
shards cost a pass nothing, and a scrape some tenths of a second.
"""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from flyball.controller import Outcome, Stage
from flyball.decision import Decision
from flyball.loop import LoopHooks
from flyball.records import Failover, Shard
from flyball.records.shard import Transition
from flyball_topology.diagnose import diagnose
from flyball_topology.steps import Step
from flyball_topology.view import View


class _Before(Collector):
    """Has no metrics of its own; does something before the others are collected."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def describe(self) -> Iterable[Metric]:
        """Nothing: asked at registration."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Do it."""
        self._do()
        return ()


class Metrics(LoopHooks):
    """One registry; the names begin with ``flyball_topology_``. Times are in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Before(self._set_gauges))  # the first to be collected
        self.passes = Counter(
            "flyball_topology_loop_passes", "Passes of the loop.", ["outcome"], registry=self.registry
        )
        self.pass_seconds = Histogram(
            "flyball_topology_loop_pass_seconds", "How long a pass took.", registry=self.registry
        )
        self.last_pass = Gauge(
            "flyball_topology_loop_last_pass_timestamp_seconds",
            "When the last pass of a shard ended: its age shows a loop that stands still.",
            ["shard"],
            registry=self.registry,
        )
        self.findings = Gauge(
            "flyball_topology_findings", "Findings that stand now.", ["shard", "kind"], registry=self.registry
        )
        self.decisions = Counter(
            "flyball_topology_decisions", "Decisions, by whether a step was chosen.", ["shard", "decision"],
            registry=self.registry,
        )  # fmt: skip
        self.failovers = Counter(
            "flyball_topology_failovers", "Failovers that ended.", ["shard", "mode", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.term = Gauge("flyball_topology_term", "The term that reigns.", ["shard"], registry=self.registry)
        self.lag = Gauge(
            "flyball_topology_replica_lag_seconds", "Lag by the heartbeat.", ["shard", "member"], registry=self.registry
        )
        self.up = Gauge(
            "flyball_topology_member_up", "Whether the member answers.", ["shard", "member"], registry=self.registry
        )
        self.probe_seconds = Histogram(
            "flyball_topology_probe_seconds",
            "Latency of a probe that was answered.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
            registry=self.registry,
        )
        self.leading = Gauge("flyball_topology_leading", "Whether this process leads.", registry=self.registry)
        self.on_pass: Callable[[], None] = lambda: None
        self._views: dict[str, View] = {}
        self._passed: dict[str, float] = {}
        self._children: dict[tuple[str, ...], Counter] = {}
        self._kinds: dict[str, set[str]] = {}
        self._members: dict[str, set[str]] = {}

    def pass_finished(
        self,
        loop: str,
        key: object,
        seconds: float,
        outcome: Outcome | Exception | None,
        failed: Stage | None,
    ) -> None:
        """Count a pass of the shards' loop."""
        self._count(self.passes, failed.value if failed else outcome.value if isinstance(outcome, Outcome) else "rest")
        self.pass_seconds.observe(seconds)
        self.on_pass()
        self._passed[str(key)] = time.time()

    def observed(self, view: View) -> None:
        """What a view shows."""
        self._views[view.shard.name] = view

    def _set_gauges(self) -> None:
        """The gauges of the shards, as they were seen last."""
        for shard, moment in self._passed.items():
            self.last_pass.labels(shard).set(moment)
        for view in self._views.values():
            self._set_gauges_of(view)
        self._views.clear()
        self._passed.clear()

    def _set_gauges_of(self, view: View) -> None:
        shard = view.shard.name
        counts: dict[str, int] = {}
        for finding in diagnose(view):
            counts[finding.kind.name.lower()] = counts.get(finding.kind.name.lower(), 0) + 1
        for kind in self._kinds.get(shard, set()) - counts.keys():
            self.findings.labels(shard, kind).set(0)
        for kind, count in counts.items():
            self.findings.labels(shard, kind).set(count)
        self._kinds.setdefault(shard, set()).update(counts)
        self.term.labels(shard).set(view.reign.term)
        for member in view.members.values():
            self.up.labels(shard, member.name).set(member.seen is not None)
            if member.lag is not None:
                self.lag.labels(shard, member.name).set(member.lag)
        for gone in self._members.get(shard, set()) - set(view.members):
            self._drop_member(shard, gone)
        self._members[shard] = set(view.members)

    def decided(self, shard: str, decision: Decision[Step]) -> None:
        """Whether a step was chosen, refused, or nothing is due."""
        kind = "step" if decision.step else "refused" if decision.refused else "wait" if decision.awaited else "rest"
        self._count(self.decisions, shard, kind)

    def _count(self, counter: Counter, *labels: str) -> None:
        """One more; the counter of these labels is looked up once."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = counter.labels(*labels)
        child.inc()

    def reigns(self, shard: Shard, transition: Transition) -> None:
        """A change of primary succeeded; those without a record of their own are counted here."""
        if not transition.failover:
            self.failovers.labels(shard.name, transition.mode.value, "Succeeded").inc()

    def failover_ended(self, failover: Failover) -> None:
        """A Failover record ended."""
        self.failovers.labels(failover.spec.shard, failover.spec.mode, failover.status.outcome.value).inc()

    def forget(self, shard: str) -> None:
        """The shard is gone: so are its series."""
        self._views.pop(shard, None)
        for kind in self._kinds.pop(shard, set()):
            self.findings.remove(shard, kind)
        for member in self._members.pop(shard, set()):
            self._drop_member(shard, member)

    def _drop_member(self, shard: str, member: str) -> None:
        for gauge in (self.up, self.lag):
            try:
                gauge.remove(shard, member)
            except KeyError:
                continue
