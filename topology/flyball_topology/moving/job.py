"""What a worker is told, as data, and which lanes follow from it."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flyball.keyrange import EVERYTHING, KeyRange
from flyball.records.keyspace import TableSpec
from flyball.session import Login, Target
from flyball_topology.moving.tables import Table
from flyball_topology.moving.wire import Link

if TYPE_CHECKING:
    from flyball_topology.moving.throttle import Limits

SESSION = (
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00', "
    "net_read_timeout = 600, net_write_timeout = 600, wait_timeout = 28800, group_concat_max_len = 33554432"
)
"""Zero dates and zero counters are data; times are compared as UTC."""
_UNLOGGED = "SET SESSION sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0"


@dataclass(frozen=True, slots=True)
class Place:
    """A member, and the shard that it answers for."""

    shard: str
    range: KeyRange
    target: Target


@dataclass(frozen=True, slots=True)
class Job:
    """A move to work on.

    :param sources: one member of each source, in the order of their ranges: a replica where there is one.
    :param targets: the primaries of the targets.
    :param fingerprint: of the definitions, as they were checked; empty where any will do.
    :param parallel: lanes at once.
    :param channels: how the names of the channels begin whose appliers hold still while rows are compared.
    """

    workflow: str
    database: str
    tables: Mapping[str, TableSpec]
    sources: tuple[Place, ...]
    targets: tuple[Place, ...]
    login: Login
    tls: ssl.SSLContext
    fingerprint: str = ""
    parallel: int = field(default_factory=lambda: max(2, min(8, os.cpu_count() or 2)))
    channels: str = ""
    limits: "Limits | None" = None

    def source(self, place: Place) -> Link:
        """A session with a source."""
        return Link.open(place.target, self.login, self.tls, SESSION)

    def writer(self, place: Place) -> Link:
        """A session that writes to a target, unlogged."""
        return Link.open(place.target, self.login, self.tls, SESSION, _UNLOGGED)

    def place(self, shard: str) -> Place:
        """The place of a shard, of either side."""
        return next(place for place in (*self.sources, *self.targets) if place.shard == shard)


@dataclass(frozen=True, slots=True)
class Lane:
    """One table on its way from one source to one target: the rows whose keyspace ids both hold."""

    source: Place
    target: Place
    table: Table
    part: KeyRange

    def __str__(self) -> str:
        return f"{self.table.name} from {self.source.shard} to {self.target.shard}"


def lanes(job: Job, tables: tuple[Table, ...]) -> tuple[Lane, ...]:
    """All lanes, table by table; a reference table comes from the source of the lowest range."""
    found = []
    for table in tables:
        for target in job.targets:
            if table.shard_by is None:
                found.append(Lane(job.sources[0], target, table, EVERYTHING))
                continue
            for source in job.sources:
                part = source.range.overlap(target.range)
                if part is not None:
                    found.append(Lane(source, target, table, part))
    return tuple(found)
