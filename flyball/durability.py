"""Durability: which members must hold a write before the client hears "ok", and what follows from it.

The theory, in four sentences.

1. A policy says when a write *is acknowledged*: given the primary and the members that hold the write. A
   member gives acks only if it is in the policy's explicit set of *ackers*. The primary holds every write it
   acknowledged, so it counts as a holder whether it is named or not.
2. ``acknowledged`` is *monotone*: one more holder never turns yes into no.
3. Members are *reached* once they obey the new term: fenced, I/O thread stopped, so they give no ack to an
   older reign any more. A member without a promise of its own, or one being cloned, is unreached (rule 6).
4. The old reign is *revoked* when no set of unreached members could still acknowledge a write. The primary
   itself fenced and closed suffices, for nobody else answers clients. Else it lives, as far as anyone knows;
   and because of 2, the largest set decides: ask ``acknowledged`` about all the unreached ack-givers.

So a policy defines ``acknowledged`` and ``ack_givers``, and revocation is derived, once, for all of them.

What it buys (the proof is two lines, the tests try every subset): suppose the reign is revoked and a write was
acknowledged. If no reached member held it, its holders would all be unreached, and acknowledge it: against 4.
Hence *among the reached there is always a holder of each acknowledged write*, and waiting for more members
than revocation asks for wins nothing.

MySQL only counts: ``rpl_semi_sync_source_wait_for_replica_count`` acks from any semi-sync replicas. That the
counted ones are ackers is arranged outside: accounts of members that have left are locked (rule 11), and under
cross-zone only members outside the primary's zone have the replica side of semi-sync on (rule 15).

While the ack set or the policy changes, some writes were acknowledged under the old and some under the new
one, and nobody can tell which: ``Both`` counts a write as acknowledged when either says so, hence it is
revoked only when both are (rules 11 and 16).
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, Self

from flyball.errors import Code, InputError


class Durability(Protocol):
    """Which sets of members acknowledge a write; a new policy is one subclass with three definitions."""

    __slots__ = ()

    @property
    @abstractmethod
    def minimum_members(self) -> int:
        """How many members a shard needs, the primary included, for a write to be acknowledged at all."""

    @abstractmethod
    def ack_givers(self, primary: str) -> frozenset[str]:
        """The members whose acks count while this primary reigns; never the primary."""

    @abstractmethod
    def acknowledged(self, primary: str, holders: frozenset[str]) -> bool:
        """Whether a write held by exactly the primary and these members would have been acknowledged.

        Must be monotone in ``holders``, and indifferent to members that are no ack-givers.
        """

    def revoked(self, primary: str, primary_reached: bool, reached: frozenset[str]) -> bool:  # noqa: FBT001
        """Whether no set of unreached members could still acknowledge a write of this primary.

        :param primary_reached: the primary is fenced and closed, whatever ``reached`` says of it.
        :param reached: the members that obey a newer term and have stopped their I/O threads.
        """
        return primary_reached or not self.acknowledged(primary, self.ack_givers(primary) - reached)

    def missing_for_revocation(
        self,
        primary: str,
        primary_reached: bool,  # noqa: FBT001
        reached: frozenset[str],
    ) -> frozenset[frozenset[str]]:
        """The ways to get to revocation: reaching all members of any one of these sets, each minimal, suffices.

        Empty when it is revoked already. For messages: it tries the subsets of a shard's few members.
        """
        if self.revoked(primary, primary_reached, reached):
            return frozenset()
        ways = [frozenset({primary})]
        unreached = sorted(self.ack_givers(primary) - reached)
        for size in range(1, len(unreached) + 1):
            for chosen in map(frozenset, combinations(unreached, size)):
                if any(way <= chosen for way in ways):
                    continue  # Not minimal.
                if self.revoked(primary, primary_reached, reached | chosen):
                    ways.append(chosen)
        return frozenset(ways)


@dataclass(frozen=True, slots=True)
class NoDurability(Durability):
    """The primary alone acknowledges, so nothing but the primary itself, fenced, revokes its reign."""

    @property
    def minimum_members(self) -> int:
        """One: the primary."""
        return 1

    def ack_givers(self, primary: str) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def acknowledged(self, primary: str, holders: frozenset[str]) -> bool:
        """Always: the primary has it."""
        return True


@dataclass(frozen=True, slots=True)
class SemiSync(Durability):
    """Any ``acks`` of the ackers beside the primary.

    :raises InputError: INVALID_RECORD when ``acks`` is below 1.
    """

    acks: int
    ackers: frozenset[str]

    def __post_init__(self) -> None:
        _check_acks("semi-sync", self.acks)

    @property
    def minimum_members(self) -> int:
        """The primary and as many others as there are acks."""
        return self.acks + 1

    def ack_givers(self, primary: str) -> frozenset[str]:
        """Every acker but the primary."""
        return self.ackers - {primary}

    def acknowledged(self, primary: str, holders: frozenset[str]) -> bool:
        """Whether enough of the ack-givers hold it."""
        return len(self.ack_givers(primary) & holders) >= self.acks


@dataclass(frozen=True, slots=True)
class CrossZone(Durability):
    """Any ``acks`` of the ackers outside the primary's zone: a write survives the loss of that zone.

    A primary whose zone is not known has every other acker outside it: nobody who may have acked is overlooked.

    :param zones: (member, zone) of each acker at least, sorted; ``across`` makes it of a mapping.
    :raises InputError: INVALID_RECORD when ``acks`` is below 1 or an acker has no zone.
    """

    acks: int
    ackers: frozenset[str]
    zones: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        _check_acks("cross-zone", self.acks)
        if homeless := sorted(self.ackers - dict(self.zones).keys()):
            raise InputError(
                Code.INVALID_RECORD,
                f"durability cross-zone: no zone is known of {', '.join(homeless)}",
                "Give every member that acknowledges writes a zone, or use semi-sync.",
            )

    @classmethod
    def across(cls, zones: Mapping[str, str], *, acks: int, ackers: frozenset[str]) -> Self:
        """The policy over a mapping of members to zones; equal mappings give equal policies."""
        return cls(acks=acks, ackers=ackers, zones=tuple(sorted(zones.items())))

    @property
    def minimum_members(self) -> int:
        """The primary and as many others as there are acks."""
        return self.acks + 1

    def ack_givers(self, primary: str) -> frozenset[str]:
        """The ackers outside the primary's zone."""
        zone_of = dict(self.zones)
        home = zone_of.get(primary)
        return frozenset(acker for acker in self.ackers - {primary} if zone_of[acker] != home)

    def acknowledged(self, primary: str, holders: frozenset[str]) -> bool:
        """Whether enough of the ack-givers hold it."""
        return len(self.ack_givers(primary) & holders) >= self.acks


@dataclass(frozen=True, slots=True)
class Both(Durability):
    """Two policies while one gives way to the other: acknowledged by either, revoked only by both."""

    old: Durability
    new: Durability

    @property
    def minimum_members(self) -> int:
        """What the more demanding of the two needs."""
        return max(self.old.minimum_members, self.new.minimum_members)

    def ack_givers(self, primary: str) -> frozenset[str]:
        """Whoever gives acks under either."""
        return self.old.ack_givers(primary) | self.new.ack_givers(primary)

    def acknowledged(self, primary: str, holders: frozenset[str]) -> bool:
        """Whether either would have acknowledged it."""
        return self.old.acknowledged(primary, holders) or self.new.acknowledged(primary, holders)


def _check_acks(policy: str, acks: int) -> None:
    if acks < 1:
        raise InputError(
            Code.INVALID_RECORD,
            f"durability {policy}: acks is {acks}, expected 1 or more",
            "Ask for at least one ack, or for the policy none.",
        )
