"""The client of a keyspace: sends each statement to the shard that its sharding key belongs to.

While a shard hands its rows over to others, what is for it waits; as soon as the routing names another shard, it goes
there. Meanwhile the client connects to those who are about to serve.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from flyball.client.connection import Connector, Login, Result, TlsConnector
from flyball.client.record_reader import Followed, RecordReader
from flyball.client.shard import Counters, ElsewhereError, ShardClient, Tuning
from flyball.client.situation import Situation
from flyball.expand import shard_for
from flyball.keyspaceid import keyspace_id


class KeyspaceClient:
    """Runs statements on the shards of a keyspace; the parameters are those of :class:`ShardClient`."""

    def __init__(
        self,
        records: Path | RecordReader,
        keyspace: str,
        *,
        user: str,
        password: str,
        ca: str,
        tuning: Tuning | None = None,
        connect: Connector | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader = RecordReader(records) if isinstance(records, Path) else records
        self._is_owner = isinstance(records, Path)
        self._keyspace = keyspace
        self._routing = Followed(self._reader.version, lambda: self._reader.routing(keyspace))
        self._login = Login(user, password, ca)
        self._tuning = tuning
        self._connect = connect or TlsConnector(self._login)
        self._clock = clock
        self._sleep = sleep
        self._clients: dict[str, ShardClient] = {}
        self._prepared: dict[str, Situation] = {}
        """By shard that hands over: as it was when this client connected to its heirs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up everywhere."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._is_owner:
            self._reader.close()

    def execute(
        self, key: int | str | bytes, sql: str, args: Sequence[object] = (), *, idempotent: bool = False
    ) -> Result:
        """Run one statement on the shard of the sharding key; see :meth:`ShardClient.execute`.

        :raises InputError: NOT_HASHABLE for a key that has no keyspace id, NO_SUCH_OBJECT when no shard serves it.
        """
        where = keyspace_id(key)
        deadline = self._clock() + (self._tuning or Tuning()).give_up_after
        while True:
            name = shard_for(where, self._routing.look())
            is_meant = partial(self._is_meant, where, name)
            with suppress(ElsewhereError):
                return self.shard(name).execute(sql, args, idempotent=idempotent, is_meant=is_meant, deadline=deadline)

    def _is_meant(self, where: int, name: str) -> bool:
        """Whether the shard serves the keyspace id still. Asked where it does not take statements just now."""
        if shard_for(where, self._routing.look()) != name:
            return False
        situation = self.shard(name).situation
        if situation.hands_over and situation != self._prepared.get(name):
            self._prepared[name] = situation
            for heir in self._reader.heirs(self._keyspace, name):
                self.shard(heir).connect()
        return True

    def shard_of(self, key: int | str | bytes) -> ShardClient:
        """The client of the shard that a sharding key belongs to."""
        return self.shard(shard_for(keyspace_id(key), self._routing.look()))

    def shard(self, name: str) -> ShardClient:
        """The client of one shard, by its record's name; made at the first call."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = ShardClient(
                self._reader,
                self._keyspace,
                name,
                user=self._login.user,
                password=self._login.password,
                ca=self._login.ca,
                tuning=self._tuning,
                connect=self._connect,
                clock=self._clock,
                sleep=self._sleep,
            )
        return client

    @property
    def shards(self) -> tuple[ShardClient, ...]:
        """A client of every shard, in the order of the key ranges: for statements that belong everywhere."""
        return tuple(self.shard(route.shard) for route in self._routing.look())

    @property
    def counters(self) -> Counters:
        """What has happened, over all shards."""
        each = [client.counters for client in self._clients.values()]
        return Counters(**{name: sum(getattr(one, name) for one in each) for name in Counters.__slots__})
