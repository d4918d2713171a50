"""What a reshard asks of others: two ports, and the move that every call of theirs is about.

The *data plane* (``moving/``) reads definitions, copies and compares rows, with workers of its own beside this
process. The *crossing* changes members: accounts, channels, guards, the freeze, the opening. Both are asked again
after any interruption, so each call looks first and does what is missing; none of them remembers anything.

Every call may raise :class:`~flyball.errors.FlyballError`. The caller sets the deadlines.
"""

from dataclasses import dataclass
from typing import Protocol

from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Shard
from flyball.records.keyspace import ShardRoute
from flyball.records.reshard import ReshardSpec
from flyball_topology.reshard.acts import Act
from flyball_topology.reshard.seen import Checked, CopySeen, ShardSeen


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where: the records of both sides, as they were read for this pass.

    :param workflow: the Reshard's name; it names accounts, channels, tags and notes on the members.
    :param tables: the tables that move; empty before the check.
    :param fingerprint: of their definitions, when the check passed.
    """

    workflow: str
    spec: ReshardSpec
    keyspace: Keyspace
    sources: tuple[Shard, ...]
    targets: tuple[Shard, ...]
    tables: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Both sides."""
        return (*self.sources, *self.targets)

    def shard(self, name: str) -> Shard:
        """The shard of that name, of either side."""
        return next(shard for shard in self.shards if shard.name == name)

    def merges(self) -> tuple[str, ...]:
        """The targets that take rows of more than one source; told before they are made."""
        return _meeting_several(self.spec.targets, self.spec.sources)

    def splits(self) -> tuple[str, ...]:
        """The sources whose rows go to more than one target: the way back of that is a merge."""
        return _meeting_several(self.spec.sources, self.spec.targets)

    def pairs(self) -> tuple[tuple[Shard, Shard], ...]:
        """Each source with each target that shares keyspace ids with it."""
        return tuple(
            (source, target)
            for source in self.sources
            for target in self.targets
            if KeyRange.parse(source.spec.range).overlap(KeyRange.parse(target.spec.range)) is not None
        )


def _meeting_several(these: tuple[ShardRoute, ...], others: tuple[ShardRoute, ...]) -> tuple[str, ...]:
    """Those of a side that share keyspace ids with more than one of the other."""

    def overlaps(one: ShardRoute, other: ShardRoute) -> bool:
        return KeyRange.parse(one.range).overlap(KeyRange.parse(other.range)) is not None

    return tuple(one.shard for one in these if sum(overlaps(one, other) for other in others) > 1)


class DataPlane(Protocol):
    """Definitions, copies, comparisons."""

    async def check(self, move: Move) -> Checked:
        """Look at the tables of every source, and say what forbids the move. Changes nothing."""
        ...

    async def look(self, move: Move) -> CopySeen:
        """How far the copy and the verification are; one round trip a shard."""
        ...

    async def definitions(self, move: Move) -> str:
        """The fingerprint of the sources' definitions now, over sessions that are kept, since clients wait for it.

        Empty where it cannot be read; something else where the sources differ from one another.
        """
        ...

    async def copy(self, move: Move) -> None:
        """Have a worker copy what is not copied yet, indexes included; returns at once. Where one is at it already,
        nothing is done.

        When the copy is done, the target's primary counts the snapshots' GTID sets as executed, so that its channels
        begin there.
        """
        ...

    async def verify(self, move: Move, *, reverse: bool) -> None:
        """Have a worker compare all rows at one GTID set of both sides, and copy the chunks that differ again;
        returns at once. What was compared before is void. With ``reverse`` the targets are right, and the sources are
        compared to them.
        """
        ...

    async def stop(self, move: Move) -> None:
        """End the worker, and wait until nothing of it is left at the members."""
        ...

    async def clean(self, move: Move, shard: str) -> None:
        """Take away from a shard what the data plane made there besides rows: notes, and the functional indexes."""
        ...


class Crossing(Protocol):
    """The members of both sides."""

    async def look(self, move: Move, shard: str, *, primary_alone: bool = False) -> ShardSeen:
        """The shard's primary now, under the reign that its record shows; one round trip.

        :param primary_alone: what its other members told before will do: nobody waits for them inside a write pause.
        :raises MemberError: it does not answer, or is not open under that reign.
        """
        ...

    async def act(self, move: Move, act: Act) -> None:
        """Do one act, on the primary of ``act.shard`` unless it says otherwise, under the term of ``act``."""
        ...
