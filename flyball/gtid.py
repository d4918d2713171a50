"""GTID sets: which transactions a server has, as values.

MySQL numbers each transaction UUID:NUMBER, or since 8.3 UUID:TAG:NUMBER, and describes what a server holds
by a set of them. Nearly every decision about a shard is a comparison of such sets: is this member's set
contained in that one, what is missing, what is errant.

The text is ``uuid:1-5:7:tag:4-5``: elements divided by commas; within one, numbers belong to the tag last
named, or to none at first. Read from MySQL 9.7 and held against it by tests:

- ``@@gtid_executed`` prints uuids and tags in lower case and in order, the untagged numbers of a uuid first,
  one element a uuid, and a comma with a line break between elements; ``str()`` prints the same;
- either case, blanks between tokens, empty elements, any order, repeated uuids and tags, overlapping numbers
  and leading zeros are read, as the server reads them;
- the server also reads ``uuid``, ``uuid:tag`` and ``uuid:5-3``, which name nothing, and uuids in braces or
  without dashes. It never prints those and they are refused here: a text that was meant to name transactions
  must not turn into the empty set.

Inside, the numbers of one uuid and tag are *bounds*: a rising tuple where membership flips, so ``1-5:7`` is
``(1, 6, 7, 8)``. A number is a member when an odd number of bounds are at or below it; union, intersection
and subtraction are one sweep over two such tuples, and equal sets have equal tuples.
"""

import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn, Self

from flyball.errors import Code, InputError

LAST_NUMBER = 2**63 - 2
"""The highest transaction number that MySQL gives out."""

Source = tuple[str, str]
"""A uuid and a tag, both in lower case; the tag is empty for untagged transactions."""

Bounds = tuple[int, ...]

_BLANK = re.compile(r"\s*", re.ASCII)
_GAP = re.compile(r"[\s,]*", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}", re.ASCII | re.IGNORECASE)
_SPAN_PART = re.compile(r":\s*([0-9]+)\s*(?:(-)\s*([0-9]*)\s*)?", re.ASCII)
_TAG_PART = re.compile(rf":\s*({_TAG.pattern})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GtidSet:
    """An immutable set of GTIDs; equal and of equal hash when they hold the same transactions.

    Made by ``parse``, ``span`` and the operations below; ``GtidSet()`` is the empty set. Uuids and tags given
    to its methods may be of either case; the tag ``""`` means the untagged transactions.
    """

    _parts: tuple[tuple[Source, Bounds], ...] = ()
    """For each (uuid, tag) in order its bounds, never empty."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read MySQL's text form.

        :raises InputError: NOT_A_GTID_SET, with the count of characters read before the fault.
        """
        spans: dict[Source, list[tuple[int, int]]] = {}
        for source, first, last in _spans(text):
            spans.setdefault(source, []).append((first, last))
        return cls._of({source: _bounds(found) for source, found in spans.items()})

    @classmethod
    def span(cls, uuid: str, first: int, last: int | None = None, tag: str = "") -> Self:
        """Transactions ``first`` to ``last``, both included, of one uuid and tag; one alone without ``last``.

        :raises InputError: NOT_A_GTID_SET when that is not a uuid, a tag, or a span of numbers.
        """
        end = first if last is None else last
        text = f"{uuid}:{tag}:{first}-{end}" if tag else f"{uuid}:{first}-{end}"
        if not _UUID.fullmatch(uuid):
            _refuse(text, 0, "a UUID")
        if tag and not _TAG.fullmatch(tag):
            _refuse(text, len(uuid) + 1, "a tag")
        if not 1 <= first <= end <= LAST_NUMBER:
            return cls.parse(text)  # which says what is wrong with it
        return cls((((uuid.lower(), tag.lower()), (first, end + 1)),))

    @classmethod
    def _of(cls, parts: dict[Source, Bounds]) -> Self:
        return cls(tuple(sorted((source, bounds) for source, bounds in parts.items() if bounds)))

    def __str__(self) -> str:
        lines: list[str] = []
        uuid_before = None
        for (uuid, tag), bounds in self._parts:
            if uuid != uuid_before:
                lines.append(uuid)
                uuid_before = uuid
            lines[-1] += (f":{tag}" if tag else "") + "".join(_printed(bounds))
        return ",\n".join(lines)

    @property
    def is_empty(self) -> bool:
        """Whether no transaction is in the set."""
        return not self._parts

    @property
    def count(self) -> int:
        """How many transactions are in the set."""
        return sum(sum(bounds[1::2]) - sum(bounds[::2]) for _, bounds in self._parts)

    @property
    def sids(self) -> frozenset[str]:
        """The uuids with at least one transaction, in lower case."""
        return frozenset(uuid for (uuid, _), _ in self._parts)

    @property
    def tags(self) -> frozenset[str]:
        """The tags with at least one transaction, in lower case; ``""`` for the untagged ones."""
        return frozenset(tag for (_, tag), _ in self._parts)

    def last(self, uuid: str, tag: str = "") -> int:
        """The highest number of a uuid and tag, 0 when there is none."""
        bounds = dict(self._parts).get((uuid.lower(), tag.lower()))
        return bounds[-1] - 1 if bounds else 0

    def contains(self, other: Self) -> bool:
        """Whether every transaction of the other set is in this one (GTID_SUBSET of the other and this)."""
        if self is other or self._parts == other._parts:
            return True
        mine = dict(self._parts)
        for source, bounds in other._parts:
            held = mine.get(source)
            if held is None or (held != bounds and not _covers(held, bounds)):
                return False
        return True

    def grew_from(self, earlier: Self, uuid: str) -> bool:
        """Whether it is ``earlier`` with nothing but more of one uuid's transactions, under the tags that it has."""
        if len(self._parts) != len(earlier._parts):
            return False
        for mine, before in zip(self._parts, earlier._parts, strict=True):
            if mine is not before and mine != before:
                source, bounds = mine
                if source != before[0] or source[0] != uuid or not _covers(bounds, before[1]):
                    return False
        return True

    def union(self, *others: Self) -> Self:
        """The transactions in this set or in any of the others."""
        joined = self
        for other in others:
            joined = joined._joined(other)
        return joined

    def intersect(self, other: Self) -> Self:
        """The transactions in both sets."""
        return self._kept(other, operator.and_)

    def subtract(self, other: Self) -> Self:
        """The transactions in this set and not in the other (GTID_SUBTRACT)."""
        return self._kept(other, operator.gt)

    def only_uuids(self, uuids: Iterable[str]) -> Self:
        """The transactions of these uuids, whatever their tag."""
        wanted = {uuid.lower() for uuid in uuids}
        return type(self)(tuple(part for part in self._parts if part[0][0] in wanted))

    def only_tag(self, tag: str) -> Self:
        """The transactions with this tag; ``only_tag("")`` are the untagged ones."""
        return type(self)(tuple(part for part in self._parts if part[0][1] == tag.lower()))

    def without_tag(self, tag: str) -> Self:
        """The transactions without this tag; ``without_tag("")`` are those with any."""
        if tag.islower() and all(part[0][1] != tag for part in self._parts):
            return self  # which most sets are asked for each second
        return type(self)(tuple(part for part in self._parts if part[0][1] != tag.lower()))

    def _joined(self, other: Self) -> Self:
        if not self._parts or self._parts == other._parts:
            return other
        if not other._parts:
            return self
        parts = dict(self._parts)
        for source, bounds in other._parts:
            parts[source] = _swept(parts.get(source, ()), bounds, operator.or_)
        if len(parts) == len(self._parts):  # the order of a dict is that of its first keys
            return type(self)(tuple(parts.items()))
        return self._of(parts)

    def _kept(self, other: Self, keep: Callable[[bool, bool], bool]) -> Self:
        """What is left of this set, source by source."""
        if self._parts == other._parts:
            return self if keep(True, True) else type(self)()  # noqa: FBT003 - the operator's two operands
        theirs, kept = dict(other._parts), []
        for part in self._parts:
            source, bounds = part
            left = _swept(bounds, theirs.get(source, ()), keep)
            if left:
                kept.append(part if left is bounds else (source, left))
        return (
            self
            if len(kept) == len(self._parts) and all(map(operator.is_, kept, self._parts))
            else type(self)(tuple(kept))
        )


NOTHING = GtidSet()
"""The empty set."""


def _swept(left: Bounds, right: Bounds, keep: Callable[[bool, bool], bool]) -> Bounds:
    """The bounds of all numbers for which ``keep(in left, in right)`` is true; it is false for two falses."""
    if left == right:
        return left if keep(True, True) else ()  # noqa: FBT003 - the operator's two operands
    if not right:
        return left if keep(True, False) else ()  # noqa: FBT003
    if not left:
        return right if keep(False, True) else ()  # noqa: FBT003
    if left[0] == right[0] and len(left) == len(right) == 2:  # mostly: one has a few more than the other
        first, middle, last = left[0], left[1], right[1]
        inside, after = keep(True, True), keep(middle > last, last > middle)  # noqa: FBT003
        if middle > last:
            middle, last = last, middle
        if inside:
            return (first, last if after else middle)
        return (middle, last) if after else ()
    swept: list[int] = []
    passed_left = passed_right = 0
    inside = False
    for point in sorted({*left, *right}):
        # Each bound passed flips membership, so an odd count means inside.
        if passed_left < len(left) and left[passed_left] == point:
            passed_left += 1
        if passed_right < len(right) and right[passed_right] == point:
            passed_right += 1
        if keep(passed_left % 2 == 1, passed_right % 2 == 1) != inside:
            swept.append(point)
            inside = not inside
    return tuple(swept)


def _covers(bounds: Bounds, inner: Bounds) -> bool:
    """Whether every number inside ``inner`` is inside ``bounds``."""
    for first, end in zip(inner[::2], inner[1::2], strict=True):
        passed = bisect_right(bounds, first)
        if passed % 2 == 0 or bounds[passed] < end:
            return False
    return True


def _bounds(spans: list[tuple[int, int]]) -> Bounds:
    """The bounds of spans in any order, overlapping or not; both ends of a span are included."""
    merged: list[list[int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last + 1)
        else:
            merged.append([first, last + 1])
    return tuple(chain.from_iterable(merged))


def _printed(bounds: Bounds) -> Iterator[str]:
    for first, end in zip(bounds[::2], bounds[1::2], strict=True):
        yield f":{first}" if end == first + 1 else f":{first}-{end - 1}"


def _spans(text: str) -> Iterator[tuple[Source, int, int]]:
    """Walk the text token by token and yield its spans, as written."""
    at = _skip(_GAP, text, 0)
    while at < len(text):
        uuid = _UUID.match(text, at)
        if uuid is None:
            _refuse(text, at, "a UUID")
        at, spans_named = _skip(_BLANK, text, uuid.end()), False
        source = (uuid[0].lower(), "")
        while text.startswith(":", at):
            if span := _SPAN_PART.match(text, at):
                yield source, *_numbers(text, span)
                spans_named, at = True, span.end()
            elif (spans_named or not source[1]) and (tag := _TAG_PART.match(text, at)):
                source, spans_named, at = (source[0], tag[1].lower()), False, tag.end()
            else:
                at = _skip(_BLANK, text, at + 1)
                _refuse(text, at, "a number or a tag" if spans_named or not source[1] else "a number")
        if not spans_named:
            _refuse(text, at, "a colon and a number")
        if at < len(text) and text[at] != ",":
            _refuse(text, at, "a colon or a comma")
        at = _skip(_GAP, text, at)


def _numbers(text: str, span: re.Match[str]) -> tuple[int, int]:
    """The first and last number of a span, both within what MySQL allows."""
    if span[2] and not span[3]:
        _refuse(text, span.start(3), "a number")
    first = _number(text, span, 1)
    return first, (_number(text, span, 3, least=first) if span[3] else first)


def _number(text: str, span: re.Match[str], group: int, least: int = 1) -> int:
    digits = span[group].lstrip("0")
    # The length is looked at first: int() refuses texts of thousands of digits in words of its own.
    if len(digits) > 19 or not least <= int(digits or "0") <= LAST_NUMBER:
        _refuse(text, span.start(group), f"a number from {least} to {LAST_NUMBER}")
    return int(digits)


def _skip(blank: re.Pattern[str], text: str, at: int) -> int:
    found = blank.match(text, at)
    return found.end() if found else at


def _refuse(text: str, at: int, expected: str) -> NoReturn:
    seen = repr(text[at : at + 24]) if at < len(text) else "the end"
    raise InputError(
        Code.NOT_A_GTID_SET,
        f"GTID set {text[:60]!r}{'…' if len(text) > 60 else ''}: expected {expected} after {at} characters, "
        f"found {seen}",
        "Write UUID:1-5 or UUID:TAG:1-5, elements divided by commas.",
    )
