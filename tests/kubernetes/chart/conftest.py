"""Helm, and the chart rendered with given values."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.chart.rendering import Helm, Rendered
from tools.kubernetes.build import Part, Unavailable, binaries


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The user's, else the one that is built with the cluster; it is not built here."""
    own = shutil.which("helm")
    if own is not None:
        return Helm(Path(own))
    try:
        return Helm(binaries(Part.CLUSTER, build=False) / "helm")
    except Unavailable as reason:
        pytest.skip(f"there is no helm: {reason}")


@pytest.fixture
def render(helm: Helm, tmp_path: Path):
    """Render with values given as dotted names: ``render({"operator.replicas": 1})``."""

    def rendered(values: dict[str, Any]) -> Rendered:
        return helm.render(nested(values), tmp_path)

    return rendered


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    whole: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split(".")
        place = whole
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return whole
