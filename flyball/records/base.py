"""What every record has: an API version, a kind, metadata, and strictness about unknown fields.

A record is an object of desired state (``spec``, the set point) and observed state (``status``, the
measurement). The models here are the single source: the stores keep them as JSON, the command line prints
them as YAML, and the Kubernetes schemas are generated from them. Attribute names are Python's; on the wire
they are camelCase.
"""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

API_VERSION = "flyball.dev/v1alpha1"

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 63
"""Characters of a DNS label (RFC 1123)."""


def check_label(name: str) -> str:
    """Return ``name`` when it is a DNS label that starts with a letter; raise ``ValueError`` otherwise."""
    if len(name) > LONGEST_NAME or not _LABEL.fullmatch(name):
        raise ValueError(
            f"{name!r} is no DNS label: up to 63 of a-z, 0-9 and '-', starting with a letter, ending without '-'"
        )
    return name


Label = Annotated[
    str,
    AfterValidator(check_label),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL.pattern}$", "maxLength": LONGEST_NAME}),
]
"""A name that works as a DNS label."""


class Model(BaseModel):
    """The base of every part of a record: strict about unknown fields, camelCase on the wire."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def wire(self) -> dict[str, Any]:
        """The JSON-ready form with camelCase names; what was not set and is ``None`` stays out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Model):
    """Who a record is and which version of it this is.

    ``revision`` is opaque and changes on every write: the token of compare-and-swap. ``generation`` counts
    changes of the spec only. ``deletion_requested`` is set while finalizers hold a deleted record back.
    """

    name: Label
    uid: str = ""
    revision: str = ""
    generation: int = 0
    created: str = Field(default="", description="RFC 3339, UTC")
    labels: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deletion_requested: bool = False


class Condition(Model):
    """One named fact about an object, in the manner of Kubernetes' conditions."""

    type: str
    status: bool | None = Field(default=None, description="None: unknown, which is never read as no")
    reason: str
    message: str = ""
    observed_generation: int = 0


class Record(Model):
    """A record of any kind; the kinds derive from it and narrow ``spec`` and ``status``."""

    kind: ClassVar[str]
    shown: ClassVar[frozenset[str]] = frozenset()
    """Parts of the status that only people read: a store whose definitions are older may do without them."""

    metadata: Metadata

    @property
    def name(self) -> str:
        """The record's name, unique within its kind."""
        return self.metadata.name

    def document(self) -> dict[str, Any]:
        """The whole record as a user sees it: apiVersion, kind, metadata, spec, status."""
        return {"apiVersion": API_VERSION, "kind": self.kind, **self.wire()}
