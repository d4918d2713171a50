"""What there is of some kinds of objects, kept by watching: many looks cost the server no call.

One list and one watch a kind, whoever asks how often. Objects are kept as compressed JSON, a twentieth of what they
weigh as dictionaries, and are read anew for whoever asks, so nobody can change what is kept.

A cache is a moment behind: it does not know yet what was written a moment ago. It is good for finding out *whether*
there is something to do; who does something looks at the server first.
"""

import asyncio
import json
import zlib
from collections.abc import Iterable, Mapping
from contextlib import aclosing

from flyball.kubernetes.following import Found, Gone, Key, News, Synced, follow, key_of
from flyball.kubernetes.port import Api, Object, Resource

PAGE = 50
"""Objects that are read at once. As dictionaries they weigh five times what is kept of them, and memory that was needed
for a moment is not given back."""


class Cache:
    """The objects of these kinds that carry the labels, by name and by the value of one label.

    :param by: the label that :meth:`list` goes by.
    """

    def __init__(
        self, api: Api, namespace: str, kinds: Iterable[Resource], *, labels: Mapping[str, str], by: str
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._labels = labels
        self._by = by
        self._kinds = tuple(kinds)
        self._synced = asyncio.Event()
        self._turn = asyncio.Lock()
        """Kinds are listed one after the other."""
        self._empty()

    async def run(self) -> None:
        """Keep the cache up to date until cancelled; outages are outlasted. It begins with nothing.

        :raises ClusterError: as :func:`~flyball.kubernetes.following.follow`, in an exception group.
        """
        self._empty()
        async with asyncio.TaskGroup() as watching:
            for kind, shelf in self._shelves.items():
                watching.create_task(self._follow(kind, shelf))

    async def synced(self) -> None:
        """Wait until every kind was listed once."""
        await self._synced.wait()

    def list(self, resource: Resource, value: str) -> list[Object]:
        """The objects of a kind whose label has this value, by name.

        :raises KeyError: the kind is none of this cache's.
        """
        shelf = self._shelves[resource]
        return [_read(shelf.held[key][1]) for key in sorted(shelf.by_value.get(value, ()))]

    def get(self, resource: Resource, name: str) -> Object | None:
        """The object of that name; None too for one that does not carry the labels.

        :raises KeyError: the kind is none of this cache's.
        """
        found = self._shelves[resource].held.get((self._namespace, name))
        return None if found is None else _read(found[1])

    def _empty(self) -> None:
        self._shelves = {kind: _Shelf() for kind in self._kinds}
        self._lacking = set(self._kinds)
        self._synced.clear()

    async def _follow(self, kind: Resource, shelf: "_Shelf") -> None:
        stream = follow(self._api, kind, self._namespace, labels=self._labels, page=PAGE)
        async with aclosing(stream):
            async with self._turn:
                async for news in stream:
                    if isinstance(news, Synced):
                        break
                    self._take(shelf, news)
            self._lacking.discard(kind)
            if not self._lacking:
                self._synced.set()
            async for news in stream:
                self._take(shelf, news)

    def _take(self, shelf: "_Shelf", news: News) -> None:
        match news:
            case Found(thing):
                shelf.put(thing, (thing["metadata"].get("labels") or {}).get(self._by, ""))
            case Gone(key):
                shelf.drop(key)


class _Shelf:
    """The objects of one kind: each with its label's value, and as text."""

    __slots__ = ("by_value", "held")

    def __init__(self) -> None:
        self.held: dict[Key, tuple[str, bytes]] = {}
        self.by_value: dict[str, set[Key]] = {}

    def put(self, thing: Object, value: str) -> None:
        key = key_of(thing)
        self.drop(key)
        self.held[key] = value, _kept(thing)
        self.by_value.setdefault(value, set()).add(key)

    def drop(self, key: Key) -> None:
        value, _ = self.held.pop(key, ("", b""))
        keys = self.by_value.get(value, set())
        keys.discard(key)
        if not keys:
            self.by_value.pop(value, None)


def _kept(thing: Object) -> bytes:
    return zlib.compress(json.dumps(thing, separators=(",", ":"), ensure_ascii=False).encode(), level=1)


def _read(kept: bytes) -> Object:
    thing: Object = json.loads(zlib.decompress(kept))
    return thing
