"""Diagnose: from a view to findings. Pure; says what is wrong, not what to do about it."""

from collections.abc import Iterator

from flyball.member.accounts import replica_account
from flyball.records.operation import OperationType
from flyball.records.shard import Intent, LagClass
from flyball_topology.attached import admissible, has_newest
from flyball_topology.findings import Finding, Kind
from flyball_topology.line import Errant, beside_the_line
from flyball_topology.notes import Note
from flyball_topology.revocation import cloning, durability, may_acknowledge
from flyball_topology.view import HOUSEKEEPING, Channel, MemberView, Reach, Snapshot, View

CONFIRMED = 2
"""Probes in a row that must fail before a primary that refuses connections is called dead."""
REFUSED_FOR = 0.05
SILENT_FOR = 2.0
"""Seconds that it must last: where nothing listens, and where nothing answers."""
HUNG_FOR = 5.0
"""Seconds after which an unanswered heartbeat shows that a primary cannot write."""
WAITING_FOR = 3.0
"""Seconds after which a heartbeat that waits for its acknowledgement shows that no write is acknowledged."""
CONNECTING_FOR = 5.0
"""Seconds after which a replica that tries to connect to its source is a finding: each try takes a second."""
AWAY_AFTER = 30.0
"""Seconds after which a member that does not answer is taken out of the ack set, while the primary lives."""


_ERRANT = {
    Errant.TAIL: Kind.UNACKNOWLEDGED_TAIL,
    Errant.FOREIGN: Kind.ERRANT_TRANSACTIONS,
    Errant.DIVERGED: Kind.DIVERGED,
}


def diagnose(view: View) -> tuple[Finding, ...]:
    """Every finding, the gravest first. Worked out once for each view: a pass asks for them four times."""
    if view.findings is None:
        object.__setattr__(view, "findings", (*_record(view), *_primary(view), *_replicas(view)))
    return view.findings or ()


def primary_is_dead(view: View) -> bool:
    """Dead: it does not answer, twice and for a while, and no replica that answers still hears it (rule 14)."""
    primary = view.primary
    if primary is None or primary.reach in {Reach.OK, Reach.LOGIN, Reach.UNKNOWN}:
        return False
    least = REFUSED_FOR if primary.reach is Reach.REFUSED else SILENT_FOR
    if primary.failures < CONFIRMED or view.now - primary.since < least:
        return False
    return not any(member.follows(primary.spec) and member.hears(view.now) for member in view.replicas)


def primary_cannot_write(view: View) -> bool:
    """Up, and provably unable to write: its heartbeat hangs or fails, and not for want of an acknowledgement."""
    primary = view.primary
    seen = primary.seen if primary else None
    if primary is None or seen is None or not seen.works or (seen.waiting and not seen.disk_full):
        return False
    return min(view.beat_hung, view.now - primary.since) >= HUNG_FOR


def lag_class(member: MemberView) -> LagClass:
    """The lag in classes, so that a status changes only when the state does."""
    return LagClass.UNKNOWN if member.seen is None else class_of(member.lag)


def class_of(lag: float | None) -> LagClass:
    """The class of a lag in seconds."""
    if lag is None:
        return LagClass.UNKNOWN
    if lag <= 2.5:
        return LagClass.OK
    for limit, found in ((60.0, LagClass.OVER_1M), (10.0, LagClass.OVER_10S)):
        if lag > limit:
            return found
    return LagClass.OVER_1S


def missing_on_primary(view: View, seen: Snapshot) -> frozenset[str]:
    """The declared accounts, and the database, that a writable member lacks."""
    spec = view.shard.spec
    accounts = {user.name for user in spec.users} | {replica_account(name) for name in view.members}
    lacking = accounts - (seen.accounts or {}).keys()
    return frozenset(lacking | ({spec.database} - (seen.databases or frozenset())))


def _record(view: View) -> Iterator[Finding]:
    status = view.shard.status
    for member in view.members.values():
        seen = member.seen
        if seen is None:
            continue
        if (seen.promise or 0) > status.issued:
            detail = f"it promised term {seen.promise}, the record has issued {status.issued}"
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)
        elif seen.journal_term > status.issued:
            detail = f"its journal shows term {seen.journal_term}, the record has issued {status.issued}"
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)
        elif seen.noted > status.version:
            detail = f"it noted version {seen.noted} of the record, which is at {status.version}"
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)
        elif (
            seen.promise and seen.promise == status.issued and _another_issue(seen.issue, status.issue_of(seen.promise))
        ):
            detail = f"it promised another issue of term {seen.promise}: this record was restored, and issued it again"
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)
        elif _used_before(view, member, seen):
            detail = f"term {status.issued} was issued before: this member knows it, and the record gave it to another"
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)
        elif seen.note is not None and _not_of_this_record(view, seen.note):
            detail = (
                f"it attached to {seen.note.primary} under term {seen.note.term}, a reign that the record did not begin"
            )
            yield Finding(Kind.RECORD_OLDER_THAN_MEMBERS, member.name, detail)


def _another_issue(promised: str, recorded: str) -> bool:
    return promised not in {"", recorded}


def _not_of_this_record(view: View, note: Note) -> bool:
    """Whether the member attached to a reign that the record did not begin: it was restored since, whatever its numbers
    are by now. A note that is older than the recorded reign is of the past.

    A candidate that was lost and is appointed once more stands in the record with its newest term alone. What it began
    under another record shows by its own note, which is looked at before it is appointed.
    """
    status, reign = view.shard.status, view.reign
    if note.term <= status.adopted or note.term < reign.term or (note.term, note.uuid) == (reign.term, reign.uuid):
        return False
    begun = status.transition.suspects if status.transition else ()
    return not any(suspect.uuid == note.uuid and suspect.term >= note.term for suspect in begun)


def _used_before(view: View, member: MemberView, seen: Snapshot) -> bool:
    """Whether the newest term has reigned already, though not by this record: it was restored, and issued it again."""
    status = view.shard.status
    if status.issued == 0 or status.issued not in {
        status.reign.term,
        status.transition.term if status.transition else 0,
    }:
        return False
    holder = status.reign.primary
    if status.transition is not None and status.transition.term == status.issued:
        holder = status.transition.candidate
    if holder == "" and seen.journal_term >= status.issued:
        return True
    return member.name != holder and max(seen.opened, seen.reigned) >= status.issued


def _primary(view: View) -> Iterator[Finding]:
    primary = view.primary
    if view.reign.term and primary is None:
        yield Finding(Kind.PRIMARY_UNREACHABLE, view.reign.primary, "it is not declared any more")
    if primary is None or not view.reign.term:
        return
    seen = primary.seen
    if seen is None:
        kind = Kind.PRIMARY_DEAD if primary_is_dead(view) else Kind.PRIMARY_UNREACHABLE
        yield Finding(kind, primary.name, primary.reach.value)
        return
    if seen.opened != view.reign.term or seen.uuid != view.reign.uuid:
        yield Finding(Kind.PRIMARY_CLOSED, primary.name)
        return
    if not seen.is_open(serves=view.shard.serves):
        yield Finding(_closed_or_not(view, seen), primary.name)
        if not seen.works:
            return
    if primary_cannot_write(view):
        yield Finding(Kind.PRIMARY_CANNOT_WRITE, primary.name)
    if seen.waiting and view.beat_hung >= WAITING_FOR:
        deaf = [m.name for m in view.replicas if m.name in view.shard.status.ackers and not _hears_primary(view, m)]
        yield Finding(Kind.WRITES_WAIT, primary.name, f"not heard by {' and '.join(deaf)}" if deaf else "")
    if seen.disk_full:
        yield Finding(Kind.DISK_FULL, primary.name)
    if seen.channel is not None:
        yield Finding(Kind.PRIMARY_HAS_SOURCE, primary.name)
    yield from _settings(view, primary, seen)
    if primary.spec.intent is Intent.LEAVE:
        yield Finding(Kind.LEAVING, primary.name)


def _closed_or_not(view: View, seen: Snapshot) -> Kind:
    """Which door of a primary is not as it should be."""
    if not seen.works:
        return Kind.PRIMARY_FROZEN
    return Kind.SERVES_NOT_YET if view.shard.serves else Kind.SERVES_UNASKED


def _hears_primary(view: View, member: MemberView) -> bool:
    return view.primary is not None and member.follows(view.primary.spec) and member.hears(view.now)


def _settings(view: View, primary: MemberView, seen: Snapshot) -> Iterator[Finding]:
    spec, status = view.shard.spec, view.shard.status
    in_force = status.durability or spec.durability
    acks = in_force.acks if in_force.policy != "none" else 0
    too_much = seen.semi_sync_source and in_force.policy == spec.durability.policy == "none"
    too_much = too_much and status.durability_next is None
    if too_much or (acks and (not seen.semi_sync_source or seen.semi_sync_acks < acks)):
        yield Finding(Kind.SEMI_SYNC_SETTINGS, primary.name)
    if status.durability is not None and status.durability != spec.durability:
        detail = (
            f"{status.durability.policy} {status.durability.acks}, not {spec.durability.policy} {spec.durability.acks}"
        )
        yield Finding(Kind.DURABILITY_CHANGED, primary.name, detail)
    if seen.accounts is None:
        return
    if missing_on_primary(view, seen):
        yield Finding(Kind.ACCOUNTS_MISSING, primary.name)
    admitted = {name for name in view.members if seen.accounts.get(replica_account(name)) is False}
    known = {name for name in view.members if replica_account(name) in seen.accounts}
    counted = status.ackers if status.ackers_next is None else status.ackers_next
    wanted = known & set(admissible(view, primary.name, view.reign.term, counted))
    if admitted != wanted or seen.noted < status.version or not has_newest(view, primary):
        yield Finding(Kind.ACK_SET_NOT_APPLIED, primary.name)


def _replicas(view: View) -> Iterator[Finding]:
    kept_out = {operation.spec.member for operation in view.operations if operation.spec.type is OperationType.FENCE}
    for gone in sorted({*view.shard.status.ackers} - view.members.keys()):
        yield Finding(Kind.MEMBER_AWAY, gone, "it is not declared any more")
    for member in view.replicas:
        if member.spec.intent is Intent.LEAVE:
            yield Finding(Kind.LEAVING, member.name)
        if member.seen is None:
            yield from _unreachable(view, member)
        elif member.name in kept_out:
            yield Finding(Kind.FENCED, member.name)
        elif member.spec.intent is Intent.SERVE:
            yield from _replica(view, member, member.seen)


def _unreachable(view: View, member: MemberView) -> Iterator[Finding]:
    yield Finding(Kind.MEMBER_UNREACHABLE, member.name, member.reach.value)
    away = member.failures >= CONFIRMED and view.now - member.since >= AWAY_AFTER
    if away and member.name in view.shard.status.ackers:
        yield Finding(Kind.MEMBER_AWAY, member.name)


def _replica(view: View, member: MemberView, seen: Snapshot) -> Iterator[Finding]:
    if not view.reign.term:
        return
    if not seen.read_only:
        yield Finding(Kind.WRITABLE_REPLICA, member.name)
        return
    if (hold_up := _hold_up(view, member, seen)) is not None:
        yield hold_up
        return
    if seen.promise is None:
        yield Finding(Kind.NO_PROMISE, member.name, "it was cloned" if not seen.executed.is_empty else "it is new")
        return
    beside = beside_the_line(view, member)
    if (errant := _ERRANT.get(beside.kind)) is not None:
        yield Finding(errant, member.name, str(beside.transactions))
        return
    primary = view.primary.seen if view.primary else None
    if primary is None or view.primary is None:
        return
    before = view.primary.earlier
    if lacks_purged(primary, seen) and (before is None or lacks_purged(before, seen)):  # nor only a moment apart
        yield Finding(Kind.LACKS_PURGED, member.name)
        return
    if beside.kind is Errant.HOUSEKEEPING:
        yield Finding(Kind.ERRANT_HOUSEKEEPING, member.name)
        return
    newest = seen.promise >= view.reign.term and seen.noted >= view.shard.status.version
    if not (newest and has_newest(view, member)) and member.follows(view.primary.spec):
        yield Finding(Kind.OLD_PROMISE, member.name)
    if member.name not in view.shard.status.ackers:
        yield Finding(Kind.NOT_AN_ACKER, member.name)
    yield from _channel(view, view.primary, member, seen)


def lacks_purged(primary: Snapshot, seen: Snapshot) -> bool:
    """Whether the member can never connect, for the primary has purged what it lacks. Housekeeping rows that are being
    replicated may be on their way still; where they are not, the primary refuses for want of them all the same.

    A reshard declares what other shards wrote, to the replicas first (rule 21). A replica that was probed just before
    that, and a primary just after it, look like this for one look: a finding needs the primary's probe before, too.
    """
    purged = primary.purged.without_tag(HOUSEKEEPING) if _receives(seen) else primary.purged
    return not purged.subtract(seen.received).is_empty


def _receives(seen: Snapshot) -> bool:
    return seen.channel is not None and seen.channel.receiver == "ON"


def _hold_up(view: View, member: MemberView, seen: Snapshot) -> Finding | None:
    """What has to end before anything else can be said of the member."""
    if seen.disk_full:  # it neither receives nor applies, and nothing that it is told would help
        return Finding(Kind.DISK_FULL, member.name)
    if seen.clone_state == "In Progress":
        return Finding(Kind.CLONING, member.name)
    if seen.clone_state == "Failed" and member.name in cloning(view):
        return Finding(Kind.CLONE_FAILED, member.name, seen.clone_error[:200])
    return None


def _channel(view: View, primary: MemberView, member: MemberView, seen: Snapshot) -> Iterator[Finding]:
    channel = seen.channel
    if channel is None:
        yield Finding(Kind.WRONG_SOURCE, member.name, "it follows nobody")
        return
    if member.follows(primary.spec):
        yield from _replication(view, primary, member, channel)
    elif channel.applier_errno and not seen.executed.contains(seen.received):
        why = f"it cannot apply what it received of {channel.address}, and must before it follows {primary.name}"
        detail = f"{why}: {channel.applier_errno} {channel.applier_error[:200]}"
        yield Finding(Kind.REPLICATION_FAILED, member.name, detail)
    else:
        yield Finding(Kind.WRONG_SOURCE, member.name, channel.address)
    if lag_class(member) not in {LagClass.OK, LagClass.UNKNOWN}:
        yield Finding(Kind.LAG, member.name, lag_class(member).value)


def _replication(view: View, primary: MemberView, member: MemberView, channel: Channel) -> Iterator[Finding]:
    """Of a member that is set to follow the primary: the gravest thing that keeps it from being a sound replica."""
    seen = member.seen
    if seen is None:
        return
    if channel.applier_errno:
        yield Finding(Kind.REPLICATION_FAILED, member.name, f"{channel.applier_errno} {channel.applier_error[:200]}")
    elif channel.receiver == "OFF" and channel.receiver_errno:
        yield Finding(Kind.REPLICATION_FAILED, member.name, f"{channel.receiver_errno} {channel.receiver_error[:200]}")
    elif channel.receiver == "OFF" or not channel.applier_on:
        yield Finding(Kind.REPLICATION_STOPPED, member.name)
    elif member.connecting_since is not None and view.now - member.connecting_since >= CONNECTING_FOR:
        yield Finding(Kind.NOT_CONNECTED, member.name, _why_not_connected(channel))
    elif seen.semi_sync_replica != gives_acks(view, member):
        yield Finding(Kind.NOT_ACKING, member.name)
    elif not seen.super_read_only:
        yield Finding(Kind.HALF_FROZEN, member.name)
    elif seen.offline:
        yield Finding(Kind.REPLICA_CLOSED, member.name)
    elif _has_left_its_reign(view, primary, seen):
        yield Finding(Kind.FORMER_PRIMARY, member.name)


def _why_not_connected(channel: Channel) -> str:
    """What MySQL says, without the number of the attempt that it leads with: that is another one each second."""
    _, found, reason = channel.receiver_error.partition("Message: ")
    text = reason if found else channel.receiver_error
    return f"{channel.receiver_errno} {text[:200]}" if channel.receiver_errno else "MySQL does not say why"


def _has_left_its_reign(view: View, primary: MemberView, seen: Snapshot) -> bool:
    """Whether it reigned before, and the reigning primary holds all that it wrote, housekeeping included."""
    reigning = primary.seen
    return (
        seen.reigned > 0
        and view.shard.status.transition is None
        and reigning is not None
        and reigning.opened == view.reign.term
        and reigning.executed.contains(seen.received.only_uuids([seen.uuid]))
    )


def gives_acks(view: View, member: MemberView, coming: str | None = None) -> bool:
    """Whether the replica side of semi-sync belongs on: under cross-zone only outside the primary's zone (rule 15).

    ``coming``: the primary to be, for which the durability in force alone counts.
    """
    if coming is not None:
        return member.name in durability(view).ack_givers(coming)
    return member.name in may_acknowledge(view, view.reign.primary)
