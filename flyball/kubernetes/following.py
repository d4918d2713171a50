"""Lists and watches as one stream that does not end: what there is, then every change.

A watch of the API server is short-lived: the server ends it after a minute, a connection breaks, and a server that
has forgotten what happened since says so. So it is asked again from where it stood, and where that is too long ago
everything is listed again and the difference told. Of each object only its identity and version are kept here;
whoever wants the objects keeps them.

A list is taken page by page. What changed between two pages is told by the watch that begins at the list's version.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from random import Random

from flyball.errors import ClusterError, Code
from flyball.kubernetes.port import Api, Changed, Object, Page, Resource
from flyball.stability import Backoff

logger = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace (empty where there is none) and name."""

PAGE = 500
"""Objects that one page of a list holds at most; what the server's own clients ask for."""

LASTS = 1.0
"""Seconds; a watch that the server ends sooner is a failure, and is followed by a rest."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it is now; versions between may have been skipped. It is told once a version."""

    object: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object that is no more, or no longer carries the labels."""

    key: Key
    uid: str


@dataclass(frozen=True, slots=True)
class Synced:
    """All that there was when the stream began has been told; comes once."""


News = Found | Gone | Synced
"""What the stream tells."""


def key_of(thing: Object) -> Key:
    """The namespace and the name of an object."""
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


async def everything(
    api: Api,
    resource: Resource,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    tries: int = 3,
) -> list[Object]:
    """All objects of a kind that carry the labels, page after page.

    :param tries: how often it begins anew when the server has forgotten the page before.
    """
    while True:
        tries -= 1
        try:
            what = _What(resource, namespace, labels or {})
            return [thing async for page in _pages(api, what, PAGE) for thing in page.items]
        except ClusterError as error:
            if error.code is not Code.API_GONE or tries <= 0:
                raise


async def follow(
    api: Api,
    resource: Resource,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    name: str = "",
    random: Random | None = None,
    ended: asyncio.Event | None = None,
    page: int = PAGE,
) -> AsyncGenerator[News, None]:
    """What there is, one :class:`Synced`, then every change, until closed; outages are outlasted.

    A record made anew under its name is told as Gone and Found.

    :param random: spreads the retries.
    :param ended: ends the stream when it is set, at the latest when the server next ends a watch; closing the API
        ends that.
    :param page: objects that are read at once, and held at once.
    :raises ClusterError: API_FORBIDDEN, API_UNKNOWN_KIND and whatever else time alone does not mend.
    """
    stream = _Stream(api, _What(resource, namespace, labels or {}, name), page)
    backoff = Backoff(base=0.2, cap=15.0, random=random or _jitter)
    clock = asyncio.get_running_loop().time
    synced, failures, ended = False, 0, ended or asyncio.Event()
    while not ended.is_set():
        began = clock()
        try:
            async with aclosing(stream.listed() if not stream.since else _nothing()) as listed:
                async for news in listed:
                    yield news
            if not synced:
                synced = True
                yield Synced()
            async with aclosing(stream.watched()) as watched:
                async for news in watched:
                    failures = 0
                    yield news
            if clock() - began >= LASTS:
                failures = 0
                continue
        except ClusterError as error:
            if error.code is Code.API_GONE:
                stream.since = ""
            elif error.code is not Code.API_AWAY:
                raise
            if failures == 0 and not ended.is_set():
                logger.warning("the watch of %s was broken: %s", resource.plural, error.message)
        failures += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff.delay(failures)):
                await ended.wait()


async def _nothing() -> AsyncGenerator[News, None]:
    return
    yield


@dataclass(frozen=True, slots=True)
class _What:
    """Which objects are meant."""

    resource: Resource
    namespace: str | None
    labels: Mapping[str, str]
    name: str = ""


class _Stream:
    """What one follower was told of, and where it stands."""

    def __init__(self, api: Api, what: "_What", page: int) -> None:
        self._api = api
        self._what = what
        self._page = page
        self._told: dict[Key, tuple[str, str]] = {}
        """Uid and version of what was told, by key."""
        self.since = ""
        """The version to go on from; empty: list first."""

    async def listed(self) -> AsyncGenerator[News, None]:
        """What the list has that was not told."""
        there: set[Key] = set()
        revision = ""
        pages = _pages(self._api, self._what, self._page)
        async with aclosing(pages):
            async for page in pages:
                revision = page.revision
                for thing in page.items:
                    there.add(key_of(thing))
                    for news in self._news(thing):
                        yield news
        for key in sorted(self._told.keys() - there):
            yield self._forget(key)
        self.since = revision

    async def watched(self) -> AsyncGenerator[News, None]:
        """What changes from there on, until the server ends the watch."""
        what = self._what
        watch = self._api.watch(what.resource, what.namespace, since=self.since, labels=what.labels, name=what.name)
        async with aclosing(watch):
            async for change in watch:
                if change.changed is Changed.DELETED:
                    if key_of(change.object) in self._told:
                        yield self._forget(key_of(change.object))
                elif change.changed is not Changed.BOOKMARK:
                    for news in self._news(change.object):
                        yield news
                self.since = change.revision

    def _news(self, thing: Object) -> list[News]:
        key, metadata = key_of(thing), thing["metadata"]
        stands = metadata["uid"], metadata["resourceVersion"]
        told = self._told.get(key)
        if told == stands:
            return []
        news: list[News] = [] if told is None or told[0] == stands[0] else [Gone(key, told[0])]
        self._told[key] = stands
        return [*news, Found(thing)]

    def _forget(self, key: Key) -> Gone:
        return Gone(key, self._told.pop(key)[0])


async def _pages(api: Api, what: "_What", size: int) -> AsyncGenerator[Page, None]:
    after = ""
    while True:
        page = await api.list(
            what.resource, what.namespace, labels=what.labels, name=what.name, limit=size, after=after
        )
        yield page
        after = page.after
        if not after:
            return


_jitter = Random()  # noqa: S311 - spreads retries, guards nothing
