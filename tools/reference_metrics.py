"""The page of metrics, from the registries of the topology service and of the operator."""

from prometheus_client import Counter, Histogram

from flyball_operator import metrics as operator
from flyball_topology import metrics as topology

_ABOUT = (
    "The topology service answers `/metrics` (Prometheus text) and `/healthz` on one address, loopback unless told "
    "otherwise; the local engine notes its port in `topology-place.json` of its home. Times are in seconds. `/healthz` "
    "is 503 when the service leads and has not ended a pass for 30 seconds."
)


_ABOUT_OPERATOR = (
    "The operator answers the same two on the address of `--listen`. `/healthz` is 503 when it leads, has a keyspace, "
    "and has not ended a pass for two minutes."
)


def page() -> str:
    """The page."""
    parts = [
        "# Metrics",
        "<!-- Written by tools/generate_reference.py from the code; edits here are lost. -->",
        _ABOUT,
        _table(topology.Metrics()),
        "## The operator",
        _ABOUT_OPERATOR,
        _table(operator.Metrics()),
    ]
    return "\n\n".join(parts) + "\n"


def _table(metrics: object) -> str:
    found = [value for value in vars(metrics).values() if hasattr(value, "_labelnames") and hasattr(value, "_name")]
    rows = []
    for metric in sorted(found, key=lambda metric: metric._name):  # noqa: SLF001 - the library has no other way
        name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name  # noqa: SLF001
        kind = "histogram" if isinstance(metric, Histogram) else type(metric).__name__.lower()
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001
        rows.append(f"| `{name}` | {kind} | {labels} | {metric._documentation} |")  # noqa: SLF001
    return "\n".join(["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |", *rows])
