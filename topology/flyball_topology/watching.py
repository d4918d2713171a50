"""Watching one shard's members: who answers, what each last said, who hears whom, how far behind each is.

A probe of a member that answers is waited for, up to a second. One of a member that has failed already goes on in
the background: a hung machine must not slow down the failover that it is the reason for.

A thousand shards are three thousand probes in a second or so, nearly all of them answered within a millisecond. So a
probe is no task: what the port returns is a future mostly, its end a callback, and the probes of one look share one
time limit. A shard at rest is only *glanced* at: the same probes, and if they tell nothing new (``quiet.py``) nobody
makes a view of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from flyball.errors import Code, FlyballError, MemberError
from flyball.records import Shard
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.session import SessionLostError
from flyball_topology.beating import Beats
from flyball_topology.members import Members
from flyball_topology.quiet import is_connected, nothing_new, same_lag
from flyball_topology.view import Channel, MemberView, Reach, Snapshot

PROBE_WITHIN = 1.0
"""Seconds that a probe may take before the member counts as silent."""
GLANCE = 0.02
"""Seconds to wait for a member that failed last time."""


_Probe = asyncio.Future[Snapshot]


@dataclass(slots=True)
class _Watched:
    """What is known of one member; its fields are those of the ``MemberView`` that is made when somebody looks."""

    spec: MemberSpec
    since: float
    reach: Reach = Reach.UNKNOWN
    failures: int = 0
    snapshot: Snapshot | None = None
    earlier: Snapshot | None = None
    heard_at: float | None = None
    connecting_since: float | None = None
    lag: float | None = None
    error: str = ""
    probed_at: float = -1.0
    probe: _Probe | None = None
    late: bool = False
    """The probe in flight was given up."""

    @property
    def seen(self) -> Snapshot | None:
        """The snapshot if the member answers now."""
        return self.snapshot if self.reach is Reach.OK else None

    def view(self) -> MemberView:
        """The member as it is known now."""
        return MemberView(
            self.spec,
            self.reach,
            self.failures,
            self.since,
            self.snapshot,
            self.earlier,
            self.heard_at,
            self.connecting_since,
            self.lag,
            self.error,
        )


@dataclass(slots=True)
class _Glance:
    """A glance in flight."""

    writer: str
    """The uuid whose transactions are nothing new."""
    done: Callable[[bool], None]
    probes: list[tuple[_Watched, _Probe]]
    limit: asyncio.TimerHandle
    news: bool = False


class Watch:
    """The members of one shard, as watched by this service."""

    def __init__(
        self,
        members: Members,
        clock: Callable[[], float],
        wake: Callable[[], None],
        probed: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._members = members
        self._clock = clock
        self._wake = wake
        self._probed = probed
        self._declared: ShardSpec | None = None
        self._watched: dict[str, _Watched] = {}
        self._waited: list[_Watched] = []
        self._answered: asyncio.Future[None] | None = None
        """Done once nobody of ``_waited`` is probed any more."""
        self._glance: _Glance | None = None
        self.beats = Beats(members, clock)

    async def look(self, shard: Shard, fresh: float) -> Mapping[str, MemberView]:
        """Probe whoever was not seen within ``fresh`` seconds, and return all members in the spec's order."""
        if shard.spec is not self._declared:
            self._reconcile(shard)
        now = self._clock()
        asked = [w for w in self._watched.values() if w.probe is None and now - w.probed_at > fresh]
        probes = [(watched, self._probe(shard, watched, now)) for watched in asked]
        limit = asyncio.get_running_loop().call_later(PROBE_WITHIN, _give_up, probes) if probes else None
        await self._answers()
        failing = {w.probe for w in self._watched.values() if w.probe is not None and w.failures}
        if failing:
            await asyncio.wait(failing, timeout=GLANCE)
        if limit is not None and all(probe.done() for _, probe in probes):
            limit.cancel()
        for watched in self._watched.values():
            watched.lag = self._lag(watched)
        return MappingProxyType({name: watched.view() for name, watched in self._watched.items()})

    def glance(self, shard: Shard, fresh: float, done: Callable[[bool], None]) -> bool:
        """Begin to probe whoever was not seen within ``fresh`` seconds, and tell ``done`` once whether nothing is new.

        :return: whether it has begun: not where anybody is known to be unwell, or is asked already.
        """
        now = self._clock()
        if shard.spec is not self._declared or self.beats.hung() or self._glance is not None:
            return False
        watched = self._watched.values()
        primary = shard.status.reign.primary
        if not all(w.probe is None and w.seen and (w.spec.name == primary or is_connected(w.seen)) for w in watched):
            return False
        asked = [w for w in watched if now - w.probed_at > fresh]
        if not asked:
            return False
        probes = [(w, self._probe(shard, w, now)) for w in asked]
        limit = asyncio.get_running_loop().call_later(PROBE_WITHIN, _give_up, probes)
        self._glance = _Glance(shard.status.reign.uuid, done, probes, limit)
        return True

    def _glanced(self, glance: _Glance) -> None:
        """Everybody asked has answered, or was given up."""
        self._glance = None
        glance.limit.cancel()
        for watched in self._watched.values():
            lag = self._lag(watched)
            glance.news = glance.news or not same_lag(watched.lag, lag)
            watched.lag = lag
        glance.done(not glance.news)

    def primary(self, shard: Shard) -> MemberView | None:
        """The member that reigns by the record, as it is known now."""
        watched = self._watched.get(shard.status.reign.primary)
        return watched.view() if watched is not None else None

    def learn(self, name: str, snapshot: Snapshot) -> None:
        """Take what an act returned as the member's newest snapshot."""
        watched = self._watched.get(name)
        if watched is not None:
            self._saw(watched, snapshot, self._clock())

    def doubt(self, name: str) -> None:
        """An act on the member failed, perhaps after it was done: what was seen before does not count as fresh."""
        watched = self._watched.get(name)
        if watched is not None:
            watched.probed_at = -1.0

    def doubt_all(self) -> None:
        """What begins now is not decided on what was seen before."""
        for watched in self._watched.values():
            watched.probed_at = -1.0

    def _lost(self, name: str) -> None:
        """The connection broke: look at once."""
        self.doubt(name)
        self._wake()

    def stop(self) -> None:
        """End the probes in flight."""
        for watched in self._watched.values():
            if watched.probe is not None:
                watched.probe.cancel()
        if self._glance is not None:
            self._glance.limit.cancel()
            self._glance = None
        self.beats.stop()

    def _reconcile(self, shard: Shard) -> None:
        declared = {member.name: member for member in shard.spec.members}
        for name in [name for name in self._watched if name not in declared]:
            gone = self._watched.pop(name)
            if gone.probe is not None:
                gone.probe.cancel()
        ordered: dict[str, _Watched] = {}
        for name, spec in declared.items():
            watched = self._watched.get(name)
            if watched is None or watched.spec.incarnation != spec.incarnation:
                watched = _Watched(spec, self._clock())
            watched.spec = spec
            ordered[name] = watched
        self._watched, self._declared = ordered, shard.spec

    async def _answers(self) -> None:
        """Wait for the probes of those that answered last time."""
        self._waited = [w for w in self._watched.values() if w.probe is not None and not w.failures]
        if self._waited:
            self._answered = asyncio.get_running_loop().create_future()
            try:
                await self._answered
            finally:
                self._answered = None

    def _probe(self, shard: Shard, watched: _Watched, now: float) -> _Probe:
        spec = watched.spec
        watched.late = False
        probe = watched.probe = asyncio.ensure_future(self._members.probe(shard, spec, lambda: self._lost(spec.name)))
        probe.add_done_callback(partial(self._probe_ended, watched, now))
        return probe

    def _probe_ended(self, watched: _Watched, started: float, probe: _Probe) -> None:
        now = self._clock()
        watched.probe, watched.probed_at = None, now
        if self._answered is not None and not self._answered.done() and not any(w.probe for w in self._waited):
            self._answered.set_result(None)
        error = None if probe.cancelled() else probe.exception()
        if probe.cancelled():
            if watched.late:
                self._missed(watched, started, TimeoutError())
            elif self._glance is not None:
                self._glance.news = True
        elif error is None:
            self._probed(now - started)
            self._saw(watched, probe.result(), now)
        else:
            self._missed(watched, started, error)
        glance = self._glance
        if glance is not None and not any(w.probe is asked for w, asked in glance.probes):
            self._glanced(glance)
        if error is not None and not isinstance(error, (FlyballError, OSError, ValueError, KeyError)):
            raise error  # a mistake of ours, told with its stack; the member is as unknown as by any other failure

    def _missed(self, watched: _Watched, started: float, error: BaseException) -> None:
        if self._glance is not None:
            self._glance.news = True
        reach = Reach.SILENT
        if isinstance(error, SessionLostError) and error.refused:
            reach = Reach.REFUSED
        elif isinstance(error, MemberError) and error.code is Code.MEMBER_LOGIN:
            reach = Reach.LOGIN
        if not watched.failures:
            watched.since = started
        watched.failures += 1
        watched.reach, watched.error = reach, str(error) or f"no answer within {PROBE_WITHIN:g} s"

    def _saw(self, watched: _Watched, snapshot: Snapshot, now: float) -> None:
        before = watched.snapshot
        if self._glance is not None and (before is None or not nothing_new(before, snapshot, self._glance.writer)):
            self._glance.news = True
        if _advanced(before.channel if before else None, snapshot.channel):
            watched.heard_at = now
        connecting = snapshot.channel is not None and snapshot.channel.receiver == "CONNECTING"
        watched.connecting_since = (watched.connecting_since or now) if connecting else None
        if watched.reach is not Reach.OK:
            watched.since = now
        watched.probed_at = now
        watched.reach, watched.failures, watched.error = Reach.OK, 0, ""
        watched.earlier, watched.snapshot = before, snapshot

    def _lag(self, watched: _Watched) -> float | None:
        return None if watched.seen is None else self.beats.lag(watched.seen.beat)


def _give_up(probes: list[tuple[_Watched, _Probe]]) -> None:
    """A second is over: whoever of this look has not answered is silent."""
    for watched, probe in probes:
        if watched.probe is probe:
            watched.late = True
            probe.cancel()


def _advanced(before: Channel | None, now: Channel | None) -> bool:
    """Whether the replica has heard its source since (rule 14); a first look gives the benefit of the doubt."""
    if now is None or now.receiver != "ON":
        return False
    return (
        before is None
        or before.receiver != "ON"
        or before.source_uuid != now.source_uuid
        or before.heartbeats != now.heartbeats
        or before.received != now.received
    )
