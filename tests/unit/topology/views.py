"""Views to decide on: a healthy shard, and small changes to it that read like what has happened.

Members are ``m1`` (the primary, term 1), ``m2``, ``m3`` …; ``now`` is 1000. Every function returns a new view.
"""

from collections.abc import Mapping
from dataclasses import replace

from flyball.decision import Decision
from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball.records import Failover, Operation, Shard
from flyball.records.failover import Outcome
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.operation import ReseedPhase
from flyball.records.shard import (
    MemberSpec,
    Mode,
    Phase,
    Reign,
    Reseeding,
    ShardSpec,
    ShardStatus,
    Suspect,
    Transition,
)
from flyball_topology import notes
from flyball_topology.steps import Act, Step
from flyball_topology.view import Channel, MemberView, Reach, Snapshot, View

NOW = 1000.0
SHARD = "commerce-x"


def uuid(member: str) -> str:
    """The server_uuid of ``m3``, say."""
    number = int(member[1:])
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def gtids(**spans: str) -> GtidSet:
    """``gtids(m1="1-9", m2="flyball:1-2")``."""
    return GtidSet.parse(",".join(f"{uuid(name)}:{span}" for name, span in spans.items()))


LINE = gtids(m1="1-9")


def healthy(members: int = 3, *, acks: int = 1, zones: tuple[str, ...] = (), **spec: object) -> View:
    """m1 reigns under term 1 and has written 9 transactions; the others follow it and hold them."""
    names = [f"m{number}" for number in range(1, members + 1)]
    zone = dict(zip(names, zones, strict=False))
    specs = tuple(MemberSpec(name=n, host=f"{n}.test", port=3306, zone=zone.get(n, "")) for n in names)
    policy = DurabilityPolicy.CROSS_ZONE if zones else DurabilityPolicy.SEMI_SYNC
    durability = DurabilitySpec(policy=policy, acks=acks)
    declared = ShardSpec(
        keyspace="commerce", range="-", database="commerce", members=specs, durability=durability,
        credentials="commerce-credentials",
    )  # fmt: skip
    status = ShardStatus(
        issued=1,
        reign=Reign(term=1, primary="m1", uuid=uuid("m1")),
        ackers=tuple(names),
        durability=durability,
    )
    metadata = {"name": SHARD, "generation": 1, "revision": "1"}
    shard = Shard.model_validate({"metadata": metadata, "spec": declared.model_copy(update=spec), "status": status})
    views = {member.name: MemberView(member, Reach.OK, lag=0.0) for member in specs}
    views["m1"] = replace(views["m1"], snapshot=_primary(names, acks))
    for name in names[1:]:
        gives = not zones or zone[name] != zone["m1"]
        views[name] = replace(views[name], snapshot=_replica(name, acks=gives), heard_at=NOW)
    view = View(NOW, shard, views)
    for name in names:
        view = attached(view, name)
    return view


def _primary(names: list[str], acks: int) -> Snapshot:
    return Snapshot(
        uuid=uuid("m1"), version="9.7.0", super_read_only=False, read_only=False, offline=False, executed=LINE,
        purged=GtidSet(), semi_sync_source=True, semi_sync_acks=acks, semi_sync_replica=True, promise=1, opened=1,
        journal_term=1, beat=5, accounts={replica_account(name): False for name in names},
        databases=frozenset({"commerce"}), followers=frozenset(map(replica_account, names[1:])), reigned=1,
    )  # fmt: skip


def _replica(name: str, *, acks: bool) -> Snapshot:
    return Snapshot(
        uuid=uuid(name), version="9.7.0", super_read_only=True, read_only=True, offline=False, executed=LINE,
        purged=GtidSet(), semi_sync_source=False, semi_sync_acks=1, semi_sync_replica=acks, promise=1, opened=0,
        journal_term=1, beat=5, channel=channel_to("m1"),
    )  # fmt: skip


def channel_to(source: str, received: GtidSet = LINE, **changes: object) -> Channel:
    """A channel that runs."""
    channel = Channel(f"{source}.test", 3306, uuid(source), "ON", 0, "", received, 7, True, 0, "")
    return replace(channel, **changes)  # type: ignore[arg-type]


def empty(members: int = 3) -> View:
    """A shard that was just declared: nothing issued, nobody holds anything."""
    view = healthy(members)
    for name in view.members:
        view = seeing(view, name, super_read_only=True, read_only=True, offline=True, executed=GtidSet(), promise=None,
                      opened=0, reigned=0, journal_term=0, beat=0, channel=None, accounts=None, databases=None,
                      note=None, followers=frozenset(), semi_sync_source=False)  # fmt: skip
    return with_status(view, issued=0, reign=Reign(), ackers=(), durability=None)


# --- members ----------------------------------------------------------------------------------------------


def member(view: View, name: str, **changes: object) -> View:
    """Something about how the member is watched."""
    changed = replace(view.members[name], **changes)  # type: ignore[arg-type]
    members: Mapping[str, MemberView] = {**view.members, name: changed}
    return replace(view, members=members)


def seeing(view: View, name: str, **changes: object) -> View:
    """Something about the member's snapshot. A version that it has noted stands in its note of the reign too."""
    snapshot = view.members[name].snapshot
    assert snapshot is not None
    if "noted" in changes and "note" not in changes and snapshot.note is not None:
        changes["note"] = replace(snapshot.note, version=changes["noted"])  # type: ignore[arg-type]
    return member(view, name, snapshot=replace(snapshot, **changes))  # type: ignore[arg-type]


def on_channel(view: View, name: str, **changes: object) -> View:
    """Something about the member's channel."""
    snapshot = view.members[name].snapshot
    assert snapshot is not None
    assert snapshot.channel is not None
    return seeing(view, name, channel=replace(snapshot.channel, **changes))  # type: ignore[arg-type]


def declared(view: View, name: str, **changes: object) -> View:
    """Something about the member's spec."""
    changed = view.members[name].spec.model_copy(update=changes)
    members = tuple(changed if spec.name == name else spec for spec in view.shard.spec.members)
    return member(with_spec(view, members=members), name, spec=changed)


def dead(view: View, name: str, reach: Reach = Reach.REFUSED, *, since: float = NOW - 60, failures: int = 9) -> View:
    """The member does not answer; replicas that followed it have lost it."""
    view = member(view, name, reach=reach, since=since, failures=failures)
    address = view.members[name].spec.host
    for other in view.members.values():
        if other.snapshot and other.snapshot.channel and other.snapshot.channel.host == address:
            view = on_channel(view, other.name, receiver="CONNECTING")
            view = member(view, other.name, heard_at=NOW - 60)
    return view


def restarted(view: View, name: str) -> View:
    """The member is back: closed, as a member starts."""
    snapshot = view.members[name].snapshot
    assert snapshot is not None
    view = member(view, name, reach=Reach.OK, failures=0)
    if snapshot.channel is not None:
        view = on_channel(view, name, receiver="OFF", applier_on=False)
    return seeing(view, name, super_read_only=True, read_only=True, offline=True, opened=0, semi_sync_source=False,
                  accounts=None, databases=None, followers=frozenset())  # fmt: skip


def fenced(view: View, name: str, term: int) -> View:
    """The member has promised ``term`` and takes part in nothing."""
    view = seeing(view, name, promise=term, opened=0, super_read_only=True, read_only=True)
    snapshot = view.members[name].snapshot
    return on_channel(view, name, receiver="OFF") if snapshot and snapshot.channel else view


def frozen(view: View, name: str = "m1") -> View:
    """Stopped the planned way."""
    return seeing(view, name, super_read_only=True, read_only=True, accounts=None, databases=None)


def attached(view: View, name: str, term: int = 1) -> View:
    """The member has noted the reign of ``term``, or the one that is about to begin, as the record has it."""
    return seeing(view, name, promise=term, note=notes.of_term(view.shard, term))


def with_executed(view: View, name: str, executed: GtidSet) -> View:
    return seeing(view, name, executed=executed)


def with_received(view: View, name: str, received: GtidSet) -> View:
    """In the relay log, not applied yet."""
    return on_channel(view, name, received=received)


def holding(view: View, name: str, held: GtidSet) -> View:
    """Received and applied."""
    snapshot = view.members[name].snapshot
    view = seeing(view, name, executed=held)
    return on_channel(view, name, received=held) if snapshot and snapshot.channel else view


def earlier(view: View, name: str, **changes: object) -> View:
    """The snapshot before the member's present one."""
    snapshot = view.members[name].snapshot
    assert snapshot is not None
    return member(view, name, earlier=replace(snapshot, **changes))  # type: ignore[arg-type]


# --- records ----------------------------------------------------------------------------------------------


def with_status(view: View, **changes: object) -> View:
    status = view.shard.status.model_copy(update=changes)
    return replace(view, shard=view.shard.model_copy(update={"status": status}))


def with_spec(view: View, **changes: object) -> View:
    spec = view.shard.spec.model_copy(update=changes)
    return replace(view, shard=view.shard.model_copy(update={"spec": spec}))


def request(view: View, mode: str = "planned", *, outcome: Outcome = Outcome.PENDING, **spec: object) -> View:
    """Somebody asks for a change of primary, by the Failover ``please``."""
    about = {"keyspace": "commerce", "shard": SHARD, "mode": mode, **spec}
    document = {"metadata": {"name": "please"}, "spec": about, "status": {"outcome": outcome}}
    return replace(view, failovers=(*view.failovers, Failover.model_validate(document)))


def word(view: View, kind: str, name: str | None = None, **status: object) -> View:
    """A person's word: the Operation of that name and type. The shard's record knows of a clone that is under way."""
    if status.get("phase") is ReseedPhase.CLONING and name is not None:
        view = with_status(view, reseeding=(Reseeding(name=name),))
    about = {"type": kind, "keyspace": "commerce", "shard": SHARD, "member": name}
    document = {"metadata": {"name": kind}, "spec": about, "status": status}
    return replace(view, operations=(*view.operations, Operation.model_validate(document)))


def switching(view: View, phase: Phase, to: str = "m2", **changes: object) -> View:
    """A switchover to ``to`` is in flight, before its term is issued."""
    view = request(view, to=to, outcome=Outcome.RUNNING)
    transition = Transition(mode=Mode.PLANNED, phase=phase, candidate=to, failover="please", reason="asked for")
    return with_status(view, transition=transition.model_copy(update=changes))


def swapped(view: View, to: str = "m2", *, holds: GtidSet = LINE) -> View:
    """A switchover's swap has issued term 2."""
    suspects = (Suspect(name=to, uuid=uuid(to), term=2),)
    view = switching(frozen(view), Phase.ISSUED, to, term=2, holds=str(holds), suspects=suspects)
    return with_status(view, issued=2)


def emergency(view: View, phase: Phase = Phase.ISSUED, term: int = 2, **changes: object) -> View:
    """An emergency failover is in flight under ``term``."""
    transition = Transition(mode=Mode.EMERGENCY, phase=phase, term=term, reason="the primary is dead")
    return with_status(view, issued=term, transition=transition.model_copy(update=changes))


def promoting(view: View, candidate: str = "m2", term: int = 2, holds: GtidSet = LINE) -> View:
    """An emergency failover has appointed ``candidate``."""
    suspects = (Suspect(name=candidate, uuid=uuid(candidate), term=term),)
    return emergency(view, Phase.PROMOTING, term, candidate=candidate, holds=str(holds), suspects=suspects)


# --- decisions --------------------------------------------------------------------------------------------


def chosen(decision: Decision[Step]) -> Step:
    """The step, which must be there."""
    assert decision.step is not None, decision
    return decision.step


def acts(decision: Decision[Step]) -> tuple[Act, ...]:
    return chosen(decision).acts


def status_of(decision: Decision[Step]) -> ShardStatus:
    """The shard's new status, which the step must write."""
    status = chosen(decision).status
    assert status is not None, decision
    return status


def transition_of(decision: Decision[Step]) -> Transition:
    transition = status_of(decision).transition
    assert transition is not None, decision
    return transition
