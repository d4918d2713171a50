"""What was said about where the records are, before anything that stores them is imported."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from flyball.kubernetes.credentials import Cluster


class Store(StrEnum):
    """Where the records may be."""

    HOME = "home"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Said:
    """The program's options, and under which name it was called."""

    home: Path | None = None
    store: Store | None = None
    cluster: Cluster = field(default_factory=Cluster)
    as_kubectl: bool = False
