"""Declare: commit empty transactions in the place of GTIDs, a bounded number with each act.

Each is a commit of its own and waits for the disk, while the act holds the member's lock; so a large set takes many
acts, and what is left shows in the next view.
"""

from collections.abc import Iterator
from itertools import islice

from flyball.gtid import GtidSet
from flyball_topology.steps import Declare

AT_ONCE = 500
"""GTIDs with one act."""
WITHIN = 15.0
"""Seconds that an act may take: 30 ms for each commit."""


def declare(member: str, term: int, gtids: GtidSet) -> Declare:
    """The act that declares the first of ``gtids``."""
    return Declare(member, term, tuple(islice(_singles(gtids), AT_ONCE)))


def _singles(gtids: GtidSet) -> Iterator[str]:
    """Each GTID by itself, as ``gtid_next`` takes it."""
    for uuid in sorted(gtids.sids):
        own = gtids.only_uuids([uuid])
        for tag in sorted(own.tags):
            prefix = f"{uuid}:{tag}:" if tag else f"{uuid}:"
            for span in str(own.only_tag(tag)).removeprefix(prefix).split(":"):
                first, _, last = span.partition("-")
                yield from (f"{prefix}{number}" for number in range(int(first), int(last or first) + 1))
