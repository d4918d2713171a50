"""What came of the demo's writes on one shard. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball_local.trial.ledger import Ledger, Told


@dataclass(frozen=True, slots=True)
class Result:
    """One shard's ledger, held against what its members hold.

    :param gap: the longest time between two acknowledged writes around the event, in seconds.
    :param lost: acknowledged writes that some member lacks.
    :param strange: numbers on some member although their write failed, or was never made.
    """

    shard: str
    event: str
    gap: float
    acknowledged: int
    errors: int
    unknown: int
    lost: int
    strange: int

    @property
    def is_right(self) -> bool:
        """Nothing is lost, and nothing is there that must not be."""
        return self.acknowledged > 0 and self.lost == 0 and self.strange == 0


def result_of(
    shard: str, event: str, ledger: Ledger, when: tuple[float, float], members: Mapping[str, Sequence[int]]
) -> Result:
    """The result of one shard; ``when`` the event began and ended, on the monotonic clock."""
    return Result(
        shard=shard,
        event=event,
        gap=ledger.gap(*when),
        acknowledged=len(ledger.acknowledged),
        errors=len(ledger.told(Told.ERROR)),
        unknown=len(ledger.told(Told.UNKNOWN)),
        lost=len({number for there in members.values() for number in ledger.lost(there)}),
        strange=len({number for there in members.values() for number in ledger.invented(there)}),
    )
