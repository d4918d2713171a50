"""Key ranges: which keyspace ids a shard holds.

A keyspace id is an unsigned 64-bit number (``keyspaceid.py``). A key range is a half-open interval of them,
``start <= id < end``, written as Vitess does: both ends as hexadecimal bytes, filled up with zero bytes on
the right, an open end left out. So ``40-80`` holds ids from 0x4000000000000000 up to, but without,
0x8000000000000000; ``-80`` is the lower half, ``80-`` the upper half, ``-`` everything.

The shards of a keyspace *tile* it: every id belongs to exactly one of them. A gap would refuse rows, an
overlap would store them twice, so ``tiles`` is asked before any set of ranges is put to use, and names what
is wrong.

One range has many spellings (``-80``, ``00-8000``) and one canonical one, without trailing zero bytes; ranges
compare by their numbers and print canonically.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from flyball.errors import Code, InputError

END_OF_IDS = 2**64
"""One past the highest keyspace id."""

FAIR_WITHIN = 50
"""Equal ranges may differ by one part in this many (2 %), so that few shards keep short names: three are
``-55``, ``55-aa`` and ``aa-``, as in Vitess."""

_NOTATION = re.compile(r"((?:[0-9a-f]{2}){0,8})-((?:[0-9a-f]{2}){0,8})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class KeyRange:
    """The keyspace ids from ``start`` up to, but without, ``end``; ordered by start, then by end.

    :raises InputError: NOT_A_KEY_RANGE when the range would be empty or leaves the 64 bits.
    """

    start: int = 0
    end: int = END_OF_IDS

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= END_OF_IDS:
            raise InputError(
                Code.NOT_A_KEY_RANGE,
                f"key range from {self.start:#x} to {self.end:#x}: holds no id, or leaves the 64 bits",
                "Give a start that is below the end, both of at most 8 bytes.",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the notation ``START-END``; either case, trailing zero bytes allowed.

        :raises InputError: NOT_A_KEY_RANGE when the text is not of this form, or the range would be empty.
        """
        found = _NOTATION.fullmatch(text)
        if found is None:
            raise InputError(
                Code.NOT_A_KEY_RANGE,
                f"key range {text!r}: expected START-END, each nothing or 1 to 8 bytes in hexadecimal",
                "Write -80, 40-80, 80- or - for everything.",
            )
        start, end = (int(part.ljust(16, "0"), 16) for part in found.groups())
        if found[2] == "":
            end = END_OF_IDS
        if start >= end:
            raise InputError(
                Code.NOT_A_KEY_RANGE,
                f"key range {text!r}: holds no keyspace id, its start is not below its end",
                "Give a start that is below the end; leave the end out for the highest.",
            )
        return cls(start, end)

    def __str__(self) -> str:
        return f"{_bytes_of(self.start)}-{_bytes_of(self.end)}"

    @property
    def name_part(self) -> str:
        """The range inside a DNS label, with ``x`` for an open end: ``x-80``, ``40-80``, ``80-x``, ``x-x``.

        Hexadecimal holds no ``x``, so distinct ranges have distinct name parts; 33 characters at most.
        """
        return f"{_bytes_of(self.start) or 'x'}-{_bytes_of(self.end) or 'x'}"

    def __contains__(self, keyspace_id: int) -> bool:
        return self.start <= keyspace_id < self.end

    def overlap(self, other: Self) -> Self | None:
        """The range that both hold, or None when they share no id."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return type(self)(start, end) if start < end else None

    def adjoins(self, other: Self) -> bool:
        """Whether one ends exactly where the other starts, on either side."""
        return self.end == other.start or other.end == self.start


EVERYTHING = KeyRange()
"""The range ``-``: every keyspace id."""


def split_equally(n: int, whole: KeyRange = EVERYTHING) -> list[KeyRange]:
    """Cut a range into ``n`` that tile it, in order, with names as short as fairness allows.

    The cuts use the fewest bytes with which the widest part exceeds the narrowest by at most 2 %; where even
    8 bytes cannot, the widths differ by at most one id.

    :raises InputError: BAD_USAGE when there is no such cut: ``n`` below 1, or above the ids held.
    """
    width = whole.end - whole.start
    if not 1 <= n <= width:
        raise InputError(
            Code.BAD_USAGE,
            f"key range {whole}: cannot be split into {n} parts, it holds {width} keyspace ids",
            "Ask for at least 1 part.",
        )
    for bits in range(56, -8, -8):
        # A cut is rounded down to a whole multiple of the unit; the two ends stay as they are.
        inner = [(whole.start + width * i // n) >> bits << bits for i in range(1, n)]
        cuts = [whole.start, *inner, whole.end]
        widths = [high - low for low, high in pairwise(cuts)]
        if (max(widths) - min(widths)) * FAIR_WITHIN <= min(widths):
            break
    return [KeyRange(low, high) for low, high in pairwise(cuts)]


def tiles(ranges: Iterable[KeyRange], whole: KeyRange = EVERYTHING) -> tuple[KeyRange, ...]:
    """Return the ranges in order, having made sure that they cover ``whole`` exactly once.

    :raises InputError: RANGES_DO_NOT_TILE, naming every gap, overlap and range that sticks out.
    """
    ordered = tuple(sorted(ranges))
    wrong: list[str] = []
    reach, widest = whole.start, None  # Everything below `reach` is held, the last part of it by `widest`.
    for part in ordered:
        if part.overlap(whole) != part:
            wrong.append(f"{part} lies outside {whole}")
        if reach < (gap_end := min(part.start, whole.end)):
            wrong.append(f"{KeyRange(reach, gap_end)} is held by none")
        elif widest is not None and (both := part.overlap(widest)) is not None:
            wrong.append(f"{both} is held by {widest} and by {part}")
        if part.end > reach:
            reach, widest = part.end, part
    if reach < whole.end:
        wrong.append(f"{KeyRange(reach, whole.end)} is held by none")
    if wrong:
        raise InputError(
            Code.RANGES_DO_NOT_TILE,
            f"key ranges {', '.join(map(str, ordered)) or '(none)'} do not cover {whole} exactly once: "
            + "; ".join(wrong),
            "Let each range start where the one before it ends.",
        )
    return ordered


def regions(ranges: Iterable[KeyRange]) -> tuple[KeyRange, ...]:
    """What ranges hold together: as few ranges as can be, in order.

    :raises InputError: RANGES_DO_NOT_TILE where two of them overlap.
    """
    held: list[KeyRange] = []
    for part in sorted(ranges):
        if held and part.start < held[-1].end:
            raise InputError(
                Code.RANGES_DO_NOT_TILE,
                f"key range {part} overlaps with what {held[-1]} holds",
                "Let each range start where the one before it ends.",
            )
        if held and held[-1].end == part.start:
            held[-1] = KeyRange(held[-1].start, part.end)
        else:
            held.append(part)
    return tuple(held)


def _bytes_of(bound: int) -> str:
    """A bound as hexadecimal without trailing zero bytes; both open ends are the empty text."""
    if bound in (0, END_OF_IDS):
        return ""
    return bound.to_bytes(8, "big").rstrip(b"\0").hex()
