"""One mysqld of a keyspace that is resharded: what :class:`~tests.simulation.server.Server` has, and rows.

A row is a key and a value, of one table; a transaction writes one row, prunes some, or mends a range. What a channel
between shards brings (an *import*, 8_reshard.sql) is logged here as a batch that waits for its acknowledgements like
any commit. What was copied, the guards and the movers' account are in no binary log: a member has them because
somebody gave them to it, or because it was cloned from one that had.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from flyball.gtid import NOTHING, GtidSet
from flyball.keyrange import KeyRange
from tests.simulation.server import Commit, Payload, Server, refused, transactions

KEYS = 32
"""Keys that applications write, spread evenly over the keyspace ids."""
STEP = 2**64 // KEYS
TAG = "prune"

Transaction = tuple[str, str, int]


def keyspace_id(key: int) -> int:
    """The keyspace id of a key."""
    return key * STEP


@dataclass(frozen=True)
class Shared:
    """What the servers of a world have in common."""

    homes: dict[str, str] = field(default_factory=dict)
    """By the number that a server's uuids begin with, its shard."""
    order: dict[tuple[str, Transaction], int] = field(default_factory=dict)
    """By shard and transaction, when a member of the shard logged it first: the order of the shard's binary logs."""

    def home(self, uuid: str) -> str:
        return self.homes[uuid[:8]]

    def in_order(self, shard: str, gtids: GtidSet) -> list[Transaction]:
        """The transactions as the binary logs of the shard have them."""
        return sorted(transactions(gtids), key=lambda one: self.order.get((shard, one), 0))


@dataclass
class Import:
    """A channel from another shard's primary."""

    host: str
    port: int
    receiver: bool = True
    connected: bool = False
    applier: bool = True
    filtered: bool = True
    error: str = ""
    received: GtidSet = NOTHING
    upto: GtidSet | None = None
    """Where the applier stops; it goes on without end where there is none."""
    newest: float = 0.0
    """When the newest transaction was applied."""

    def stop(self) -> None:
        self.receiver = self.connected = self.applier = False


@dataclass
class Notes:
    """What the data plane keeps beside the rows that it copied (``moving/notes.py``); in no binary log."""

    lanes: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """By source: the first key that is not copied yet, and whether all are."""
    snapshots: dict[str, GtidSet] = field(default_factory=dict)
    works: dict[str, tuple[str, str]] = field(default_factory=dict)

    def copied(self) -> "Notes":
        return Notes(dict(self.lanes), dict(self.snapshots), dict(self.works))


@dataclass
class ReshardServer(Server):
    """One mysqld."""

    shard: str = ""
    shared: Shared = field(default_factory=Shared)
    rows: dict[int, int] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    idempotent: bool = False
    movers: set[str] = field(default_factory=set)
    mover_may_write: bool = False
    guards: set[str] = field(default_factory=set)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: Notes | None = None

    # --- rows -------------------------------------------------------------------------------------------

    def in_range(self, part: KeyRange) -> dict[int, int]:
        return {key: value for key, value in self.rows.items() if keyspace_id(key) in part}

    def outside(self, part: KeyRange) -> list[int]:
        return [key for key in self.rows if keyspace_id(key) not in part]

    def apply(self, gtids: GtidSet) -> None:
        """In the order of the shard's logs; of another shard's transactions what is about rows."""
        missing = gtids.subtract(self.executed)
        self.logged = self.logged.union(missing)
        self.executed = self.executed.union(missing)
        for one in self.shared.in_order(self.shard, missing.subtract(self.hollow)):
            self._take(one)

    def _take(self, one: Transaction) -> None:
        payload = self.payloads.get(one, Payload())
        if payload.kind in {"put", TAG, "mend"} or self.shared.home(one[0]) == self.shard:
            self._do(payload)

    def _log(self, gtid: GtidSet, payload: Payload, *, client: bool = False) -> Commit:
        commit = super()._log(gtid, payload, client=client)
        self._note_order(gtid)
        return commit

    def _note_order(self, gtids: GtidSet) -> None:
        order = self.shared.order
        for one in transactions(gtids):
            order.setdefault((self.shard, one), len(order))

    def _do(self, payload: Payload) -> None:
        match payload:
            case Payload("put", (int(key), int(value))):
                self.rows[key] = value
            case Payload("prune", tuple(keys)):
                for key in keys:
                    self.rows.pop(key, None)
            case Payload("mend", (KeyRange() as part, tuple(pairs))):
                self.rows = {key: value for key, value in self.rows.items() if keyspace_id(key) not in part}
                self.rows |= dict(pairs)
            case Payload("import", GtidSet() as gtids):
                for one in self.shared.in_order(self.shard, gtids.subtract(self.hollow)):
                    self._take(one)
            case Payload("move", (str(workflow), str(step), int(term))):
                if step:
                    self.moves[workflow, step] = term
                else:
                    self.moves = {key: known for key, known in self.moves.items() if key[0] != workflow}
            case _:
                super()._do(payload)

    # --- the process ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Channels come back stopped, without their filters; settings are what they are by default."""
        super().start()
        for one in self.imports.values():
            one.stop()
            one.filtered = False
        self.idempotent = self.mover_may_write = False

    def become(self, donor: Server) -> None:
        assert isinstance(donor, ReshardServer)
        self.rows, self.movers, self.guards = dict(donor.rows), set(donor.movers), set(donor.guards)
        self.moves, self.notes = dict(donor.moves), donor.notes.copied() if donor.notes else None
        self.imports = {name: replace(one, received=NOTHING) for name, one in donor.imports.items()}
        super().become(donor)

    def lose_everything(self) -> None:
        self._forget()
        super().lose_everything()

    def lose_data(self) -> None:
        self._forget()
        super().lose_data()

    def _forget(self) -> None:
        self.rows, self.movers, self.guards, self.moves, self.imports = {}, set(), set(), {}, {}
        self.notes = None

    # --- the procedures of the shard, as far as they are about imports ------------------------------------

    def fence(self, term: int, version: int = 0, issue: str | None = None) -> None:
        super().fence(term, version, issue)
        if self.opened != term:
            self.stop_imports()

    def freeze(self, term: int) -> None:
        super().freeze(term)
        self.stop_imports()

    def isolate(self, term: int) -> None:
        super().isolate(term)
        self.stop_imports()

    def arm_clone(self, term: int, donor: str, version: int = 0, issue: str | None = None) -> None:
        super().arm_clone(term, donor, version, issue)
        self.stop_imports()

    def follow(self, term: int, host: str, port: int, acks: bool, *stamp: object) -> None:  # type: ignore[override]
        super().follow(term, host, port, acks, *stamp)  # type: ignore[arg-type]
        self.imports.clear()
        self.idempotent = False

    def stop_imports(self) -> None:
        for one in self.imports.values():
            one.stop()

    # --- the procedures of 8_reshard.sql ------------------------------------------------------------------

    def bring(self, term: int, version: int, issue: str, channel: str, host: str, port: int) -> None:
        """``import``: what was received of another source and not applied is thrown away (rule 19)."""
        self.obey(term, version, issue)
        self.must_be_open(term)
        if self.super_read_only:
            raise refused("FB3002 this member holds still: nothing is imported")
        known = self.imports.get(channel)
        if known is None or (known.host, known.port) != (host, port):
            known = self.imports[channel] = Import(host, port)
        self.semi_replica, self.idempotent = False, True
        known.receiver = known.applier = known.filtered = True
        known.error, known.upto = "", None

    def pause_import(self, term: int, version: int, issue: str, channel: str, upto: GtidSet) -> None:
        self.obey(term, version, issue)
        self.must_be_open(term)
        known = self.imports.get(channel)
        if known is None:
            raise refused(f"3074 replication channel {channel} does not exist")
        known.applier, known.upto = False, None
        if not upto.is_empty and not self.executed.contains(upto):
            known.applier, known.upto = True, upto

    def end_import(self, term: int, version: int, issue: str, channel: str) -> None:
        self.obey(term, version, issue)
        self.imports.pop(channel, None)
        self.idempotent = self.idempotent and bool(self.imports)

    def take_imported(self, channel: Import, producer: str) -> Commit | None:
        """The applier commits what was received of that shard, as far as it may, in the order of that shard's logs."""
        news = channel.received.subtract(self.logged)
        if channel.upto is not None:
            news = news.intersect(channel.upto)
        if news.is_empty:
            return None
        order = self.shared.order
        for one in self.shared.in_order(producer, news):
            order.setdefault((self.shard, one), len(order))
        self.logged = self.logged.union(news)
        self.position += 1
        commit = Commit(news, Payload("import", news), position=self.position)
        if self.semi_source:
            self.commits.append(commit)
        else:
            self.finish(commit)
        return commit

    def declare_foreign(self, term: int, version: int, issue: str, gtids: GtidSet) -> None:
        """``gtid_purged='+…'``: executed, and in no binary log."""
        self.obey(term, version, issue)
        missing = gtids.subtract(self.executed)
        if self.uuid in missing.sids:
            raise refused("FB3002 these are transactions of this member itself, which it lacks")
        self.logged, self.executed = self.logged.union(missing), self.executed.union(missing)
        self.purged, self.hollow = self.purged.union(missing), self.hollow.union(missing)

    def journal_move(self, term: int, workflow: str, step: str) -> Commit:
        self.must_be_open(term)
        return self._housekeeping(Payload("move", (workflow, step, term)))

    def ensure_mover(self, term: int, version: int, issue: str, user: str) -> None:
        self.obey(term, version, issue)
        self.movers.add(user)
        self.mover_may_write = True

    def drop_mover(self, term: int, version: int, issue: str, user: str) -> None:
        self.obey(term, version, issue)
        self.movers.discard(user)
        self.mover_may_write = False

    def prune(self, keys: Iterable[int]) -> Commit:
        """Deletes rows, under the tag of prunes."""
        self._must_be_writable()
        return self.write(Payload("prune", tuple(sorted(keys))), tag=TAG)

    def mend(self, part: KeyRange, rows: Mapping[int, int]) -> Commit:
        """Copies a range again, under the tag of prunes."""
        self._must_be_writable()
        return self.write(Payload("mend", (part, tuple(sorted(rows.items())))), tag=TAG)
