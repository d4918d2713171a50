"""What the engine declares of a shard: the one and only writer of ``Shard.spec``. Pure.

A member comes in once its process runs, and goes out in four looks: told to leave, released by the topology
service, stopped, taken out of the record. Each look finds what the one before left, so the engine may die
between any two of them.
"""

from collections.abc import Iterator

from flyball.expand import DesiredShard, shard_spec
from flyball.leaving import is_released, leaving, next_to_leave
from flyball.member.accounts import credentials_name, tls_name
from flyball.records import Shard
from flyball.records.shard import Intent, MemberSpec, ShardSpec
from flyball.resharding import is_serving
from flyball_local.view import KeyspaceView, Process


def first_spec(view: KeyspaceView, shard: DesiredShard) -> ShardSpec:
    """The spec of a shard that is declared for the first time; every member has its identity."""
    members = tuple(filter(None, (_member_spec(view, name, shard.zone(name)) for name in shard.members)))
    spec = shard_spec(view.keyspace, shard, members, credentials_name(view.keyspace.name))
    return spec.model_copy(update={"serving": is_serving(view.keyspace, shard.name, present=True)})


def next_spec(view: KeyspaceView, shard: DesiredShard, record: Shard) -> ShardSpec:
    """The spec that the shard has next; equal to the present one when nothing changes."""
    members = (*_staying(view, shard, record), *_coming(view, shard, record))
    wanted = shard_spec(view.keyspace, shard, members, credentials_name(view.keyspace.name))
    serving = is_serving(view.keyspace, shard.name, present=record.spec.serving)
    return wanted.model_copy(update={"serving": serving})


def primary_to_move(shard: DesiredShard, record: Shard) -> str | None:
    """The reigning primary, when it is the only member left that must leave."""
    chosen = _next_to_leave(shard, record)
    return chosen if chosen is not None and chosen == record.status.reign.primary else None


def _staying(view: KeyspaceView, shard: DesiredShard, record: Shard) -> Iterator[MemberSpec]:
    told = _next_to_leave(shard, record)
    for member in record.spec.members:
        if member.name in shard.members:
            yield _serving(view, member, shard.zone(member.name))
        elif is_released(record, member.name) and not view.member(member.name).process.alive:
            continue
        elif member.name == told and told != record.status.reign.primary:
            yield member.model_copy(update={"intent": Intent.LEAVE})
        else:
            yield member


def _serving(view: KeyspaceView, member: MemberSpec, zone: str) -> MemberSpec:
    """A desired member serves; its address follows its identity, its incarnation is that of its declaration.

    It keeps its zone: who may acknowledge depends on it.
    """
    zone = member.zone or zone
    known = _member_spec(view, member.name, zone)
    if known is None:
        return member.model_copy(update={"intent": Intent.SERVE, "zone": zone})
    return known.model_copy(update={"incarnation": member.incarnation})


def _coming(view: KeyspaceView, shard: DesiredShard, record: Shard) -> Iterator[MemberSpec]:
    for name in shard.members:
        if record.spec.member(name) is None and view.member(name).process is Process.RUNNING:
            spec = _member_spec(view, name, shard.zone(name))
            if spec is not None:
                yield spec.model_copy(update={"incarnation": _incarnation(view, spec)})


def _incarnation(view: KeyspaceView, member: MemberSpec) -> int:
    """Of a member that comes, or comes back: never one that was released before.

    The keyspace's generation has risen since, for it takes two edits to leave and to come back.
    """
    return max(member.incarnation, view.keyspace.metadata.generation)


def _next_to_leave(shard: DesiredShard, record: Shard) -> str | None:
    """The one member that is told to leave next: none while another is leaving, the primary last."""
    if any(member.name not in shard.members for member in leaving(record)):
        return None
    return next_to_leave(record, (member.name for member in record.spec.members if member.name not in shard.members))


def _member_spec(view: KeyspaceView, name: str, zone: str) -> MemberSpec | None:
    identity = view.member(name).identity
    if identity is None:
        return None
    return MemberSpec(
        name=name,
        incarnation=identity.incarnation,
        host=identity.host.address,
        port=identity.port,
        tls_name=tls_name(view.keyspace.name, name),
        zone=zone,
    )
