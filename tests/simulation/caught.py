"""Which seed notices which rule taken out; what takes a schedule of its own is in ``schedules.py``, and what costs
something and loses nothing in ``costs.py``.

``make mutants`` finds the seeds. What a world does changes with flyball, so a seed may notice its mutant no longer: the
test then looks through others. For what no world has shown the likely reason is given: mostly that another rule covers
it. Nobody has proven that more seeds would not show it.
"""

CAUGHT: dict[tuple[str, str], int] = {
    ("rule 1", "SIGTERM comes before offline"): 176,
    ("rule 1", "a fence ends semi-sync before sessions"): 55,
    ("rule 3", "a primary starts as it was"): 75,
    ("rule 4", "nobody checks a term"): 5,
    ("rule 4", "nobody checks a term, nor what a member is open under"): 5,
    ("rule 4", "what changes within a term keeps its version"): 4,
    ("rule 5", "a fence forgets its term over a restart"): 58,
    ("rule 5", "a fence does not stop the receiver"): 1,
    ("rule 5", "a fence leaves the primary open"): 12,
    ("rule 6", "a row that came with a clone is a promise"): 22,
    ("durability", "a primary opens without semi-sync"): 0,
    ("guard", "a primary does not guard itself"): 76,
    ("rule 7", "whoever is counted is let in before it has attached"): 1,
    ("rule 7", "a lost candidate is no suspect"): 260,
    ("rule 7", "the end of a change keeps the version of its beginning"): 4,
    ("rule 8", "a swap does not compare"): 5,
    ("rule 11", "a member is admitted before it is counted"): 4,
    ("rule 12", "anybody reached is promoted"): 0,
    ("rule 12", "the least behind is promoted"): 0,
    ("rule 12", "whoever holds most is promoted"): 0,
    ("rule 12", "what was executed is compared, not what was received"): 142,
    ("rule 15", "a neighbour acknowledges across zones"): 12,
    ("switchover", "the candidate need not hold everything"): 0,
    ("switchover", "the old primary is not frozen"): 0,
}
"""The seed, by rule and name."""

NOT_SHOWN: dict[tuple[str, str], str] = {
    ("rule 2", "a change of source throws away what was received"): "whom one is told to follow holds it (12, 16)",
    ("rule 4", "issues have no names"): "takes a store put back at one moment, and nobody of that term reached",
    ("rule 4", "nobody checks a version"): "takes an act that comes late within a term; acts are compared in units",
    ("rule 7", "a reign is recorded before its journal row"): "who is open under the term is a suspect already",
    ("rule 7", "a spent term is issued once more"): "its first candidate must be revoked before it goes to another",
    ("rule 8", "a switchover is undone before that is recorded"): "the member refuses the undo of a term before (4)",
    ("rule 9", "a freeze does not wait for commits"): "the fence after it cuts the sessions that wait (1)",
    ("rule 10", "a shard begins with whoever answers"): "takes a lost record beside members that were emptied",
    ("rule 12", "a former primary's tail is nothing"): "nobody heard ok for it: rows differ, and GTIDs do not tell",
    ("rule 16", "a member is moved although the candidate lacks what it has"): "lines are compared afterwards (12)",
    ("rule 16", "a member is moved with its receiver running"): "lines are compared afterwards (12)",
    ("durability", "a commit is visible before it is acknowledged"): "nobody reads in these worlds",
}
"""Why no world was seen to fail without them, by rule and name. Each rests on the tests that the safety rules name."""
