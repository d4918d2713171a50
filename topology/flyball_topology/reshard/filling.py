"""Moving: from the check to the gate of the cutover, while the sources serve as ever.

    Check      what must hold holds; nothing is touched before
    Provision  the targets reign, closed to applications; accounts and guards are made
    Copy       the rows are on the targets' primaries, and the other members are cloned from them
    Stream     a channel from each source carries what is written since
    Verify     rows were compared, and found the same, under the reigns of now (rule 19)
    gate       approval, everybody well, the channels close behind, journal rows committed (rule 23)

Nothing here remembers what was done: each pass looks from the top for the first thing that is missing, so a target that
fails over, a source that does, or a service that starts again all come back to where something is missing.
"""

from hashlib import sha256

from flyball.errors import Code
from flyball.records.base import LONGEST_NAME
from flyball.records.failover import StepState
from flyball.records.keyspace import Approval
from flyball.records.operation import OperationSpec, OperationStatus, OperationType
from flyball.records.reshard import ShardTerm, StepName, Verified
from flyball.records.shard import Access, ShardAccess
from flyball_topology.reshard import cutover, leaving
from flyball_topology.reshard.acts import Clean, Guard, OpenChannel, PrepareMovers, Prune
from flyball_topology.reshard.seen import ChannelSeen, Work, WorkSeen
from flyball_topology.reshard.steps import AccessChange, Job, ReshardStep
from flyball_topology.reshard.telling import Deciding, begun, holds_still, is_done, marked, take, text_of, wait
from flyball_topology.reshard.view import ReshardView, Sides
from flyball_topology.steps import OperationChange

LOOK = 1.0
"""Seconds until the next look while a long work goes on."""
SOON = 0.2
"""The same where only a moment is missing."""
OPEN_EVERY = 2.0
"""Seconds between two tries to have channels run that do not."""
PRUNE_EVERY = 5.0
"""Seconds between two rounds of pruning while channels stream."""
TELL_EVERY = 2.0
"""Seconds between two notes of how far a long work is."""


def fill(view: ReshardView) -> Deciding:
    """The first thing that is missing before the cutover."""
    cancel = view.said(OperationType.CANCEL)
    if cancel is not None:
        return leaving.cancel(view, cancel)
    if view.is_paused:
        return _rest(view)
    if not is_done(view, StepName.CHECK):
        return _check(view)
    if (thawing := cutover.thaw(view, view.sources)) is not None:
        return thawing
    if (provisioning := _provision(view)) is not None:
        return provisioning
    if (blocked := _changed_schema(view)) is not None:
        return blocked
    sides = view.forward()
    if (doing := _copy(view) or _seed(view) or _stream(view, sides) or verify(view, sides)) is not None:
        return doing
    if view.reshard.spec.approval is Approval.MANUAL and not view.reshard.status.approved:
        return wait(view, "each cutover waits for a person", f"flyball workflow approve {view.name}")
    return cutover.gate(view, sides)


def verify(view: ReshardView, sides: Sides) -> Deciding | None:
    """Rows are the same under the reigns of now; ``None`` once that is known."""
    copied, terms = view.copied, view.terms()
    if copied is None:
        return wait(view, "the data plane does not tell how far it is", "its answer", again=SOON)
    known = view.reshard.status.verified
    if known is not None and {one.shard: one.term for one in known.terms} == terms:
        return None
    work = copied.verify
    if dict(work.terms) == terms and work.reverse == sides.back:
        match work.work:
            case Work.DONE:
                return _verified(view, work)
            case Work.RUNNING:
                return _goes_on(view, StepName.VERIFY, work, "rows are being compared")
            case Work.FAILED:
                return blocked(view, StepName.VERIFY, work.code or Code.ROWS_DIFFER, work.failure)
    job = Job.VERIFY_BACK if sides.back else Job.VERIFY
    if (resting := _rests(view, job, work)) is not None:
        return resting
    status = begun(view, StepName.VERIFY, work.failure)
    why = "a shard has another primary than when rows were compared" if known is not None else "rows were not compared"
    return take(view, ReshardStep("compare the rows", status=status, job=job), why)


def blocked(view: ReshardView, name: StepName, code: Code, text: str) -> Deciding:
    """Something that only a person can change stands in the way: say so, and touch nothing more."""
    told = view.reshard.status
    if told.code != code.number or told.message != text:
        status = marked(view, name, StepState.FAILED, text, code=code.number, message=text)
        return take(view, ReshardStep(f"stop: {code.number}", status=status), text)
    word = "complete" if view.targets_serve else "cancel"
    return wait(view, text, f"a person: flyball workflow {word} {view.name}, or what is wrong to be mended", again=5.0)


def unblocked(view: ReshardView, name: StepName) -> ReshardStep | None:
    """Forget what stood in the way."""
    if not view.reshard.status.code:
        return None
    return ReshardStep("go on", status=marked(view, name, StepState.RUNNING, code="", message=""))


# --- the parts, in their order ----------------------------------------------------------------------------


def _check(view: ReshardView) -> Deciding:
    checked = view.checked
    if checked is None:
        if (away := _silent(view, [shard.name for shard in view.sources])) is not None:
            return away
        return take(view, ReshardStep("read the tables", job=Job.CHECK), "nothing is touched before the check")
    if checked.refusals:
        dirty = [one for one in view.sources if one.name in view.seen and not view.seen[one.name].clean]
        if dirty:  # reading the tables takes an account
            acts = tuple(Clean(one.name, one.status.reign.term) for one in dirty)
            return take(view, ReshardStep("take away what the check needed", acts=acts), "it is refused")
        texts = "; ".join(f"{one.code.number}: {one.text}" for one in checked.refusals)
        return leaving.refuse(view, checked.refusals[0].code, texts)
    evidence = f"{len(checked.tables)} tables, about {checked.rows_expected} rows"
    if checked.cautions:
        evidence += f"; there will be no way back: {'; '.join(checked.cautions)}"
    status = marked(
        view,
        StepName.CHECK,
        StepState.DONE,
        evidence,
        tables=checked.tables,
        fingerprint=checked.fingerprint,
        cautions=checked.cautions,
    )
    return take(view, ReshardStep("note the check", status=status), "everything that must hold holds")


def _provision(view: ReshardView) -> Deciding | None:
    status = begun(view, StepName.PROVISION)
    if not is_done(view, StepName.PROVISION) and status is not None:
        return take(view, ReshardStep("begin to provision", status=status), "the tables can be moved")
    if view.missing:
        return wait(view, "shards are being made", *(f"shard {name}" for name in view.missing), again=SOON)
    unmarked = [shard for shard in view.targets if shard.status.access is None]
    if unmarked:
        ours = ShardAccess(mode=Access.FILLING, by=view.name)
        step = ReshardStep(
            f"keep {', '.join(shard.name for shard in unmarked)} closed to applications",
            accesses=tuple(AccessChange(shard, ours) for shard in unmarked),
        )
        return take(view, step, "a target takes its rows first")
    unborn = [shard.name for shard in view.targets if not shard.status.reign.term]
    if unborn:
        return wait(view, "a shard without a primary takes no rows", *(f"{n} to reign" for n in unborn), again=SOON)
    if (changing := _changing(view)) is not None:
        return changing
    if (away := _silent(view, [shard.name for shard in (*view.sources, *view.targets)])) is not None:
        return away
    if (preparing := _prepare(view)) is not None:
        return preparing
    guards = tuple(Guard(s.name, s.status.reign.term) for s in view.sources if not view.seen[s.name].guarded)
    if guards:
        return take(
            view, ReshardStep("guard the sharding keys", acts=guards), "a row may not change its shard meanwhile"
        )
    if not is_done(view, StepName.PROVISION):
        evidence = ", ".join(f"{shard.name}: {shard.status.reign.primary}" for shard in view.targets)
        done = marked(view, StepName.PROVISION, StepState.DONE, evidence)
        return take(view, ReshardStep("note the provision", status=done), "every target reigns")
    return None


def _prepare(view: ReshardView) -> Deciding | None:
    """The movers' account is on every member of both sides: each of them may become a primary."""
    acts, away = [], []
    for shard in (*view.sources, *view.targets):
        seen = view.seen[shard.name]
        lacking = {member.name for member in shard.spec.members} - seen.movers
        cloned = {name for name in lacking if _is_made_anew(view, name)}
        if lacking and seen.still:
            away.append(holds_still(shard.name))
        elif lacking - seen.silent.keys() - cloned:
            acts.append(PrepareMovers(shard.name, shard.status.reign.term))
        away += [f"{name} to replicate again" for name in sorted(cloned)]
        away += [f"{name} to answer ({seen.silent[name]})" for name in sorted(lacking & seen.silent.keys() - cloned)]
    if acts:
        step = ReshardStep("make the movers' accounts", acts=tuple(acts))
        return take(view, step, "rows are moved by an account of its own")
    if away:
        return wait(view, "each member needs the movers' account: it may become a primary", *away, again=LOOK)
    return None


def _changed_schema(view: ReshardView) -> Deciding | None:
    if view.copied is None:
        return wait(view, "the data plane does not tell how far it is", "its answer", again=SOON)
    if view.has_other_definitions:
        text = "a table of the sources has another definition than when the reshard began"
        return blocked(view, StepName.COPY, Code.SCHEMA_CHANGED, text)
    if view.reshard.status.code == Code.SCHEMA_CHANGED.number:
        step = unblocked(view, StepName.COPY)
        return take(view, step, "the definitions are as they were again") if step is not None else None
    return None


def _copy(view: ReshardView) -> Deciding | None:
    copied = view.copied
    assert copied is not None  # seen by the part before
    match copied.copy.work:
        case Work.DONE:
            return None
        case Work.RUNNING:
            return _goes_on(view, StepName.COPY, copied.copy, "rows are being copied")
        case Work.FAILED:
            return blocked(view, StepName.COPY, copied.copy.code or Code.RESHARD_REFUSED, copied.copy.failure)
        case Work.ABSENT | Work.BROKEN:
            if (resting := _rests(view, Job.COPY, copied.copy)) is not None:
                return resting
            status = begun(view, StepName.COPY, copied.copy.failure)
            if status is not None:
                status = status.model_copy(update={"verified": None})
            return take(view, ReshardStep("copy the rows", status=status, job=Job.COPY), copied.copy.work.value)


def _seed(view: ReshardView) -> Deciding | None:
    """The targets' other members are cloned from the primaries: what was copied is in no binary log."""
    copied = view.copied
    assert copied is not None  # seen by the part before
    awaited = []
    for target in view.targets:
        seeded = copied.seeded.get(target.name, frozenset())
        for member in target.spec.members:
            asked = view.seeds.get(member.name)
            if member.name == target.status.reign.primary:
                continue
            if member.name in seeded:  # it holds the rows; what streams would wait for it to acknowledge
                if _is_made_anew(view, member.name):
                    awaited.append(f"{member.name} to replicate again")
                continue
            if asked is None or asked.status.outcome.ended:
                spec = OperationSpec(
                    type=OperationType.RESEED,
                    keyspace=view.keyspace.name,
                    shard=target.name,
                    member=member.name,
                    reason=f"{view.name}: it lacks the rows that were copied",
                )
                change = OperationChange(seed_name(member.name), OperationStatus(), spec)
                step = ReshardStep(f"clone {member.name}", operations=(change,))
                return take(view, step, "what was copied is in no binary log")
            awaited.append(f"{member.name} to be cloned")
    if awaited:
        return wait(view, "every member of a target holds the rows before it streams", *awaited, again=LOOK)
    if not is_done(view, StepName.COPY):
        rows = sum(table.rows for table in copied.copy.progress)
        done = marked(view, StepName.COPY, StepState.DONE, f"{rows} rows", progress=copied.copy.progress, eta=None)
        return take(view, ReshardStep("note the copy", status=done), "every member of the targets holds the rows")
    return None


def _is_made_anew(view: ReshardView, member: str) -> bool:
    """Whether a clone of the member has not come to its end: it has a promise to make, and a source to follow, before
    anything else is asked of it.
    """
    asked = view.seeds.get(member)
    return asked is not None and not asked.status.outcome.ended


def seed_name(member: str) -> str:
    """The name of the operation that asks for a clone. A target's member has one reshard that fills it."""
    name = f"seed-{member}"
    return name if len(name) <= LONGEST_NAME else f"seed-{sha256(member.encode()).hexdigest()[:16]}"


def _stream(view: ReshardView, sides: Sides) -> Deciding | None:
    status = begun(view, StepName.STREAM)
    is_stopped = view.reshard.status.code == Code.LOG_PURGED.number
    if not is_done(view, StepName.STREAM) and status is not None and not is_stopped:
        return take(view, ReshardStep("begin to stream", status=status), "the rows are there")
    if (opening := stream(view, sides)) is not None:
        return opening
    if not is_done(view, StepName.STREAM):
        done = marked(view, StepName.STREAM, StepState.DONE, f"{len(sides.pairs)} channels")
        return take(view, ReshardStep("note the stream", status=done), "every channel carries what is written")
    return None


def stream(view: ReshardView, sides: Sides) -> Deciding | None:
    """Every consumer has a channel that runs from each of its producers; ``None`` once that is so."""
    if (away := _silent(view, [shard.name for shard in (*sides.producers, *sides.consumers)])) is not None:
        return away
    broken = [
        (producer, consumer, channel)
        for producer, consumer in sides.pairs
        if (channel := view.seen[consumer.name].channels.get(producer.name)) is None
        or not (channel.runs or _is_held(view, channel))
    ]
    if purged := [(p.name, c.name) for p, c, channel in broken if channel is not None and channel.is_purged]:
        texts = (f"{producer} has purged what the channel to {consumer} needs next" for producer, consumer in purged)
        return blocked(
            view, StepName.KEEP_WAY_BACK if sides.back else StepName.STREAM, Code.LOG_PURGED, "; ".join(texts)
        )
    if waiting := [consumer.name for _, consumer, _ in broken if view.seen[consumer.name].still]:
        return wait(view, "what a channel brings could not be committed now", *map(holds_still, waiting), again=SOON)
    if broken:
        errors = [f"{consumer.name}: {channel.error}" for _, consumer, channel in broken if channel and channel.error]
        opening = tuple(OpenChannel(c.name, c.status.reign.term, p.name) for p, c, _ in broken)
        why = "; ".join(errors) or "what is written meanwhile must follow"
        if view.opened_age < OPEN_EVERY and all(channel is not None for _, _, channel in broken):
            texts = (f"the channel from {producer.name} to {consumer.name} to run" for producer, consumer, _ in broken)
            return wait(view, why, *texts, again=SOON)
        return take(view, ReshardStep("open the channels", acts=opening), why)
    ghosts = tuple(Prune(one.name, one.status.reign.term) for one in sides.consumers if view.seen[one.name].ghosts != 0)
    if ghosts and view.pruned_age > PRUNE_EVERY:  # the last of them are pruned inside the cutover
        return take(view, ReshardStep("prune", acts=ghosts), "rows out of range slip in by the channels")
    return None


def _is_held(view: ReshardView, channel: ChannelSeen) -> bool:
    """Whether a comparison that goes on may be what keeps the channel still: it sees both sides at one GTID set."""
    comparing = view.copied is not None and view.copied.verify.work is Work.RUNNING
    return comparing and channel.receiver_on and not channel.error


# --- shared -----------------------------------------------------------------------------------------------


def _silent(view: ReshardView, names: list[str]) -> Deciding | None:
    away = [name for name in names if name not in view.seen]
    if not away:
        return None
    texts = (f"{name} to answer ({view.unseen.get(name, 'not asked yet')})" for name in away)
    return wait(view, "what does not answer cannot be known", *texts, again=SOON)


def _changing(view: ReshardView) -> Deciding | None:
    changing = [s.name for s in (*view.sources, *view.targets) if s.status.transition is not None]
    if not changing:
        return None
    return wait(view, "a primary changes", *(f"{name} to reign" for name in changing), again=SOON)


def _verified(view: ReshardView, work: WorkSeen) -> Deciding:
    rows = sum(table.rows for table in work.progress)
    told = Verified(
        terms=tuple(ShardTerm(shard=name, term=term) for name, term in sorted(work.terms.items())),
        rows=rows,
        repaired=work.repaired,
        at=text_of(view.today),
    )
    evidence = f"{rows} rows are the same" + (f"; {work.repaired} chunks were copied again" if work.repaired else "")
    done = marked(
        view,
        StepName.VERIFY,
        StepState.DONE,
        evidence,
        verified=told,
        progress=work.progress,
        eta=None,
        code="",
        message="",
    )
    return take(view, ReshardStep("note the comparison", status=done), evidence)


def _goes_on(view: ReshardView, name: StepName, work: WorkSeen, why: str) -> Deciding:
    """Tell how far a long work is, now and then."""
    told = view.reshard.status
    if work.progress != told.progress and view.told_age >= TELL_EVERY:
        status = marked(view, name, StepState.RUNNING, work.throttled, progress=work.progress, eta=work.eta)
        return take(view, ReshardStep("tell how far it is", status=status), why)
    awaited = f"the data plane, throttled: {work.throttled}" if work.throttled else "the data plane"
    return wait(view, why, awaited, again=LOOK)


def _rests(view: ReshardView, job: Job, work: WorkSeen) -> Deciding | None:
    """What breaks again and again is begun again ever more rarely."""
    rest = view.job_rest.get(job, 0.0)
    if rest <= 0:
        return None
    why = f"it broke: {work.failure}" if work.failure else "it was begun a moment ago, and does not show yet"
    return wait(view, why, "the next try, after a rest", again=min(rest, LOOK))


def _rest(view: ReshardView) -> Deciding:
    copied = view.copied
    if copied is not None and Work.RUNNING in {copied.copy.work, copied.verify.work}:
        return take(view, ReshardStep("end the workers", job=Job.STOP), "the reshard is paused")
    return wait(view, view.pause or "paused by a person", "the pause to be lifted")
