"""One mysqld, as far as flyball can tell it from a real one: GTID sets, doors, a fence, a channel, semi-sync.

Every method named after a procedure of ``flyball/member/sql`` does what that procedure does, in its order, and
refuses where it refuses. A transaction is written to the binary log first (``logged``: replicas may fetch it, and a
restart keeps it) and is executed only once it has its acknowledgements: AFTER_SYNC. Nothing here has a clock; what
takes time happens in :meth:`tests.unit.topology.world.World.settle`.
"""

from dataclasses import dataclass, field, replace

from flyball.errors import Code, MemberError
from flyball.gtid import NOTHING, GtidSet
from flyball.member.accounts import replica_account
from flyball_topology.notes import Note
from flyball_topology.view import HOUSEKEEPING, Snapshot
from flyball_topology.view import Channel as SeenChannel


@dataclass(frozen=True)
class Row:
    """The fence row."""

    uuid: str
    term: int
    opened: int = 0
    reigned: int = 0
    version: int = 0
    issue: str = ""
    serves: bool = True
    note: Note | None = None
    """The reign that this server has attached to, or begun."""


@dataclass(frozen=True)
class Payload:
    """What a transaction does; an empty one does nothing."""

    kind: str = ""
    value: object = None


EMPTY = Payload()


@dataclass
class Channel:
    """The replication channel: what it is told to do, and how far it came."""

    host: str
    port: int
    wanted: bool = True
    state: str = "CONNECTING"
    semi: bool = False
    """Whether the present connection acknowledges: the flag as it was when the receiver connected."""
    acked: int = 0
    """How far into the source's binary log this connection acknowledged. What the receiver held before it connected
    is not sent again, and so not acknowledged: that takes something newer."""
    errno: int = 0
    source_uuid: str = ""
    received: GtidSet = NOTHING
    heartbeats: int = 0
    applier: bool = True
    applier_errno: int = 0

    def stop(self) -> None:
        """The last error stays to be seen."""
        self.wanted, self.state = False, "OFF"

    def begin(self) -> None:
        """Both threads run; a receiver that runs already is left alone."""
        self.wanted = self.applier = True
        if self.state == "OFF":
            self.state, self.errno = "CONNECTING", 0


@dataclass
class Commit:
    """A commit that waits for acknowledgements."""

    gtid: GtidSet
    payload: Payload
    client: bool = False
    """Whether an application's session waits; one that was cut never hears an answer."""
    position: int = 0
    """Where it stands in the binary log."""
    done: bool = False


def transactions(gtids: GtidSet) -> list[tuple[str, str, int]]:
    """(uuid, tag, number) of each transaction."""
    return [
        (uuid, tag, number)
        for (uuid, tag), bounds in gtids._parts
        for first, end in zip(bounds[::2], bounds[1::2], strict=True)
        for number in range(first, end)
    ]


def refused(text: str, code: Code = Code.MEMBER_REFUSED) -> MemberError:
    return MemberError(code, text)


class DiedError(Exception):
    """The server ended in the middle of a procedure."""


@dataclass
class Server:
    """One mysqld. ``payloads`` is what transactions do, shared by the whole world."""

    name: str
    uuid: str
    host: str
    port: int
    payloads: dict[tuple[str, str, int], Payload]
    running: bool = True
    stalled: bool = False
    """Stopped in its tracks: it holds its connections and answers nobody."""
    super_read_only: bool = True
    read_only: bool = True
    offline: bool = True
    logged: GtidSet = NOTHING
    executed: GtidSet = NOTHING
    purged: GtidSet = NOTHING
    hollow: GtidSet = NOTHING
    """Held as empty transactions: declared here, or fetched from where they were declared."""
    row: Row | None = None
    busy: bool = False
    """Its applier is in the middle of something long: super_read_only can be turned off, not on."""
    semi_source: bool = False
    semi_acks: int = 1
    semi_replica: bool = True
    channel: Channel | None = None
    position: int = 0
    """The end of the binary log."""
    commits: list[Commit] = field(default_factory=list)
    journal: set[int] = field(default_factory=set)
    beat: int = 0
    accounts: dict[str, bool] = field(default_factory=dict)
    databases: set[str] = field(default_factory=set)
    followers: set[str] = field(default_factory=set)
    clone_state: str = ""
    donor: str = ""
    reused: list[str] = field(default_factory=list)
    """What must never happen: a GTID that stands for two transactions."""
    takes_notes: bool = True
    """Whether its program knows of notes; an older one's acts have no parameter for them."""
    writes_left: int | None = None
    """After so many more transactions of its own it dies; ``None``: never."""

    # --- what anybody can see ---------------------------------------------------------------------------

    @property
    def takes_writes(self) -> bool:
        return self.running and not (self.stalled or self.super_read_only or self.read_only or self.offline)

    @property
    def refusal(self) -> int:
        """MySQL's error for an application that connects and writes; 0 where it may."""
        if not self.running:
            return 2003
        if self.offline:
            return 3032
        return 1290 if self.super_read_only or self.read_only else 0

    @property
    def promise(self) -> int | None:
        return self.row.term if self.row and self.row.uuid == self.uuid else None

    @property
    def opened(self) -> int:
        return self.row.opened if self.row and self.row.uuid == self.uuid else 0

    @property
    def reigned(self) -> int:
        return self.row.reigned if self.row and self.row.uuid == self.uuid else 0

    @property
    def noted(self) -> int:
        return self.row.version if self.row and self.row.uuid == self.uuid else 0

    @property
    def serves(self) -> bool:
        return self.row.serves if self.row and self.row.uuid == self.uuid else True

    @property
    def attached(self) -> Note | None:
        return self.row.note if self.row and self.row.uuid == self.uuid else None

    @property
    def received(self) -> GtidSet:
        return self.logged.union(self.channel.received) if self.channel else self.logged

    @property
    def has_applied(self) -> bool:
        return self.channel is None or self.executed.contains(self.channel.received)

    def probe(self, *, deep: bool = True) -> Snapshot:
        channel = self.channel
        writable = not self.super_read_only
        return Snapshot(
            uuid=self.uuid,
            version="9.7.0",
            super_read_only=self.super_read_only,
            read_only=self.read_only,
            offline=self.offline,
            executed=self.executed,
            purged=self.purged,
            semi_sync_source=self.semi_source,
            semi_sync_acks=self.semi_acks,
            semi_sync_replica=self.semi_replica,
            promise=self.promise,
            opened=self.opened,
            journal_term=max(self.journal, default=0),
            beat=self.beat,
            channel=channel
            and SeenChannel(
                host=channel.host,
                port=channel.port,
                source_uuid=channel.source_uuid,
                receiver=channel.state,
                receiver_errno=channel.errno,
                receiver_error="" if not channel.errno else "the source has purged what is needed",
                received=channel.received,
                heartbeats=channel.heartbeats,
                applier_on=channel.applier,
                applier_errno=channel.applier_errno,
                applier_error="",
            ),
            clone_state=self.clone_state,
            accounts=dict(self.accounts) if writable and deep else None,
            databases=frozenset(self.databases) if writable and deep else None,
            followers=frozenset(self.followers) if writable else frozenset(),
            reigned=self.reigned,
            issue=self.row.issue if self.row and self.promise is not None else "",
            noted=self.noted,
            note=self.attached,
            takes_notes=self.takes_notes,
            waiting=int(bool(self.commits)) if writable else 0,  # the others wait behind the first
        )

    # --- writing ----------------------------------------------------------------------------------------

    def write(self, payload: Payload, *, tag: str = "", client: bool = False) -> Commit:
        """A transaction of this server's own: logged at once, executed once it is acknowledged."""
        number = self.logged.last(self.uuid, tag) + 1
        if (self.uuid, tag, number) in self.payloads:
            self.reused.append(
                f"{self.name} numbers a transaction {self.uuid}:{tag}:{number}, and another one is called so"
            )
        return self._log(GtidSet.span(self.uuid, number, tag=tag), payload, client=client)

    def _log(self, gtid: GtidSet, payload: Payload, *, client: bool = False) -> Commit:
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise DiedError
            self.writes_left -= 1
        for transaction in transactions(gtid):
            self.payloads.setdefault(transaction, payload)
        self.logged = self.logged.union(gtid)
        self.position += 1
        commit = Commit(gtid, payload, client, self.position)
        if self.semi_source:
            self.commits.append(commit)
        else:
            self.finish(commit)
        return commit

    def finish(self, commit: Commit) -> None:
        self.executed = self.executed.union(commit.gtid)
        self._do(commit.payload)
        commit.done = True

    def apply(self, gtids: GtidSet) -> None:
        """What the applier does: no acknowledgement is waited for."""
        missing = gtids.subtract(self.executed)
        self.logged = self.logged.union(missing)
        self.executed = self.executed.union(missing)
        for transaction in transactions(missing.subtract(self.hollow)):
            self._do(self.payloads[transaction])

    def _do(self, payload: Payload) -> None:
        match payload:
            case Payload("journal", int(term)):
                self.journal.add(term)
            case Payload("beat", int(beat)):
                self.beat = beat
            case Payload("account", str(name)):
                self.accounts.setdefault(name, False)
            case Payload("database", str(name)):
                self.databases.add(name)

    def take_offline(self) -> None:
        """Cuts clients, and answers nothing to a commit that waits."""
        self.offline = True
        self.end_sessions()

    def terminate(self) -> list[Commit]:
        """SIGTERM: whoever waits is answered ok (rule 1). Returns the commits whose clients heard that."""
        answered = [commit for commit in self.commits if commit.client]
        for commit in self.commits:
            self.finish(commit)
        self.commits.clear()
        self.kill()
        return answered

    def pulse(self) -> None:
        """The event of an open primary whose lease has expired; events rest under super_read_only."""
        pulse = Payload("pulse")
        if self.takes_events and all(commit.payload != pulse for commit in self.commits):
            self.write(pulse, tag=HOUSEKEEPING)

    def guard(self) -> None:
        """The other event: where a commit has waited for a second, nobody acknowledges any more."""
        if self.takes_events and self.commits:
            self.take_offline()

    @property
    def takes_events(self) -> bool:
        return self.running and not self.stalled and not self.super_read_only and self.opened > 0

    def end_sessions(self) -> None:
        for commit in self.commits:
            commit.client = False

    def _end_semi_sync(self) -> None:
        """Answers ok to every commit that still waits: rule 1."""
        self.semi_source = False

    # --- the process ------------------------------------------------------------------------------------

    def kill(self) -> None:
        self.running, self.stalled, self.busy = False, False, False
        if self.clone_state == "In Progress":  # mysqld says so for good afterwards, which the probe knows for a failure
            self.clone_state = "Failed"
        self.end_sessions()

    def start(self) -> None:
        """A member starts closed; what was logged is there, acknowledged or not."""
        self.running = True
        self.end_sessions()
        for commit in self.commits:
            self.finish(commit)
        self.commits.clear()
        self.executed = self.logged
        self.super_read_only = self.read_only = self.offline = True
        self.semi_source, self.semi_acks, self.semi_replica = False, 1, True
        self.followers = set()
        if self.row is not None:
            self.row = replace(self.row, opened=0)
        if self.channel is not None:
            self.channel.stop()
            self.channel.applier = False

    def _become_another(self) -> None:
        head, generation, rest = self.uuid.split("-", 2)
        self.uuid = f"{head}-{int(generation, 16) + 1:04x}-{rest}"

    def lose_everything(self) -> None:
        """The clone broke off after it had dropped the data; a restart as another server, empty."""
        self._become_another()
        self.executed = self.logged = self.purged = self.hollow = NOTHING
        self.row, self.channel, self.donor, self.clone_state = None, None, "", "Failed"
        self.journal, self.beat, self.accounts, self.databases = set(), 0, {}, set()
        self.commits = []
        self.start()

    def become(self, donor: "Server") -> None:
        """The clone is complete: the donor's data, fence row and accounts; a restart as another server."""
        self._become_another()
        self.executed, self.logged, self.purged = donor.executed, donor.executed, donor.executed
        self.hollow = donor.hollow
        self.row, self.journal, self.beat = donor.row, set(donor.journal), donor.beat
        self.accounts, self.databases = dict(donor.accounts), set(donor.databases)
        source = donor.channel  # told to follow whom its donor follows, and with nothing received
        self.channel = Channel(source.host, source.port) if source else None
        self.commits, self.donor, self.clone_state = [], "", "Completed"
        self.start()

    # --- the procedures: the promise --------------------------------------------------------------------

    def check_floor(self, term: int, version: int | None = None, issue: str | None = None) -> None:
        """A row of another uuid came with a clone: a floor all the same. Without ``version``: it does not matter."""
        if self.row is not None and self.row.term > term:
            raise refused(f"FB3003 term {term} is below the fence {self.row.term}", Code.TERM_TOO_OLD)
        if self.row is not None and self.row.term == term and self.row.issue and issue not in {None, self.row.issue}:
            text = f"FB3003 this member has promised another issue of term {term}: {self.row.issue}"
            raise refused(text, Code.TERM_TOO_OLD)
        if self.row is not None and version is not None and self.row.version > version:
            text = f"FB3006 version {version} of the record is below {self.row.version}, which is noted here"
            raise refused(text, Code.VERSION_TOO_OLD)

    def check_term(self, term: int, version: int | None = None, issue: str | None = None) -> None:
        self.check_floor(term, version, issue)
        if self.row is not None and self.row.uuid != self.uuid:
            raise refused("FB3003 this member was cloned and has promised nothing: fence it first", Code.TERM_TOO_OLD)

    def obey(self, term: int, version: int | None = None, issue: str | None = None) -> None:
        self.check_term(term, version, issue)
        if not self.has_noted(term, version, issue):
            self.note(term, version, issue)

    def attach(self, term: int, version: int | None, issue: str | None, note: Note | None) -> None:
        """Promise, and note the reign that this server attaches to; without one it stays attached as it was."""
        if not self.takes_notes:
            note = None
        self.check_term(term, version, issue)
        if not self.has_noted(term, version, issue) or note not in {None, self.attached}:
            self.note(term, version, issue, attached=note)

    def has_noted(self, term: int, version: int | None, issue: str | None) -> bool:
        known = self.row is not None and issue in {None, self.row.issue}
        return known and self.promise == term and self.noted >= (version or 0)

    def note(
        self,
        term: int,
        version: int | None = None,
        issue: str | None = None,
        opened: int | None = None,
        reigned: int | None = None,
        attached: Note | None = None,
    ) -> None:
        if issue is None:
            issue = self.row.issue if self.row and self.promise == term else ""
        opened = self.opened if opened is None else opened
        reigned = self.reigned if reigned is None else reigned
        self.donor = ""
        noted = self.noted if version is None else version
        self.row = Row(self.uuid, term, opened, reigned, noted, issue, self.serves, attached or self.attached)
        if self.busy:
            self.super_read_only = False

    def refreeze(self) -> None:
        self.super_read_only = self.super_read_only or (self.read_only and not self.busy)

    def must_be_open(self, term: int) -> None:
        if self.opened != term:
            raise refused(f"FB3003 this member is open under term {self.opened}, not {term}", Code.TERM_TOO_OLD)

    # --- the procedures: replication and doors ----------------------------------------------------------

    def fence(self, term: int, version: int = 0, issue: str | None = None) -> None:
        self.check_floor(term, version, issue)
        if self.opened == term:
            return
        self.donor = ""
        if not self.read_only or (not self.super_read_only and self.row is not None and self.row.opened > 0):
            self.take_offline()
            self._end_semi_sync()
            self._resolve()
            self.super_read_only = self.read_only = True
        if self.row is not None and self.row.opened > 0:
            self.take_offline()
            self.note(term, version, issue, 0)
            self.refreeze()
        elif not self.has_noted(term, version, issue):
            self.note(term, version, issue)
        if self.channel is not None:
            self.channel.stop()

    def freeze(self, term: int) -> None:
        self.obey(term)
        self.must_be_open(term)
        if any(not commit.done for commit in self.commits):
            raise refused("1205 Lock wait timeout exceeded")
        self.super_read_only = self.read_only = True

    def thaw(self, term: int) -> None:
        self.obey(term)
        self.must_be_open(term)
        self.super_read_only = self.offline = False
        self.read_only = self.read_only and not self.serves

    def hold(self, term: int, version: int = 0, issue: str | None = None) -> None:
        self.obey(term, version, issue)
        self.must_be_open(term)
        if any(commit.client and not commit.done for commit in self.commits):
            raise refused("1205 Lock wait timeout exceeded")
        self.read_only, self.super_read_only, self.offline = True, False, False
        self._note_serves(serves=False)

    def serve(self, term: int, version: int = 0, issue: str | None = None) -> None:
        self.obey(term, version, issue)
        self.must_be_open(term)
        self.super_read_only = self.read_only = self.offline = False
        self._note_serves(serves=True)

    def _note_serves(self, *, serves: bool) -> None:
        assert self.row is not None
        self.row = replace(self.row, serves=serves)

    def follow(
        self,
        term: int,
        host: str,
        port: int,
        acks: bool,
        version: int = 0,
        issue: str | None = None,
        note: Note | None = None,
    ) -> None:
        self.check_term(term, version, issue)
        if not self.read_only:
            self.obey(term, version, issue)
            raise refused("FB3002 this member takes writes: fence it first")
        self.attach(term, version, issue, note)
        self.refreeze()
        self._end_semi_sync()
        self._resolve()
        channel = self.channel
        if channel is None:
            self.channel = Channel(host, port)
        elif (channel.host, channel.port) != (host, port):
            if channel.applier_errno and not self.has_applied:
                raise refused("FB3002 the applier does not run, and would lose what was received")
            self.channel = Channel(host, port, received=channel.received, heartbeats=channel.heartbeats)
        else:
            if channel.state != "ON" or self.semi_replica != acks:
                channel.stop()
                channel = self.channel = replace(channel)  # another connection, however soon
            channel.begin()
        self.semi_replica = acks
        if self.row is not None and self.row.opened > 0:
            self.note(term, version, issue, 0)
        self.offline = False

    def settle(self, term: int) -> None:
        self.obey(term)
        if not self.read_only or self.opened > 0:
            raise refused("FB3002 this member takes writes: fence it first")
        self.note(term, None, None, 0, 0)

    def catch_up(self, term: int, version: int = 0, issue: str | None = None, note: Note | None = None) -> None:
        self.attach(term, version, issue, note)
        if self.channel is not None:
            self.channel.applier = True
        self.offline = False

    def lend(self, term: int, reader: str) -> None:
        self.obey(term)
        if not self.read_only:
            raise refused("FB3002 this member takes writes: fence it first")
        if reader in self.accounts:
            self.accounts[reader] = False
        if self.channel is not None:
            self.channel.applier = True
        self.offline = False

    def promote(
        self,
        term: int,
        holds: GtidSet,
        acks: int,
        ackers: tuple[str, ...],
        version: int = 0,
        issue: str | None = None,
        note: Note | None = None,
        *,
        serves: bool = True,
    ) -> None:
        self.check_term(term, version, issue)
        if self.opened == term and not (self.super_read_only or self.offline or (serves and self.read_only)):
            return
        if self.channel is not None:
            self.channel.stop()
        if not self.executed.contains(holds) or not self.has_applied:
            raise refused("FB3002 this member lacks transactions that its promotion needs")
        self.super_read_only = False
        self.note(term, version, issue, term, term, note if self.takes_notes else None)
        self._note_serves(serves=serves)
        self.set_ackers(ackers)
        if acks > 0:
            self.semi_acks, self.semi_source = acks, True
        else:
            self._end_semi_sync()
        self.read_only, self.offline = self.read_only and not serves, False

    def forget_source(self, term: int) -> None:
        self.obey(term)
        self.must_be_open(term)
        if self.has_applied:
            self.channel = None

    def write_journal(self, term: int) -> Commit | None:
        """The journal row; ``None`` where it is there already."""
        self.must_be_open(term)
        self._must_be_writable()
        waiting = [commit for commit in self.commits if commit.payload == Payload("journal", term)]
        if waiting or term in self.journal:
            return waiting[0] if waiting else None
        return self._housekeeping(Payload("journal", term))

    def write_beat(self, term: int, beat: int) -> Commit:
        self.must_be_open(term)
        return self._housekeeping(Payload("beat", beat))

    def isolate(self, term: int) -> None:
        self.obey(term)
        self.take_offline()
        self._end_semi_sync()
        self._resolve()
        if self.busy and not self.super_read_only:
            raise refused("1205 Lock wait timeout exceeded")
        self.super_read_only = self.read_only = True
        self.note(term, None, None, 0)
        if self.channel is not None:
            self.channel.stop()
            self.channel.applier = False

    def arm_clone(self, term: int, donor: str, version: int = 0, issue: str | None = None) -> None:
        self.obey(term, version, issue)
        if not self.read_only:
            raise refused("FB3002 this member takes writes: fence it first")
        self.take_offline()
        if self.channel is not None:
            self.channel.stop()
            self.channel.applier = False
        self.donor, self.super_read_only = donor, False

    def begin_clone(self) -> None:
        """The CLONE statement itself: it needs a donor that was named, and goes on by itself."""
        if self.donor:
            self.clone_state = "In Progress"

    def lose_data(self) -> None:
        """A clone has dropped what was here, and broke."""
        self.executed = self.logged = self.purged = self.hollow = NOTHING
        self.row, self.channel, self.beat = None, None, 0
        self.journal, self.accounts, self.databases = set(), {}, set()
        self.commits.clear()
        self.clone_state = "Failed"

    def declare(self, term: int, gtids: GtidSet) -> list[Commit]:
        self.obey(term)
        if not self.super_read_only:
            self.must_be_open(term)
        missing = gtids.subtract(self.logged)
        self.hollow = self.hollow.union(missing)
        return [self._log(GtidSet.span(u, n, tag=t), EMPTY) for u, t, n in transactions(missing)]

    # --- the procedures: what a primary holds for everybody ---------------------------------------------

    def establish(self, term: int) -> None:
        self.obey(term)
        if not self.executed.is_empty and ("flyball_shard" not in self.databases or self.journal):
            raise refused("FB4007 this member is not empty", Code.NOT_EMPTY)
        if not self.has_applied:
            raise refused("FB3002 this member has not applied yet what it received")
        self.note(term, None, None, term, term)
        self.super_read_only = False
        self.write(Payload("database", "flyball_shard"))

    def provision(self, term: int, members: tuple[str, ...], users: tuple[str, ...], database: str) -> list[Commit]:
        self.must_be_open(term)
        self._must_be_writable()
        accounts = [*map(replica_account, members), *users]
        payloads = [*(Payload("account", name) for name in accounts), Payload("database", database)]
        return [self.write(payload) for payload in payloads]

    def set_ackers(self, ackers: tuple[str, ...]) -> None:
        admitted = set(map(replica_account, ackers))
        for account, locked in self.accounts.items():
            if account.startswith("flyball_r_") and locked is (account in admitted):
                self._must_be_writable()
                self.accounts[account] = not locked
        self.followers &= admitted

    def admit(
        self, term: int, ackers: tuple[str, ...], version: int = 0, issue: str | None = None, note: Note | None = None
    ) -> None:
        self.must_be_open(term)
        self.attach(term, version, issue, note)
        self.set_ackers(ackers)

    def ensure_semi_sync(self, term: int, acks: int, version: int = 0, issue: str | None = None) -> None:
        self.must_be_open(term)
        self.obey(term, version, issue)
        if acks > 0:
            self.semi_acks = max(self.semi_acks, acks)
        self.semi_source = acks > 0

    def _must_be_writable(self) -> None:
        if self.super_read_only:
            raise refused("1290 the server is running with --super-read-only")

    def _housekeeping(self, payload: Payload) -> Commit:
        self._must_be_writable()
        return self.write(payload, tag=HOUSEKEEPING)

    def _resolve(self) -> None:
        """Without semi-sync nothing waits any more."""
        if not self.semi_source:
            for commit in self.commits:
                self.finish(commit)
            self.commits.clear()
