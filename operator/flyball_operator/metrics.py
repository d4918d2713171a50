"""Metrics of the operator, for Prometheus: what the loop does, which steps it takes, who leads. Times in seconds."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from flyball.controller import Outcome, Stage
from flyball.loop import LoopHooks
from flyball_operator.steps import Step


class Metrics(LoopHooks):
    """One registry; the names begin with ``flyball_operator_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.passes = Counter(
            "flyball_operator_loop_passes", "Passes of the loop.", ["outcome"], registry=self.registry
        )
        self.pass_seconds = Histogram(
            "flyball_operator_loop_pass_seconds", "How long a pass took.", registry=self.registry
        )
        self.last_pass = Gauge(
            "flyball_operator_loop_last_pass_timestamp_seconds",
            "When the last pass of a keyspace ended: its age shows a loop that stands still.",
            ["keyspace"],
            registry=self.registry,
        )
        self.steps = Counter(
            "flyball_operator_steps", "Steps that were taken.", ["keyspace", "step"], registry=self.registry
        )
        self.leading = Gauge("flyball_operator_leading", "Whether this process leads.", registry=self.registry)
        self.on_pass: Callable[[], None] = lambda: None

    def pass_finished(
        self,
        loop: str,
        key: object,
        seconds: float,
        outcome: Outcome | Exception | None,
        failed: Stage | None,
    ) -> None:
        """Count a pass."""
        self.passes.labels(failed.value if failed else outcome.value if isinstance(outcome, Outcome) else "rest").inc()
        self.pass_seconds.observe(seconds)
        self.last_pass.labels(str(key)).set(time.time())
        self.on_pass()

    def took(self, keyspace: str, step: Step) -> None:
        """A step was taken."""
        self.steps.labels(keyspace, type(step).__name__).inc()
