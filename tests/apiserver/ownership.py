"""Who owns which field: server-side apply as far as components lean on it, on plain dictionaries.

A field is a path from the object's root. Lists whose items have keys are walked into, item by item; others are one
field. The rules are those of the Kubernetes documentation on server-side apply: an applied field that someone else
owns with another value is a conflict; a field that the manager applied before and leaves out goes, unless someone
else owns it too.
"""

from copy import deepcopy
from typing import Any

Path = tuple[Any, ...]
Owners = dict[tuple[str, str], frozenset[Path]]
"""By manager and operation (Apply or Update)."""

KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "users": ("name",),
    "members": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port", "protocol"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists with ``listType=map``, by the field's name."""

SETS = {"finalizers"}
"""Lists with ``listType=set``."""

_NOBODYS = {
    *("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "generateName", "selfLink"),
}


def fields(thing: dict[str, Any]) -> dict[Path, Any]:
    """Every field with its value; what identifies the object is nobody's."""
    found: dict[Path, Any] = {}
    for name, value in thing.items():
        if name in {"apiVersion", "kind"}:
            continue
        if name == "metadata":
            for key in value.keys() - _NOBODYS:
                _walk((name, key), value[key], found)
        else:
            _walk((name,), value, found)
    return found


def changed(before: dict[str, Any], after: dict[str, Any], owners: Owners, manager: str) -> Owners:
    """The owners after a create, replace or patch by ``manager``."""
    old, new = fields(before), fields(after)
    mine = {path for path, value in new.items() if path not in old or old[path] != value}
    result = {
        who: frozenset(path for path in paths if path in new and path not in mine) for who, paths in owners.items()
    }
    who = (manager, "Update")
    result[who] = result.get(who, frozenset()) | mine
    return {each: paths for each, paths in result.items() if paths}


def conflicts(live: dict[str, Any], wanted: dict[str, Any], owners: Owners, manager: str) -> list[tuple[str, Path]]:
    """Who owns what the manager would change."""
    stands, new = fields(live), fields(wanted)
    return sorted(
        (who[0], path)
        for who, paths in owners.items()
        if who != (manager, "Apply")
        for path in paths & new.keys()
        if path in stands and stands[path] != new[path]
    )


def applied(
    live: dict[str, Any], wanted: dict[str, Any], owners: Owners, manager: str
) -> tuple[dict[str, Any], Owners]:
    """The object and its owners after the manager has applied ``wanted``, conflicts taken over."""
    new, me = fields(wanted), (manager, "Apply")
    taken = {path for _, path in conflicts(live, wanted, owners, manager)}
    others = {who: paths - taken for who, paths in owners.items() if who != me}
    held = frozenset().union(*others.values()) if others else frozenset()
    merged = _merged("", deepcopy(live), wanted)
    for path in sorted(owners.get(me, frozenset()) - new.keys() - held, key=_identifies):
        _take_off(merged, path, "")
    return merged, {who: paths for who, paths in {**others, me: frozenset(new)}.items() if paths}


def _walk(path: Path, value: Any, found: dict[Path, Any]) -> None:
    name = path[-1]
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _walk((*path, key), inner, found)
    elif isinstance(value, list) and name in SETS:
        for item in value:
            found[(*path, ("is", item))] = item
    elif isinstance(value, list) and name in KEYS:
        for item in value:
            _walk((*path, _key(name, item)), item, found)
    else:
        found[path] = value


def _identifies(path: Path) -> bool:
    """Whether the field is a part of its item's key; what an item is found by goes last."""
    return len(path) > 2 and path[-1] in KEYS.get(path[-3], ())


def _key(name: str, item: dict[str, Any]) -> tuple[Any, ...]:
    defaults = {"protocol": "TCP"} if name == "ports" else {}
    return tuple(item.get(key, defaults.get(key)) for key in KEYS[name])


def _merged(name: str, live: Any, wanted: Any) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key, value in wanted.items():
            live[key] = _merged(key, live[key], value) if key in live else deepcopy(value)
        return live
    if isinstance(live, list) and isinstance(wanted, list) and name in SETS:
        return live + [item for item in wanted if item not in live]
    if isinstance(live, list) and isinstance(wanted, list) and name in KEYS:
        items = {_key(name, item): item for item in live}
        for item in wanted:
            key = _key(name, item)
            items[key] = _merged("", items[key], item) if key in items else deepcopy(item)
        return list(items.values())
    return deepcopy(wanted)


def _take_off(at: Any, path: Path, name: str) -> None:
    """Take the field off, and what it leaves empty on the way to it."""
    part, rest = path[0], path[1:]
    if isinstance(at, dict):
        if part not in at:
            return
        if rest:
            _take_off(at[part], rest, part)
        if not rest or at[part] in ({}, []):
            del at[part]
    elif name in SETS:
        at[:] = [item for item in at if item != part[1]]
    elif isinstance(at, list):
        for item in [item for item in at if _key(name, item) == part]:
            if rest:
                _take_off(item, rest, "")
            if not rest or not item:
                at.remove(item)
