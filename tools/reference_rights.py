"""The page of rights: what the chart lets each component, and people, do; read from the chart's own templates."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "charts" / "flyball" / "templates"

_ABOUT = (
    "In the namespace of the release and in no other, but for what belongs to no namespace. `tests/kubernetes/chart` "
    "holds them against a real API server: what is here is allowed, other verbs and other namespaces are forbidden, "
    "and the components, run by the chart's accounts, ask for nothing that is not here."
)
_PEOPLE = (
    "`userRoles` adds to the cluster's own roles: `view` may read every record, `edit` may declare keyspaces too. The "
    "role `…-operate`, which is bound to nobody, may ask for Failovers and Operations."
)
_STORIES = {
    "operator": "It makes and removes what a keyspace consists of, and lets the topology service read one Secret.",
    "topology": "It reads records, and writes into their status what it has seen and decided. Beside these it has one "
    "Role a keyspace, `KEYSPACE-credentials-reader`: `get` of the Secret `KEYSPACE-credentials`, and of no other.",
}


def page() -> str:
    """The page."""
    lines = [
        "# Rights",
        "<!-- Written by tools/generate_reference.py from the chart; edits here are lost. -->",
        _ABOUT,
    ]
    for component, story in _STORIES.items():
        lines += [f"## The {component}'s", story, _table([*_rules(component), *_lease(component)])]
    nodes = _found(r"rules:\n((?:  - .*\n)+)", "rights-operator.yaml")
    lines += [
        "With `readNodes: true` the operator may read, in the whole cluster:",
        _table(nodes),
        "## People's",
        _PEOPLE,
        "## By HTTP",
        "Both components answer `GET /healthz` and `GET /metrics`, and nothing else; no request changes anything.",
    ]
    return "\n\n".join(lines) + "\n"


def _rules(component: str) -> list[dict[str, Any]]:
    return _found(rf'define "flyball.{component}Rules" -}}}}\n(.*?){{{{- end }}}}', f"rights-{component}.yaml")


def _lease(component: str) -> list[dict[str, Any]]:
    return _found(r"(  - \{apiGroups: \[coordination.*?)---", "_rights.tpl", {"{{ .component }}": component})


def _found(pattern: str, template: str, values: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    """The rules that stand in a template.

    :raises ValueError: it has none there.
    """
    found = re.search(pattern, (TEMPLATES / template).read_text(encoding="utf-8"), re.DOTALL if "*?" in pattern else 0)
    if found is None:
        raise ValueError(f"{template} has no rules where this page looks for them")
    text = found.group(1)
    for name, value in values.items():
        text = text.replace(name, value)
    return list(yaml.safe_load(text))


def _table(rules: list[dict[str, Any]]) -> str:
    return "\n".join(["| group | resources | verbs |", "| --- | --- | --- |", *map(_row, rules)])


def _row(rule: dict[str, Any]) -> str:
    groups = ", ".join(group or "core" for group in rule["apiGroups"])
    named = f" `{', '.join(rule['resourceNames'])}`" if "resourceNames" in rule else ""
    return f"| {groups} | {', '.join(rule['resources'])}{named} | {', '.join(rule['verbs'])} |"
