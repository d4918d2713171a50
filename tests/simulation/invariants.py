"""What must hold after every event, held against what the servers truly are, not against what anybody saw of them.

    lost          no write that a client heard ok for is missing where a term begins, or anywhere at the end
    one primary   a term is one member's alone; two members whose writes could both be acknowledged never exist at once
    attached      whoever acknowledges a transaction has noted the reign under which it was written
    one word      what members have noted of one reign under one version is the same: the newest note can be told
    rising        neither a member's promise, nor the record's issued or reigning term, ever falls
    errant        nobody is promoted who holds what was written by other means
    numbers       no GTID ever stands for two transactions
    paused        a paused shard is left alone
    budgets       no more members of a shard are made anew at once than its budget allows

Each violation is a sentence with the moment at which it was seen. The first one says what went wrong; those after it
may only follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flyball.gtid import NOTHING, GtidSet
from flyball.records import Operation, Record, Shard
from flyball.records.failover import Outcome
from flyball.records.operation import OperationType
from flyball_topology import steps
from flyball_topology.findings import Kind
from flyball_topology.view import HOUSEKEEPING
from tests.simulation.clock import Process
from tests.simulation.machine import Machine
from tests.simulation.server import Commit

if TYPE_CHECKING:
    from tests.simulation.world import World

DISRUPTIVE = (steps.Fence, steps.Freeze, steps.Isolate, steps.Promote, steps.Clone)
"""Acts that somebody notices."""


@dataclass
class Reigned:
    """The newest term that a shard's member opened under."""

    term: int
    machine: Machine


@dataclass
class Seen:
    """A member as it was at the last look."""

    row: object = None
    opened: int = 0
    promise: int = 0
    takes_writes: bool = False
    followed: object = None


@dataclass
class Invariants:
    """The watcher of one world."""

    world: "World"
    violated: list[str] = field(default_factory=list)
    effects: int = 0
    """Acts sent and records written so far, by anybody: what crash points are counted by."""
    names: list[str] = field(default_factory=list)
    """The effects, in words."""
    at_effect: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    """What strikes right before an effect."""
    promotions: list[tuple[float, str, int, str]] = field(default_factory=list)
    """When, in which shard, under which term, who."""
    disruptions: list[tuple[float, str]] = field(default_factory=list)
    foreign: GtidSet = NOTHING
    """Written by other means."""
    unsafe: set[str] = field(default_factory=set)
    """Shards whose writes nobody has promised to keep: durability none, or a person has accepted a loss."""
    _ledger: dict[str, GtidSet] = field(default_factory=dict)
    _authors: dict[tuple[str, int], str] = field(default_factory=dict)
    _latest: dict[str, Reigned] = field(default_factory=dict)
    _seen: dict[str, Seen] = field(default_factory=dict)
    _paused: dict[str, Process] = field(default_factory=dict)
    _counts: dict[tuple[object, ...], tuple[str, tuple[object, ...]]] = field(default_factory=dict)
    """What counts, by reign and version, and who noted it first."""
    _was_restored: bool = False

    def say(self, text: str) -> None:
        self.violated.append(f"{self.world.loop.time():.4f}: {text}")

    # --- the ledger -------------------------------------------------------------------------------------

    def acknowledged(self, shard: str) -> GtidSet:
        """What the applications of a shard heard ok for."""
        return self._ledger.get(shard, NOTHING)

    def acknowledge(self, machine: Machine, commit: Commit) -> None:
        """A server has answered ok to an application."""
        shard = machine.shard
        self._ledger[shard] = self.acknowledged(shard).union(commit.gtid)
        latest = self._latest.get(shard)
        if latest is not None and latest.machine is not machine and latest.term > machine.server.reigned:
            held = latest.machine.server.received
            if not held.contains(commit.gtid) and shard not in self.unsafe:
                self.say(
                    f"lost: {machine.name} answered ok to {commit.gtid} under term {machine.server.reigned}, "
                    f"and {latest.machine.name}, open since under term {latest.term}, does not have it"
                )

    def attached(self, machine: Machine, commit: Commit) -> None:
        """Enough have acknowledged a transaction. One that was made anew since has forgotten: another invariant's."""
        server = machine.server
        if not server.semi_source or not server.opened:
            return
        for name in (name for name, held in machine.acked.items() if held.contains(commit.gtid)):
            other = self.world.machines[name].server
            if other.promise is not None and (other.attached is None or other.attached.term < server.opened):
                self.say(f"attached: {name} acknowledged {commit.gtid} and has not noted term {server.opened}")

    # --- members ----------------------------------------------------------------------------------------

    def knows(self, machine: Machine) -> None:
        """A member that the world begins with."""
        server = machine.server
        self._seen[machine.name] = Seen(server.row, server.opened, server.promise or 0, False)
        if server.opened:
            self._authors[machine.shard, server.opened] = machine.name
            self._latest[machine.shard] = Reigned(server.opened, machine)

    def look(self, machine: Machine) -> None:
        """A member has changed."""
        server = machine.server
        if server.reused:
            self.say(f"numbers: {server.reused.pop()}")
        seen = self._seen.setdefault(machine.name, Seen())
        if server.row is not seen.row:
            promise, opened = server.promise or 0, server.opened
            if promise < seen.promise and server.row is not None and server.row.uuid == server.uuid:
                self.say(f"rising: {machine.name} went back from term {seen.promise} to {promise}")
            if opened and opened != seen.opened:
                self._opened(machine, opened)
            seen.row, seen.promise, seen.opened = server.row, promise, opened
            self._one_word(machine)
        takes_writes = server.takes_writes
        if takes_writes and not seen.takes_writes:
            self._one_primary(machine)
        seen.takes_writes = takes_writes
        followed = server.channel and (server.channel.host, server.channel.state, server.channel.semi)
        if followed != seen.followed:
            seen.followed = followed
            self._one_primary(machine)

    def _opened(self, machine: Machine, term: int) -> None:
        shard, server = machine.shard, machine.server
        author = self._authors.setdefault((shard, term), machine.name)
        if author != machine.name:
            self.say(f"one primary: term {term} was {author}'s, and {machine.name} is open under it")
        latest = self._latest.get(shard)
        if latest is not None and latest.term > term:
            return  # an order that comes late, to one that was revoked: what it could do is looked at as it does it
        self._latest[shard] = Reigned(term, machine)
        self.promotions.append((self.world.loop.time(), shard, term, machine.name))
        missing = self.acknowledged(shard).subtract(server.executed)
        if not missing.is_empty and shard not in self.unsafe:
            self.say(f"lost: {machine.name} opens under term {term} without {missing}, which clients heard ok for")
        stray = server.executed.intersect(self.foreign).subtract(server.hollow)
        if not stray.is_empty:
            self.say(f"errant: {machine.name} holds {stray}, written by other means, and opens under term {term}")

    def _one_word(self, machine: Machine) -> None:
        """A record that was restored may use a version again, until its members are found to be newer."""
        note = machine.server.attached
        if note is None or self._was_restored:
            return
        counts = (note.durability, note.durability_next, note.ackers, note.ackers_next)
        first, known = self._counts.setdefault((machine.shard, *note.age, note.issue), (machine.name, counts))
        if known != counts:
            self.say(f"one word: {first} and {machine.name} noted another version {note.version} of term {note.term}")

    def _one_primary(self, machine: Machine) -> None:
        members = self.world.members_of(machine.shard)
        open_ones = [other for other in members if other.server.takes_writes]
        if len(open_ones) < 2 or machine.shard in self.unsafe:
            return
        able = [other for other in open_ones if self._could_acknowledge(other, members)]
        if len(able) > 1:
            names = " and ".join(f"{other.name} (term {other.server.opened})" for other in able)
            self.say(f"one primary: writes could be acknowledged at {names} at once")

    def _could_acknowledge(self, machine: Machine, members: tuple[Machine, ...]) -> bool:
        server = machine.server
        if not server.semi_source:
            return True
        admitted = sum(
            self.world.replication.is_connected(machine, other)
            and other.server.channel is not None
            and other.server.channel.semi
            and other.is_up
            for other in members
        )
        return admitted >= server.semi_acks

    def cloned(self, machine: Machine) -> None:
        """A member has been made anew: it has promised nothing."""
        self._seen[machine.name] = Seen(machine.server.row)

    # --- what the service does --------------------------------------------------------------------------

    def acting(self, process: Process, machine: Machine, act: steps.Act) -> None:
        """A process of the service sends an act."""
        if self._paused.get(machine.shard) is process and self._is_at_rest(machine.shard):
            self.say(f"paused: {process.name} sends {act}")
        self._effect(str(act))

    def arrived(self, machine: Machine, act: steps.Act) -> None:
        """An act has reached its member."""
        if isinstance(act, DISRUPTIVE):
            self.disruptions.append((self.world.loop.time(), str(act)))

    def writing(self, process: Process, verb: str, record: Record) -> None:
        """A process is about to write a record."""
        self._effect(f"{verb} {record.kind} {record.name}")

    def written(self, process: Process, before: Record | None, after: Record) -> None:
        """A record was written."""
        if isinstance(after, Shard) and isinstance(before, Shard):
            old, new = before.status, after.status
            if new.transition is not None and new.transition.accept_loss:
                self.unsafe.add(after.name)
            if new.issued < old.issued:
                self.say(f"rising: the issued term of {after.name} fell from {old.issued} to {new.issued}")
            if new.reign.term < old.reign.term:
                self.say(f"rising: the reign of {after.name} fell from {old.reign.term} to {new.reign.term}")
        elif isinstance(after, Operation):
            self._operation(process, after)

    def _operation(self, process: Process, operation: Operation) -> None:
        about = operation.spec
        if about.type is OperationType.PAUSE and about.shard and operation.status.outcome is Outcome.RUNNING:
            self._paused[about.shard] = process
        cloning = [
            other.name
            for other in self.world.records._shelf.of(Operation).values()
            if other.spec.shard == about.shard and other.status.phase is not None and not other.status.outcome.ended
        ]
        if len(cloning) > 1:
            self.say(f"budgets: {' and '.join(sorted(cloning))} go on at once")

    def restored(self) -> None:
        """The store is older than it was: a pause may be forgotten, and nothing is compared with before."""
        self._paused.clear()
        self._was_restored = True

    def lifted(self, shard: str) -> None:
        """The shard is not paused any more."""
        self._paused.pop(shard, None)

    def _is_at_rest(self, shard: str) -> bool:
        record = self.world.shard(shard)
        return record is not None and record.status.transition is None

    def _effect(self, name: str) -> None:
        self.effects += 1
        self.names.append(name)
        for strike in self.at_effect.pop(self.effects, ()):
            strike()

    # --- the end ----------------------------------------------------------------------------------------

    def at_rest(self, shard: str) -> str:
        """Why the shard is not as a user was promised; empty when it is."""
        world = self.world
        record = world.shard(shard)
        if record is None or not record.status.reign.term:
            return "no member reigns"
        status = record.status
        busy = (
            status.transition is not None
            or status.ackers_next is not None
            or (status.decision is not None and status.decision.step)
        )
        if busy:
            return "a change is in flight"
        if findings := [text for text in status.findings if not self._is_a_persons(text)]:
            return f"findings: {'; '.join(findings)}"
        members = world.members_of(shard)
        open_ones = [machine.name for machine in members if machine.server.takes_writes]
        if open_ones != [status.reign.primary]:
            return f"{' and '.join(open_ones) or 'nobody'} takes writes, and {status.reign.primary} reigns"
        primary = world.machines[status.reign.primary]
        if primary.server.opened != status.reign.term:
            return f"{primary.name} is open under {primary.server.opened}, and reigns under {status.reign.term}"
        for machine in members:
            server = machine.server
            if any(text.startswith(f"{machine.name}: ") for text in status.findings):
                continue
            if machine is not primary and not world.replication.is_connected(primary, machine):
                return f"{machine.name} is not connected to {primary.name}"
            kept = self.acknowledged(shard).subtract(self._young(primary))
            if not server.executed.contains(kept.intersect(primary.server.executed)):
                return f"{machine.name} lacks acknowledged writes"
        return ""

    def _is_a_persons(self, finding: str) -> bool:
        """An errant member that may not be cut off, or by policy is not made anew, is a person's affair."""
        return not self.foreign.is_empty and Kind.ERRANT_TRANSACTIONS.value in finding

    def _young(self, primary: Machine) -> GtidSet:
        """What the primary has written in the last moments: on its way to the others."""
        return primary.server.logged.only_uuids([primary.server.uuid]).without_tag(HOUSEKEEPING)

    def ended(self, shard: str) -> None:
        """The world has come to rest: nothing that was acknowledged is missing at the primary."""
        record = self.world.shard(shard)
        primary = self.world.machines.get(record.status.reign.primary) if record else None
        if primary is not None:
            missing = self.acknowledged(shard).subtract(primary.server.executed)
            if not missing.is_empty and shard not in self.unsafe:
                self.say(f"lost: at the end {primary.name} reigns without {missing}, which clients heard ok for")
