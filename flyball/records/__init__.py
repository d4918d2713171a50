"""The records: what components say to each other, and all they say.

Every field has one writer: ``Keyspace.spec`` and ``Operation`` are a person's; ``Shard.spec`` the engine's (the
operator or the local engine); ``Shard.status`` and a workflow's steps the topology service's; ``Failover`` is
created by whoever asks; ``Reshard`` by the engine, when the declared key ranges and the routing differ.
"""

from flyball.records.base import API_VERSION, Condition, Metadata, Model, Record
from flyball.records.failover import Failover
from flyball.records.keyspace import Keyspace
from flyball.records.operation import Operation
from flyball.records.reshard import Reshard
from flyball.records.shard import Shard

KINDS: dict[str, type[Record]] = {kind.kind: kind for kind in (Keyspace, Shard, Failover, Operation, Reshard)}
"""Every kind by its name."""

__all__ = [
    "API_VERSION",
    "KINDS",
    "Condition",
    "Failover",
    "Keyspace",
    "Metadata",
    "Model",
    "Operation",
    "Record",
    "Reshard",
    "Shard",
]
