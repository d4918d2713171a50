"""Views for the plan's tests: a keyspace at rest, and what can be wrong with it."""

from dataclasses import replace

from flyball.expand import expand
from flyball.leaving import ordinal
from flyball.records import Failover, Keyspace, Metadata, Shard
from flyball.records.failover import FailoverSpec
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.shard import Intent, MemberStatus, Reign, Release, Role, ShardStatus, Transition
from flyball_operator import declare
from flyball_operator.manifests.pod import wishes
from flyball_operator.naming import FINALIZER, NO_ROLE, PRIMARY, REPLICA, claim_name
from flyball_operator.steps import Step
from flyball_operator.view import ClaimView, KeyspaceView, MemberView, PodView

SHARD = "commerce-x-x"
ONE, TWO, THREE, FOUR = (f"{SHARD}-{number}" for number in range(1, 5))


def keyspace(generation: int = 1, uid: str = "u1", finalizers=(FINALIZER,), **spec) -> Keyspace:
    wanted = KeyspaceSpec.model_validate({"replicas": 3, **spec})
    metadata = Metadata(name="commerce", uid=uid, generation=generation, finalizers=finalizers)
    return Keyspace(metadata=metadata, spec=wanted)


def claim(member: str, volume: int = 1, **more) -> ClaimView:
    name = claim_name(member, volume)
    return replace(ClaimView(name, f"uid-{name}", volume, "u1", "10Gi"), **more)


def pod(declared: Keyspace, member: str, **more) -> PodView:
    made = PodView(f"uid-{member}", f"10.0.0.{ordinal(member)}", ready=True, wishes=wishes(declared))
    return replace(made, claim=claim_name(member, 1), **more)


def member(declared: Keyspace, name: str, **more) -> MemberView:
    found = MemberView(name, name.rpartition("-")[0], pod(declared, name), (claim(name),))
    return replace(found, **more)


def empty(**spec) -> KeyspaceView:
    """Nothing is there but the record."""
    declared = keyspace(**spec)
    return KeyspaceView(declared, expand(declared), credentials=True)


def running(**spec) -> KeyspaceView:
    """Every pod runs, and no shard is declared yet."""
    view = empty(**spec)
    names = [name for shard in view.desired for name in shard.members]
    return replace(view, members={name: member(view.keyspace, name) for name in names})


def steady(**spec) -> KeyspaceView:
    """Everything is there, and serves; each shard's first member reigns."""
    view = running(**spec)
    shards = {}
    for shard in view.desired:
        metadata = Metadata(name=shard.name, uid=f"uid-{shard.name}", generation=1)
        shards[shard.name] = Shard(metadata=metadata, spec=declare.first_spec(view, shard))
    return settled(replace(view, shards=shards))


def settled(view: KeyspaceView, primary: str = "") -> KeyspaceView:
    """The topology service has seen every shard as it is declared: all serve, and endpoints follow."""
    shards, members = {}, dict(view.members)
    for record in view.shards.values():
        reigning = primary or record.status.reign.primary or record.spec.members[0].name
        seen = []
        for one in record.spec.members:
            role = Role.PRIMARY if one.name == reigning else Role.REPLICA
            seen.append(MemberStatus(name=one.name, incarnation=one.incarnation, role=role))
        status = ShardStatus(
            observed_generation=record.metadata.generation,
            reign=Reign(term=1, primary=reigning, uuid="u"),
            members=tuple(seen),
        )
        shards[record.name] = record.model_copy(update={"status": status})
    view = replace(view, shards=shards)
    return labelled(replace(view, members=members))


def labelled(view: KeyspaceView) -> KeyspaceView:
    """Every pod carries the role and the owner that its shard gives it."""
    members = {}
    for name, one in view.members.items():
        record = view.declaring(name)
        if one.pod is not None and record is not None:
            reigning = record.status.reign.primary == name
            leaves = record.spec.member(name).intent is Intent.LEAVE
            role = PRIMARY if reigning else NO_ROLE if leaves else REPLICA
            one = replace(one, pod=replace(one.pod, role=role, owner=record.metadata.uid))  # noqa: PLW2901
        members[name] = one
    return replace(view, members=members)


def edited(view: KeyspaceView, generation: int = 2, **spec) -> KeyspaceView:
    """The user says something else."""
    old = view.keyspace
    declared = old.model_copy(
        update={
            "spec": KeyspaceSpec.model_validate({"replicas": old.spec.replicas, **spec}),
            "metadata": old.metadata.model_copy(update={"generation": generation}),
        }
    )
    return replace(view, keyspace=declared, desired=expand(declared))


def deleted(view: KeyspaceView) -> KeyspaceView:
    metadata = view.keyspace.metadata.model_copy(update={"deletion_requested": True})
    return replace(view, keyspace=view.keyspace.model_copy(update={"metadata": metadata}))


def with_pod(view: KeyspaceView, name: str, **changes) -> KeyspaceView:
    one = view.members[name]
    return with_member(view, name, pod=replace(one.pod, **changes))


def with_member(view: KeyspaceView, name: str, **changes) -> KeyspaceView:
    one = view.members.get(name) or MemberView(name, name.rpartition("-")[0])
    return replace(view, members={**view.members, name: replace(one, **changes)})


def with_status(view: KeyspaceView, shard: str = SHARD, **status) -> KeyspaceView:
    record = view.shards[shard]
    changed = record.model_copy(update={"status": record.status.model_copy(update=status)})
    return replace(view, shards={**view.shards, shard: changed})


def told_to_leave(view: KeyspaceView, name: str, *, released: bool = False, shard: str = SHARD) -> KeyspaceView:
    """The member was told to leave, and the topology service knows; ``released``: it has let it go."""
    record = view.shards[shard]
    members = tuple(
        one.model_copy(update={"intent": Intent.LEAVE}) if one.name == name else one for one in record.spec.members
    )
    generation = record.metadata.generation + 1
    incarnation = record.spec.member(name).incarnation
    release = Release(incarnation=incarnation, generation=generation) if released else None
    seen = tuple(
        one.model_copy(update={"released_for": release}) if one.name == name else one for one in record.status.members
    )
    changed = record.model_copy(
        update={
            "spec": record.spec.model_copy(update={"members": members}),
            "metadata": record.metadata.model_copy(update={"generation": generation}),
            "status": record.status.model_copy(update={"members": seen, "observed_generation": generation}),
        }
    )
    return labelled(replace(view, shards={**view.shards, shard: changed}))


def moving(view: KeyspaceView, shard: str = SHARD) -> KeyspaceView:
    """Somebody asked for another primary."""
    spec = FailoverSpec(keyspace="commerce", shard=shard, mode="planned")
    return replace(view, failovers=(Failover(metadata=Metadata(name="f1"), spec=spec),))


def in_transition(view: KeyspaceView) -> KeyspaceView:
    return with_status(view, transition=Transition(mode="planned", phase="Switching", candidate=TWO))


def intents(step: Step) -> dict[str, Intent]:
    return {one.name: one.intent for one in step.spec.members}
