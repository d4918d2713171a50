"""Where a keyspace's members run and what they get there: read by the Kubernetes operator, ignored on one machine."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from flyball.quantity import Quantity, parse_quantity
from flyball.records.base import Label, Model


class ResourcesSpec(Model):
    """What each member's container asks for and may use, as Kubernetes has it: ``cpu``, ``memory`` and the like."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    limits: dict[str, Quantity] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for name, limit in self.limits.items():
            if name in self.requests and parse_quantity(self.requests[name]) > parse_quantity(limit):
                raise ValueError(f"requests.{name}: {self.requests[name]} is above limits.{name}: {limit}")
        return self


class StorageSpec(Model):
    """The volume of each member. It only grows: a volume that shrinks would lose what is on it.

    ``adopt`` lets this keyspace take over the volumes that an earlier keyspace of the same name left behind. Without it
    they are left alone, and nothing is made in their place.
    """

    size: Quantity = "10Gi"
    storage_class_name: Label | None = Field(default=None, description="the cluster's default class where absent")
    adopt: bool = False


class TolerationOperator(StrEnum):
    """How a toleration is compared with a taint."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class Toleration(Model):
    """A taint that members put up with, as Kubernetes has it."""

    key: str = ""
    operator: TolerationOperator = TolerationOperator.EQUAL
    value: str = ""
    effect: str = Field(default="", pattern=r"^(|NoSchedule|PreferNoSchedule|NoExecute)$")
    toleration_seconds: int | None = Field(default=None, ge=0)


class NodeOperator(StrEnum):
    """How a node's label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class NodeRequirement(Model):
    """What a node's label must be like for a member to run there."""

    key: str
    operator: NodeOperator = NodeOperator.IN
    values: tuple[str, ...] = ()


class PlacementSpec(Model):
    """On which nodes members run. All of ``nodes`` must hold; members of one shard spread over nodes by themselves.

    ``require_spread`` makes that a condition: a member waits rather than share a node with another of its shard.
    ``annotations`` and ``labels`` are put on the members' pods.
    """

    nodes: tuple[NodeRequirement, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    require_spread: bool = False
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    priority_class_name: Label | None = None
    service_account_name: Label | None = None
    image_pull_secrets: tuple[Label, ...] = ()


class CertificatesSpec(Model):
    """Who signs the members' certificates: an authority made for the keyspace, or one that is given.

    ``authority_secret`` names a Secret of type ``kubernetes.io/tls`` with an authority in it (``tls.crt``, ``tls.key``:
    a P-256 key), such as cert-manager makes for a Certificate with ``isCA: true``.
    """

    authority_secret: Label | None = None
