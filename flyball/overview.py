"""A keyspace's shards, and a shard's members, in short: for people who look at many at once. Pure."""

from collections.abc import Sequence

from flyball.conditions import why_shard_not_ready
from flyball.records import Keyspace, Shard
from flyball.records.keyspace import Overview
from flyball.records.shard import LagClass, MemberStatus, Role, ShardOverview

MOST_TERMS = 4
"""Terms that are listed one by one."""


def overview_of(keyspace: Keyspace, shards: Sequence[Shard | None]) -> Overview:
    """The overview of the shards that a keyspace means, in the order of their ranges; None: not there yet."""
    there = [shard for shard in shards if shard is not None]
    serving = sum(next(why_shard_not_ready(shard), None) is None for shard in there)
    return Overview(
        ready=f"{serving}/{len(shards)}",
        terms=_terms([shard.status.reign.term for shard in there]),
        lag=_worst([one for shard in there for one in shard.status.members]),
        workflow=_workflow(keyspace, there),
    )


def overview_of_members(members: Sequence[MemberStatus]) -> ShardOverview:
    """The overview of a shard's members, in the order in which they are declared."""
    at_work = sum(one.role in {Role.PRIMARY, Role.REPLICA} for one in members)
    return ShardOverview(
        members=f"{at_work}/{len(members)}",
        lag=_worst(members),
        errant=" ".join(one.name for one in members if one.errant),
    )


def _terms(terms: list[int]) -> str:
    if len(terms) > MOST_TERMS:
        return f"{min(terms)}..{max(terms)}"
    return " ".join(map(str, terms))


def _worst(members: Sequence[MemberStatus]) -> str:
    order = list(LagClass)
    lags = [one.lag for one in members if one.role is Role.REPLICA]
    return str(max(lags, key=order.index)) if lags else ""


def _workflow(keyspace: Keyspace, shards: list[Shard]) -> str:
    if keyspace.status.reshard is not None:
        return keyspace.status.reshard.workflow
    changes = (f"{each.status.transition.mode} {each.name}" for each in shards if each.status.transition is not None)
    return next(changes, "")
