"""Watching one shard's members: who answers, what each last said, who hears whom, how far behind each is.

A probe of a member that answers is waited for, up to a second. One of a member that has failed already goes on in
the background: a hung machine must not slow down the failover that it is the reason for.

A thousand shards are three thousand probes in a second or so, nearly all of them answered within a millisecond. So a
probe is no task: what the port returns is a future mostly, its end a callback, and the probes of one look share one
time limit.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from flyball.errors import Code, FlyballError, MemberError
from flyball.records import Shard
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.session import SessionLostError
from flyball_topology.members import Members
from flyball_topology.view import Channel, MemberView, Reach, Snapshot

PROBE_WITHIN = 1.0
"""Seconds that a probe may take before the member counts as silent."""
GLANCE = 0.02
"""Seconds to wait for a member that failed last time."""


_Probe = asyncio.Future[Snapshot]


@dataclass(slots=True)
class _Watched:
    view: MemberView
    probed_at: float = -1.0
    probe: _Probe | None = None
    late: bool = False
    """The probe in flight was given up."""


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
        failing = {w.probe for w in self._watched.values() if w.probe is not None and w.view.failures}
        if failing:
            await asyncio.wait(failing, timeout=GLANCE)
        if limit is not None and all(probe.done() for _, probe in probes):
            limit.cancel()
        for watched in self._watched.values():
            watched.view = self._with_lag(watched.view)
        return MappingProxyType({name: watched.view for name, watched in self._watched.items()})

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
            if watched is None or watched.view.spec.incarnation != spec.incarnation:
                watched = _Watched(MemberView(spec, since=self._clock()))
            elif watched.view.spec != spec:
                watched.view = replace(watched.view, spec=spec)
            ordered[name] = watched
        self._watched, self._declared = ordered, shard.spec

    async def _answers(self) -> None:
        """Wait for the probes of those that answered last time."""
        self._waited = [w for w in self._watched.values() if w.probe is not None and not w.view.failures]
        if self._waited:
            self._answered = asyncio.get_running_loop().create_future()
            try:
                await self._answered
            finally:
                self._answered = None

    def _probe(self, shard: Shard, watched: _Watched, now: float) -> _Probe:
        spec: MemberSpec = watched.view.spec
        watched.late = False
        probe = watched.probe = asyncio.ensure_future(self._members.probe(shard, spec, lambda: self._lost(spec.name)))
        probe.add_done_callback(partial(self._probe_ended, watched, now))
        return probe

    def _probe_ended(self, watched: _Watched, started: float, probe: _Probe) -> None:
        now = self._clock()
        watched.probe, watched.probed_at = None, now
        if self._answered is not None and not self._answered.done() and not any(w.probe for w in self._waited):
            self._answered.set_result(None)
        if probe.cancelled():
            if watched.late:
                self._missed(watched, started, TimeoutError())
        elif (error := probe.exception()) is None:
            self._probed(now - started)
            self._saw(watched, probe.result(), now)
        elif isinstance(error, (FlyballError, OSError, ValueError, KeyError)):
            self._missed(watched, started, error)
        else:
            raise error

    def _missed(self, watched: _Watched, started: float, error: Exception) -> None:
        view = watched.view
        reach = Reach.SILENT
        if isinstance(error, SessionLostError) and error.refused:
            reach = Reach.REFUSED
        elif isinstance(error, MemberError) and error.code is Code.MEMBER_LOGIN:
            reach = Reach.LOGIN
        since = view.since if view.failures else started
        text = str(error) or f"no answer within {PROBE_WITHIN:g} s"
        watched.view = replace(view, reach=reach, failures=view.failures + 1, since=since, error=text)

    def _saw(self, watched: _Watched, snapshot: Snapshot, now: float) -> None:
        view = watched.view
        heard_at = view.heard_at
        if _advanced(view.snapshot.channel if view.snapshot else None, snapshot.channel):
            heard_at = now
        connecting = snapshot.channel is not None and snapshot.channel.receiver == "CONNECTING"
        since = now if view.failures or view.reach is not Reach.OK else view.since
        watched.probed_at = now
        watched.view = replace(
            view,
            reach=Reach.OK,
            failures=0,
            since=since,
            earlier=view.snapshot,
            snapshot=snapshot,
            heard_at=heard_at,
            connecting_since=(view.connecting_since or now) if connecting else None,
            error="",
        )

    def _with_lag(self, view: MemberView) -> MemberView:
        lag = None if view.seen is None else self.beats.lag(view.seen.beat)
        return view if lag == view.lag else replace(view, lag=lag)


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


class Beats:
    """The heartbeats of one shard's primary: one in flight, numbered, timed by this service's own clock alone."""

    KEPT = 128

    def __init__(self, members: Members, clock: Callable[[], float]) -> None:
        self._members = members
        self._clock = clock
        self._written: dict[int, float] = {}
        self._number = 0
        self._task: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._failing_since: float | None = None

    def send(self, shard: Shard, primary: MemberView) -> None:
        """Write the next heartbeat, unless one is on its way still.

        One that went out before the primary was lost and came back is given up: it hangs on a connection that the
        network has forgotten, and for as long again as the partition lasted (TCP doubles its waits, RFC 6298). Taken
        for a primary that cannot write, it would cost a sound one its reign.
        """
        if self._task is not None and not self._task.done():
            if self._waiting_since is None or primary.since <= self._waiting_since:
                return
            self._task.cancel()
        seen = primary.seen
        self._number = max(self._number, seen.beat if seen else 0) + 1
        self._waiting_since = self._clock()
        self._task = asyncio.ensure_future(self._members.beat(shard, primary.spec, self._number))
        self._task.add_done_callback(partial(self._ended, self._number, self._waiting_since))

    def _ended(self, number: int, started: float, beat: "asyncio.Future[None]") -> None:
        if self._number == number:  # else a later one has taken its place
            self._waiting_since = None
        if beat.cancelled():
            return
        error = beat.exception()
        if error is None:
            self._failing_since = None
            self._written[number] = self._clock()
            for old in [old for old in self._written if old <= number - self.KEPT]:
                del self._written[old]
        elif isinstance(error, (FlyballError, OSError, KeyError)):
            self._failing_since = started if self._failing_since is None else self._failing_since
        else:
            raise error

    def hung(self) -> float:
        """Seconds since heartbeats have not been written, 0 when they are."""
        since = min((t for t in (self._waiting_since, self._failing_since) if t is not None), default=None)
        return self._clock() - since if since is not None else 0.0

    def reset(self) -> None:
        """Another member reigns: what the old one did not write says nothing about it."""
        self.stop()
        self._task = self._waiting_since = self._failing_since = None

    def lag(self, beat: int) -> float | None:
        """Seconds since the first heartbeat that a member with heartbeat ``beat`` lacks was written."""
        missing = self._written.get(beat + 1)
        if missing is not None:
            return self._clock() - missing
        if beat in self._written or (self._written and beat > max(self._written)):
            return 0.0
        if self._written and beat < min(self._written):
            return self._clock() - min(self._written.values())
        return None

    def stop(self) -> None:
        """Give up the heartbeat in flight."""
        if self._task is not None:
            self._task.cancel()
