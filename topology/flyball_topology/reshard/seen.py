"""What the two ports of a reshard tell: observations, as data. What is unknown is ``None``, never "no"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records.reshard import TableProgress


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that must hold for a reshard and does not.

    :param text: names the object, what was seen, what was expected.
    """

    code: Code
    text: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the tables of the sources look like.

    :param refusals: all of them at once.
    :param tables: the tables that move, sharded and reference ones, in the order in which they are copied.
    :param fingerprint: of their definitions, equal on all sources; another one later means DDL.
    :param cautions: why there will be no way back (rule 20).
    """

    refusals: tuple[Refusal, ...] = ()
    tables: tuple[str, ...] = ()
    rows_expected: int = 0
    size_expected: int = 0
    fingerprint: str = ""
    cautions: tuple[str, ...] = ()


class Work(Enum):
    """How a long work of the data plane stands."""

    ABSENT = "has not begun"
    RUNNING = "goes on"
    BROKEN = "was interrupted; begun again, it goes on where it was"
    DONE = "is done"
    FAILED = "cannot be done as things are"


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """One work: the copy, or the verification.

    :param failure: why it is broken or failed.
    :param code: the stable code of a failure.
    :param terms: of the shards under which it began, by shard: what another reign makes void is for the decider to say.
    :param repaired: chunks that differed and were copied again (of a verification).
    :param throttled: why it is slowed down at the moment; empty when it is not.
    :param reverse: it compares the sources with the targets (of a verification).
    """

    work: Work = Work.ABSENT
    failure: str = ""
    code: Code | None = None
    progress: tuple[TableProgress, ...] = ()
    terms: Mapping[str, int] = field(default_factory=dict)
    repaired: int = 0
    eta: float | None = None
    throttled: str = ""
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class CopySeen:
    """The data plane as it shows on the targets' primaries, and in this process's worker.

    What was copied lies beside the note of it on the same server, and neither is binlogged: a primary that has no
    note has no rows either, and a member that was cloned has both.

    :param snapshots: by source shard, the GTID set that the oldest snapshot holds; the channels start there.
    :param fingerprint: of the tables' definitions on the sources now; empty where it is not known.
    :param seeded: by target shard, the members that hold what was copied (the primary, and those cloned from it).
    """

    copy: WorkSeen = field(default_factory=WorkSeen)
    verify: WorkSeen = field(default_factory=WorkSeen)
    snapshots: Mapping[str, GtidSet] = field(default_factory=dict)
    fingerprint: str = ""
    seeded: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """A channel of the reshard on a consumer's primary.

    :param lacks: what the producer's line holds and the consumer has not applied, housekeeping and prunes left out;
        ``None`` where one of the two is not known.
    :param lag: seconds, of the newest transaction applied; ``None`` where it is not known.
    """

    receiver_on: bool
    applier_on: bool
    lacks: GtidSet | None
    lag: float | None
    error: str = ""

    @property
    def is_purged(self) -> bool:
        """Whether what comes next is in no binary log of the producer any more, so that no new try brings it.

        MySQL's error 1236 has other causes, too.
        """
        return "1236" in self.error and "purged" in self.error

    @property
    def runs(self) -> bool:
        """Whether it carries what the producer writes."""
        return self.receiver_on and self.applier_on


@dataclass(frozen=True, slots=True)
class ShardSeen:
    """One shard of either side: its primary, as asked a moment ago.

    :param term: the reign under which it was asked; a shard whose primary does not answer is not in the view.
    :param writable: applications could write: both read-only flags are OFF, and it is not offline.
    :param frozen: applications cannot write: ``read_only`` is ON, so whatever they had open cannot commit any more.
    :param still: nobody writes, channels neither: ``super_read_only`` is ON. That is the shard's own business (its only
        other member is being cloned, say, and a commit would wait for it), and no reshard's to end.
    :param executed: everything that the primary has executed.
    :param line: the part of it that a consumer must have: without housekeeping, without prunes.
    :param strays: transactions that a channel or a snapshot brought here from a producer whose present line lacks them
        (rule 19); by producer shard.
    :param movers: members on which the movers' account is ready; all of them before anything is moved.
    :param silent: members besides the primary that did not answer, and why.
    :param guarded: the triggers against changes of the sharding key are on every table.
    :param channels: of the reshard, by the shard that they come from.
    :param ghosts: rows out of the shard's range; ``None`` where they were not counted since the last channel event.
    :param journal: the term of the journal row that this workflow has committed here; 0 where there is none.
    :param clean: nothing of the reshard is left here: no account, trigger, channel, index, note.
    """

    shard: str
    term: int
    writable: bool = False
    frozen: bool = False
    still: bool = False
    executed: GtidSet = field(default_factory=GtidSet)
    line: GtidSet = field(default_factory=GtidSet)
    strays: Mapping[str, GtidSet] = field(default_factory=dict)
    movers: frozenset[str] = frozenset()
    silent: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = False
    channels: Mapping[str, ChannelSeen] = field(default_factory=dict)
    ghosts: int | None = None
    journal: int = 0
    clean: bool = False
