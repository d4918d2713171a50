"""Members made anew: what a clone brings, what it keeps, and what a failed one leaves."""

from tests.simulation.transitions import APART, CLOSED, FROZEN, Transition, act, event, sees, write

MADE_ANEW = (act("c", "fence", 3), act("c", "arm_clone", 3, donor="b"), event("is cloned", "c"))

CLONING = (
    Transition(
        "a member that waits for a clone is closed, and writable for flyball alone",
        (
            act("c", "arm_clone", 3, donor="b"),
            sees("c", door=APART, receiver="OFF", applier=False, promise=3),
            act("c", "arm_clone", 2, donor="b", hears="FB3003"),
            write("c", "x", "3032"),
        ),
    ),
    Transition(
        "a fence takes the donor away",
        (
            act("c", "arm_clone", 3, donor="b"),
            act("c", "fence", 4),
            event("is cloned", "c"),
            sees("c", promise=4, door=APART, source="a"),
            act("c", "follow", 4, source="a"),
            sees("c", receiver="ON", door=FROZEN),
        ),
    ),
    Transition(
        "whoever notes a newer version of the record takes the donor away, and names none for an older one",
        (
            act("c", "arm_clone", 3, donor="b"),
            act("c", "catch_up", 3, version=1),
            act("c", "arm_clone", 3, donor="b", hears="FB3006"),
            event("is cloned", "c"),
            sees("c", promise=3, noted=1, source="a", clone=""),
        ),
    ),
    Transition(
        "a member that waits for a clone follows again when it is told to",
        (act("c", "arm_clone", 3, donor="b"), act("c", "follow", 3, source="a"), sees("c", door=FROZEN, receiver="ON")),
    ),
    Transition(
        "a clone holds its donor's data and has promised nothing (rule 6)",
        (
            act("b", "catch_up", note="x"),
            act("b", "fence", 5),
            write("a", "w"),
            act("c", "fence", 3),
            sees("c", has=("w",)),
            *MADE_ANEW[1:],
            sees(
                "c",
                door=CLOSED,
                promise=None,
                attached=None,
                opened=0,
                reigned=0,
                clone="Completed",
                journal=3,
                lacks=("w",),
            ),
            act("c", "fence", 4, hears="FB3003"),
            act("c", "follow", 5, source="a", hears="FB3003"),
            act("c", "isolate", 6, hears="FB3003"),
            act("c", "promote", 6, acks=0, hears="FB3003"),
            act("c", "catch_up", 6, hears="FB3003"),
            act("c", "fence", 5),
            sees("c", door=CLOSED, promise=5, attached=None, opened=0, reigned=0),
            act("c", "follow", 5, source="a", note="y"),
            sees("c", has=("w",), receiver="ON", source="a", door=FROZEN, attached="y"),
        ),
    ),
    Transition(
        "a clone of the primary begins closed",
        (
            write("a", "w"),
            act("c", "fence", 3),
            act("c", "arm_clone", 3, donor="a"),
            event("is cloned", "c"),
            sees("c", door=CLOSED, promise=None, opened=0, has=("w",), purged=("w",), clone="Completed", source=None),
            act("c", "fence", 3),
            act("c", "follow", 3, source="a"),
            sees("c", receiver="ON", door=FROZEN, reigned=0),
        ),
    ),
    Transition(
        "a clone has its donor's source, which it does not follow by itself",
        (
            *MADE_ANEW,
            sees("c", source="a", receiver="OFF", applier=False, clone="Completed"),
            act("c", "fence", 3),
            act("c", "follow", 3, source="b"),
            sees("c", source="b", receiver="ON", applier=True),
        ),
    ),
    Transition(
        "a clone brings its donor's locks",
        (
            act("b", "fence", 4),
            act("c", "fence", 3),
            act("a", "admit", 3, ackers=("b",)),
            act("c", "arm_clone", 3, donor="a"),
            event("is cloned", "c"),
            act("c", "fence", 4),
            act("c", "promote", 5, acks=0, ackers=("a", "b", "c")),
            sees("c", locked=set()),
        ),
    ),
    Transition(
        "whoever lacks what the source has purged is turned away (1236)",
        (
            act("b", "fence", 3),
            write("a", "w"),
            act("c", "fence", 3),
            act("c", "arm_clone", 3, donor="a"),
            event("is cloned", "c"),
            sees("c", purged=("w",)),
            act("c", "fence", 3),
            act("c", "catch_up", 3),
            act("b", "follow", 3, source="c"),
            sees("b", source="c", receiver="OFF", receiver_errno=13114, missed=("w",)),
            act("b", "follow", 3, source="a"),
            sees("b", has=("w",), receiver="ON", receiver_errno=0),
        ),
    ),
    Transition(
        "a member that is killed halfway through its clone comes back empty, and has promised nothing",
        (
            write("a", "w"),
            act("c", "fence", 3),
            act("c", "arm_clone", 3, donor="b"),
            event("is killed halfway through its clone", "c"),
            event("starts", "c"),
            sees("c", door=CLOSED, promise=None, opened=0, reigned=0, journal=0, lacks=("w",), clone="Failed"),
        ),
    ),
)
