"""What a member tells of a reshard, read from the row of ``flyball.probe_reshard``. Pure."""

import json
from dataclasses import dataclass

from flyball.gtid import GtidSet
from flyball.session.packets import Row
from flyball_topology.reshard.seen import ChannelSeen
from flyball_topology.view import HOUSEKEEPING

PRUNES = "prune"
"""The GTID tag of prunes."""


@dataclass(frozen=True, slots=True)
class Import:
    """A channel of a reshard, as its primary tells it. ``behind``: seconds since its newest transaction's commit."""

    host: str
    port: int
    receiver: str
    applier: str
    error: str
    behind: float | None

    def seen(self, lacks: GtidSet | None) -> ChannelSeen:
        """As the decider sees it: one that lacks nothing is not behind, however long nothing was written."""
        lag = 0.0 if lacks is not None and lacks.is_empty else self.behind
        return ChannelSeen(self.receiver == "ON", self.applier == "ON" and not self.error, lacks, lag, self.error)


@dataclass(frozen=True, slots=True)
class MemberLook:
    """One member of either side."""

    uuid: str
    executed: GtidSet
    read_only: bool
    super_read_only: bool
    offline: bool
    opened: int
    strict: bool
    has_mover: bool
    mover_may_write: bool
    """Whether the settings that movers need are as they need them: a restart undoes them."""
    guards: frozenset[str]
    moves: dict[str, int]
    imports: dict[str, Import]

    @property
    def line(self) -> GtidSet:
        """What a consumer must have."""
        return line_of(self.executed)


def line_of(executed: GtidSet) -> GtidSet:
    """Without housekeeping, which no channel carries, and without prunes, which are about this shard's range alone."""
    return executed.without_tag(HOUSEKEEPING).without_tag(PRUNES)


def read(row: Row) -> MemberLook:
    """The row as values."""
    return MemberLook(
        uuid=row["server_uuid"] or "",
        executed=GtidSet.parse(row["gtid_executed"] or ""),
        read_only=row["read_only"] == "1",
        super_read_only=row["super_read_only"] == "1",
        offline=row["offline_mode"] == "1",
        opened=int(row["opened"] or 0),
        strict=row["exec_mode"] == "STRICT",
        has_mover=row["has_mover"] == "1",
        mover_may_write=row["mover_may_write"] == "1",
        guards=frozenset(json.loads(row["guards"] or "[]")),
        moves={step: int(term) for step, term in json.loads(row["moves"] or "{}").items()},
        imports={one["channel"]: _import(one) for one in json.loads(row["imports"] or "[]")},
    )


def _import(one: dict[str, object]) -> Import:
    behind = one["behind"]
    return Import(
        host=str(one["host"]),
        port=int(str(one["port"])),
        receiver=str(one["receiver"]),
        applier=str(one["applier"]) if one["filtered"] else "OFF",
        error=str(one["error"] or ""),
        behind=max(0.0, float(str(behind))) if behind is not None else None,
    )
