"""What a client needs to know of a shard: who reigns, and whether new statements may go there now. Pure."""

from dataclasses import dataclass

from flyball.records import Shard
from flyball.records.shard import Phase, Transition


@dataclass(frozen=True, slots=True)
class Address:
    """Where a member listens, and the name that its certificate must carry."""

    member: str
    host: str
    port: int
    tls_name: str

    def __str__(self) -> str:
        return f"{self.member} ({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Situation:
    """A shard as a client sees it. Two are equal when a client would do the same.

    :param held: why new statements have to wait; empty when they may go to ``primary``.
    :param coming: the member that is about to reign, to connect to while waiting.
    """

    shard: str
    database: str
    term: int
    primary: Address | None
    held: str = ""
    coming: Address | None = None
    is_issued: bool = False
    """The new term is issued to ``coming``: it may be open before the record says that it reigns."""
    hands_over: bool = False
    """A reshard keeps applications out: other shards are about to serve these rows, or this one again."""


def situation_of(shard: Shard) -> Situation:
    """What the record says to a client."""
    reign, transition = shard.status.reign, shard.status.transition
    primary = _address(shard, reign.primary) if reign.term else None
    coming = _address(shard, transition.candidate) if transition is not None and _holds(transition) else None
    return Situation(
        shard=shard.name,
        database=shard.spec.database,
        term=reign.term,
        primary=primary,
        held=_held(shard, primary),
        coming=None if coming == primary else coming,
        hands_over=shard.status.access is not None and not shard.serves,
        is_issued=transition is not None and transition.phase in {Phase.ISSUED, Phase.PROMOTING},
    )


def _held(shard: Shard, primary: Address | None) -> str:
    transition = shard.status.transition
    if transition is not None and _holds(transition):
        return f"a {transition.mode} change of primary is at {transition.phase}"
    if primary is None:
        return "no member reigns yet"
    if not shard.serves:
        return "the shard does not serve"
    return ""


def _holds(transition: Transition) -> bool:
    """While a candidate is only prepared, the old primary takes writes as ever."""
    return transition.phase is not Phase.PREPARING


def _address(shard: Shard, name: str) -> Address | None:
    member = shard.spec.member(name)
    if member is None:
        return None
    return Address(member.name, member.host, member.port, member.tls_name or member.host)
