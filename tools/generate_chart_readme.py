"""Write ``charts/flyball/README.md``: what the chart installs, and a table of its values from their schema.

A value's meaning stands in ``values.schema.json``, which Helm checks values against, and its default in
``values.yaml``; the table joins the two. A test holds the written file against both.

    python tools/generate_chart_readme.py           write it
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "flyball"

HEAD = """\
<!-- Written by tools/generate_chart_readme.py from values.schema.json and values.yaml; edits here are lost. -->
# The chart flyball

Installs the operator and the topology service, two processes of each on different nodes (one leads, one stands by),
the kinds `Keyspace`, `Shard`, `Failover` and `Operation`, and the rights that each component needs and no more.

```
helm install flyball charts/flyball --namespace flyball --create-namespace
helm test flyball --namespace flyball
kubectl apply -f examples/commerce.yaml
```

- **Upgrading** brings the kinds up to date with the components. It restarts no member of any keyspace.
- **Uninstalling** leaves keyspaces, their members and the kinds where they are: what runs goes on serving, and nobody
  fails it over. Delete the keyspaces first if they are to go.
- **Keyspaces** are looked after in the release's own namespace. One more namespace is one more release. What belongs to
  the whole cluster, the kinds and the roles for people, is kept by the release that made it: the others find it there
  and leave it. Who installs may have no right to look for it: `--set crds.install=false,userRoles.enabled=false`.
- **Rights**: the topology service reads no Secret but the one of each keyspace that the operator gives it by name. The
  operator reads and writes Secrets in the release's namespace, and has no right outside it but to look at nodes and
  storage classes, which can be taken from it.
- **Kubernetes** 1.29 or newer. Pods run as a user of no name with a read-only root, as the Pod Security Standard
  `restricted` asks.

## Values

| value | default | meaning |
| --- | --- | --- |
"""


def rows(schema: Mapping[str, Any], values: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    """Name, default and meaning of every value, in the order of the schema."""
    return _rows(schema, schema, values, "")


def _rows(root: Mapping[str, Any], schema: Mapping[str, Any], value: Any, path: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if "properties" not in schema:
        meaning = schema["description"]
        if "enum" in schema:
            meaning += f" One of {', '.join(f'`{one}`' for one in schema['enum'])}."
        yield path, f"`{json.dumps(value)}`", meaning
        return
    for name, inner in schema["properties"].items():
        yield from _rows(root, inner, value[name], f"{path}.{name}" if path else name)


def readme(chart: Path = CHART) -> str:
    """The text."""
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    table = (f"| `{name}` | {default} | {meaning} |\n" for name, default, meaning in rows(schema, values))
    return HEAD + "".join(table)


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
