"""Attached: who has promised and noted a reign, and so may acknowledge its writes (rule 7).

A member attaches when it follows the primary of that reign, or the one that is about to open; only then is its account
unlocked there. So whatever a reign has acknowledged, the members that hold it know of the reign: a later change of
primary that reaches one of them cannot overlook it.
"""

from flyball.member.accounts import replica_account
from flyball_topology import notes
from flyball_topology.view import MemberView, View


def is_attached(view: View, member: MemberView, term: int) -> bool:
    """Whether the member has promised and noted ``term``, by the name under which the record issued it.

    Of one whose program is older than notes its promise is all that there can be, until it is started anew.
    """
    seen = member.seen
    if seen is None or seen.promise != term:
        return False
    issue = view.shard.status.issue_of(term)
    if not seen.takes_notes:
        return seen.issue in {"", issue}
    return seen.note is not None and (seen.note.term, seen.note.issue) == (term, issue)


def has_newest(view: View, member: MemberView) -> bool:
    """Whether what the member has noted is the reign as the record has it now."""
    note, now = member.seen.note if member.seen else None, notes.of_term(view.shard, view.reign.term)
    if now is None or (member.seen is not None and not member.seen.takes_notes):
        return True
    return note is not None and (note.age, note.issue, note.since) == (now.age, now.issue, now.since)


def attached(view: View, primary: str, term: int, ackers: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``ackers`` that may replicate from ``primary`` as it opens under ``term``; itself too, if it is one."""
    members = view.members
    return tuple(n for n in ackers if n == primary or (n in members and is_attached(view, members[n], term)))


def admissible(view: View, primary: str, term: int, ackers: tuple[str, ...]) -> tuple[str, ...]:
    """The same while it is open: whoever it has admitted stays so, answering or not."""
    seen = view.members[primary].seen if primary in view.members else None
    accounts = (seen.accounts if seen else None) or {}
    known = attached(view, primary, term, ackers)
    return tuple(n for n in ackers if n in known or accounts.get(replica_account(n)) is False)
