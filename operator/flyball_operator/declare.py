"""What the operator declares of a shard: on Kubernetes the one and only writer of ``Shard.spec``. Pure.

A member comes in once its pod lets clients in. It is told to leave when it is no longer meant, when something of it
is lost, or when the user wants what only another pod or volume can give; once that is there, it serves again under its
new address. One member of a shard leaves at a time, and a wish of the user waits until its shard is calm and no other
shard of the keyspace is being changed. The primary is never told: it hands over first.
"""

from collections.abc import Iterator

from flyball.expand import DesiredShard, shard_spec
from flyball.leaving import is_released, leaving, next_to_leave
from flyball.member.accounts import credentials_name, tls_name
from flyball.records import Shard
from flyball.records.shard import Intent, MemberSpec, ShardSpec
from flyball_operator import needs
from flyball_operator.naming import PORT
from flyball_operator.view import KeyspaceView, MemberView


def first_spec(view: KeyspaceView, shard: DesiredShard) -> ShardSpec:
    """The spec of a shard that is declared for the first time; every member has its address."""
    members = tuple(_fresh(view, shard, view.member(name)) for name in shard.members)
    return _spec(view, shard, members)


def next_spec(view: KeyspaceView, shard: DesiredShard, record: Shard) -> ShardSpec:
    """The spec that the shard has next; equal to the present one when nothing changes."""
    members = (*_staying(view, shard, record), *_coming(view, shard, record))
    wanted = _spec(view, shard, members)
    return wanted.model_copy(update={"serving": record.spec.serving})


def _spec(view: KeyspaceView, shard: DesiredShard, members: tuple[MemberSpec, ...]) -> ShardSpec:
    """Of the accounts those whose password is there: the topology service could not make the others."""
    made = shard_spec(view.keyspace, shard, members, credentials_name(view.keyspace.name))
    return made.model_copy(update={"users": tuple(user for user in made.users if user.name not in view.unknown)})


def chosen(view: KeyspaceView, shard: DesiredShard, record: Shard) -> tuple[str, str] | None:
    """The one member that must leave next, and why; none while another one is leaving."""
    if leaving(record):
        return None
    reasons = _reasons(view, shard, record)
    name = next_to_leave(record, reasons)
    return (name, reasons[name]) if name is not None else None


def is_restarted_in_place(view: KeyspaceView, shard: DesiredShard, name: str) -> bool:
    """Whether the member's pod is replaced without its leaving.

    A shard that can spare nobody would never let it go. Its data stays on its volume, so this is no more than a
    restart: writes wait for their acknowledgement until the member is back.
    """
    return not needs.has_spare(view, shard) and not needs.volume_small(view, view.member(name))


def refused(view: KeyspaceView, shard: DesiredShard, record: Shard) -> Iterator[str]:
    """What the user wants of the shard's members and is not done now, with the reason."""
    wanted = [text for name in shard.members if (text := needs.wish(view, view.member(name)))]
    if wanted and not leaving(record) and (why := _why_not_now(view, shard, record)):
        yield f"{wanted[0]}: waits, since {why}"


def _reasons(view: KeyspaceView, shard: DesiredShard, record: Shard) -> dict[str, str]:
    """Who must leave, and why: the surplus, else what is lost, else what is wished for."""
    names = [member.name for member in record.spec.members]
    surplus = {name: f"{name} is not declared any more" for name in names if name not in shard.members}
    if surplus:
        return surplus
    lost = {name: why for name in names if (why := needs.loss(view.member(name)))}
    if lost:
        return lost
    if _why_not_now(view, shard, record):
        return {}
    return {name: why for name in names if (why := needs.wish(view, view.member(name)))}


def _why_not_now(view: KeyspaceView, shard: DesiredShard, record: Shard) -> str:
    return needs.why_not_calm(view, shard, record) or needs.elsewhere(view, shard.name)


def _staying(view: KeyspaceView, shard: DesiredShard, record: Shard) -> Iterator[MemberSpec]:
    told = chosen(view, shard, record)
    for member in record.spec.members:
        seen = view.member(member.name)
        is_told = told is not None and told[0] == member.name and member.name != record.status.reign.primary
        if member.name not in shard.members:
            if is_released(record, member.name) and seen.pod is None:
                continue
            yield member.model_copy(update={"intent": Intent.LEAVE}) if is_told else member
        elif member.intent is Intent.LEAVE:
            yield _back(view, shard, member) if _is_back(view, seen) else member
        elif is_told and not (is_restarted_in_place(view, shard, member.name) and not needs.loss(seen)):
            yield member.model_copy(update={"intent": Intent.LEAVE})
        else:
            yield _serving(shard, member, seen)


def _is_back(view: KeyspaceView, member: MemberView) -> bool:
    return needs.works(member) and not needs.loss(member) and not needs.wish(view, member) and _address(member) != ""


def _back(view: KeyspaceView, shard: DesiredShard, member: MemberSpec) -> MemberSpec:
    """A member that comes back serves under the address of its new pod; on another volume it is another incarnation."""
    seen = view.member(member.name)
    volume = seen.newest.volume if seen.newest is not None else 1
    served = _serving(shard, member, seen)
    return served.model_copy(update={"intent": Intent.SERVE, "incarnation": max(member.incarnation, volume)})


def _serving(shard: DesiredShard, member: MemberSpec, seen: MemberView) -> MemberSpec:
    """A member's address follows its pod; its zone stays, since who may acknowledge depends on it."""
    zone = member.zone or shard.zone(member.name)
    return member.model_copy(update={"host": _address(seen) or member.host, "port": PORT, "zone": zone})


def _coming(view: KeyspaceView, shard: DesiredShard, record: Shard) -> Iterator[MemberSpec]:
    for name in shard.members:
        seen = view.member(name)
        if record.spec.member(name) is None and needs.works(seen) and _address(seen):
            yield _fresh(view, shard, seen)


def _fresh(view: KeyspaceView, shard: DesiredShard, member: MemberView) -> MemberSpec:
    """A member that comes, or comes back after it was taken out: never an incarnation that was released before.

    The keyspace's generation has risen since, for it takes two edits to leave and to come back.
    """
    return MemberSpec(
        name=member.name,
        incarnation=max(1, view.keyspace.metadata.generation),
        host=_address(member),
        port=PORT,
        tls_name=tls_name(view.keyspace.name, member.name),
        zone=shard.zone(member.name),
    )


def _address(member: MemberView) -> str:
    pod = member.pod
    return pod.ip if pod is not None and not pod.leaving and not pod.ended else ""
