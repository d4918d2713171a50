"""Write crds/ from the records: one CustomResourceDefinition a kind.

The models in ``flyball/records/`` are the single source; what they cannot say stands in ``crd_rules.py``, how they
become schemas in ``crd_schema.py``. With ``--check`` nothing is written; it ends with 1 when a file is not what would
be written.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import crd_rules  # noqa: E402 - the path comes first
import crd_schema  # noqa: E402
from crd_schema import Schema  # noqa: E402

from flyball.kubernetes.resources import of_record  # noqa: E402
from flyball.records import KINDS, Condition, Failover, Keyspace, Metadata, Operation, Record, Reshard, Shard  # noqa: E402

_HEAD = "# Written by tools/generate_crds.py from flyball/records/; edits here are lost.\n"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that kubectl get prints. One with a priority above 0 comes with ``-o wide`` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_WORKFLOW = (
    Column("Outcome", ".status.outcome"),
    Column("Code", ".status.code", priority=1),
    Column("Message", ".status.message", priority=1),
    _AGE,
)

COLUMNS: dict[type[Record], tuple[Column, ...]] = {
    Keyspace: (
        Column("Shards", ".status.overview.ready"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Term", ".status.overview.terms"),
        Column("Lag", ".status.overview.lag"),
        Column("Workflow", ".status.overview.workflow"),
        Column("Replicas", ".spec.replicas", "integer", priority=1),
        Column("Durability", ".spec.durability.policy", priority=1),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        _AGE,
    ),
    Shard: (
        Column("Keyspace", ".spec.keyspace"),
        Column("Range", ".spec.range"),
        Column("Primary", ".status.reign.primary"),
        Column("Term", ".status.reign.term", "integer"),
        Column("Members", ".status.overview.members"),
        Column("Ackers", ".status.ackers", priority=1),
        Column("Lag", ".status.overview.lag"),
        Column("Errant", ".status.overview.errant"),
        Column("Findings", ".status.findings"),
        Column("Why", ".status.decision.why", priority=1),
        _AGE,
    ),
    Failover: (
        Column("Shard", ".spec.shard"),
        Column("Mode", ".spec.mode"),
        Column("From", ".status.fromPrimary"),
        Column("To", ".status.toPrimary"),
        *_WORKFLOW,
    ),
    Operation: (
        Column("Type", ".spec.type"),
        Column("Keyspace", ".spec.keyspace"),
        Column("Shard", ".spec.shard"),
        Column("Member", ".spec.member"),
        *_WORKFLOW,
    ),
    Reshard: (
        Column("Keyspace", ".spec.keyspace"),
        Column("Stage", ".status.stage"),
        *_WORKFLOW,
    ),
}

SHORT: dict[type[Record], list[str]] = {
    Keyspace: ["ks"],
    Shard: ["fbshard"],
    Failover: ["fbf"],
    Operation: ["fbop"],
    Reshard: ["fbr"],
}
"""Short names, for kubectl."""


def definition(kind: type[Record]) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    resource = of_record(kind)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": resource.plural,
                "singular": kind.kind.lower(),
                "shortNames": SHORT[kind],
                "categories": ["flyball"],
            },
            "versions": [
                {
                    "name": resource.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema(kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in COLUMNS[kind]],
                }
            ],
        },
    }


def schema(kind: type[Record]) -> Schema:
    """The structural schema of a kind, with its rules."""
    spec = crd_schema.of_model(kind.model_fields["spec"].annotation, defaults=True)  # type: ignore[arg-type]
    status = crd_schema.of_model(kind.model_fields["status"].annotation, defaults=False)  # type: ignore[arg-type]
    status.pop("required", None)
    if "conditions" in status["properties"]:
        status["properties"]["conditions"]["items"] = _condition()
    whole: Schema = {
        "description": crd_schema.story(kind),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": _name()}},
            "spec": spec,
            "status": status,
        },
    }
    for path, bounds in crd_rules.BOUNDS.get(kind, {}).items():
        _at(whole, path).update(bounds)
    for rule in crd_rules.RULES.get(kind, ()):
        _at(whole, rule.at).setdefault("x-kubernetes-validations", []).append(_rule(rule))
    return whole


def texts() -> Iterator[tuple[Path, str]]:
    """Each file with what belongs into it."""
    for kind in KINDS.values():
        crd = definition(kind)
        text = yaml.dump(crd, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
        yield ROOT / "crds" / f"{crd['spec']['group']}_{crd['spec']['names']['plural']}.yaml", _HEAD + text


class _Plain(yaml.SafeDumper):
    """Writes what is the same twice twice: no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def main() -> int:
    """Write the files, or check them."""
    stale = [(path, text) for path, text in texts() if not path.exists() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(ROOT)}: {'is not what would be written' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return 1 if stale and "--check" in sys.argv else 0


def _condition() -> Schema:
    """A condition as Kubernetes writes it: ours with ``True``, ``False`` or ``Unknown``, and since when."""
    condition = crd_schema.of_model(Condition, defaults=False)
    condition["properties"]["status"] = {
        "description": "Unknown is never read as False",
        "type": "string",
        "enum": ["True", "False", "Unknown"],
    }
    condition["properties"]["lastTransitionTime"] = {
        "description": "when the status became what it is",
        "type": "string",
        "format": "date-time",
    }
    condition["required"] = ["reason", "status", "type"]
    return condition


def _name() -> Schema:
    return crd_schema.of_model(Metadata, defaults=False)["properties"]["name"]


def _at(whole: Schema, path: str) -> Schema:
    """The schema at ``spec.tables.*.shardBy``, ``spec.users[]``."""
    found = whole
    for part in path.replace("[]", ".[]").split(".") if path else []:
        match part:
            case "*":
                found = found["additionalProperties"]
            case "[]":
                found = found["items"]
            case _:
                found = found["properties"][part]
    return found


def _rule(rule: crd_rules.Rule) -> dict[str, str]:
    written = {"rule": rule.rule, "message": rule.message}
    if rule.said:
        written["messageExpression"] = rule.said
    if rule.field:
        written["fieldPath"] = rule.field
    return written


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"priority": column.priority} if column.priority else {})


if __name__ == "__main__":
    sys.exit(main())
