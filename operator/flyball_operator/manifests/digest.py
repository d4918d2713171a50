"""Digests: whether something is as it was wanted, without keeping a copy of it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flyball_operator.naming import APPLIED
from flyball_operator.objects import Object


def digest(value: object) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sealed(manifest: Object) -> Object:
    """The manifest with its own digest noted on it."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: digest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def is_applied(manifest: Object, found: Mapping[str, Any] | None) -> bool:
    """Whether what was found is what ``sealed`` made: the same digest, and nothing of its spec edited since."""
    if found is None:
        return False
    seal = manifest["metadata"]["annotations"][APPLIED]
    annotations = found.get("metadata", {}).get("annotations") or {}
    return annotations.get(APPLIED) == seal and holds(found.get("spec", {}), manifest.get("spec", {}))


def holds(found: object, wanted: object) -> bool:
    """Whether everything wanted is in what was found; a server adds defaults of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(holds(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return not wanted and not found
        return all(holds(one, other) for one, other in zip(found, wanted, strict=True))
    return found == wanted
