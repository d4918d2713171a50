"""The port to the members: probe one, act on one, keep one's heart beating.

The simulator and the SQL adapter (``sql_members.py``) both stand behind it. Every call raises
:class:`~flyball.errors.MemberError` when the member does not answer or refuses.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball_topology.steps import Act
from flyball_topology.view import Snapshot


class Members(Protocol):
    """What can be asked of the members of a shard. The caller sets the deadlines.

    ``probe`` and ``beat``, which every pass asks for, may return a future in the place of a coroutine: then they cost
    no task.
    """

    def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Awaitable[Snapshot]:
        """Everything about the member; ``on_lost`` is called once when its connection breaks later."""
        ...

    async def act(self, shard: Shard, act: Act) -> Snapshot | None:
        """Do it under the version of ``shard``, the record that it was decided on, and return the member as it is
        afterwards; ``None`` where the act goes on in the background.
        """
        ...

    def beat(self, shard: Shard, member: MemberSpec, beat: int) -> Awaitable[None]:
        """Write heartbeat number ``beat`` through the primary, and renew its lease."""
        ...

    def forget(self, shard: str) -> None:
        """Close the sessions of a shard that is gone."""
        ...
