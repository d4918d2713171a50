"""Who obeys whom: fences, terms in the right and the wrong order, what a restart and a clone do to a promise."""

from tests.simulation.transitions import APART, CLOSED, FROZEN, OPEN, Given, Transition, act, event, sees

BEGINNING = Transition(
    "an empty member is established under a term, provisioned, promoted and journalled, in that order",
    (
        sees("a", door=CLOSED, promise=None, opened=0, reigned=0, source=None, semi=False, acks=1, acknowledges=True),
        act("a", "provision", 3, hears="FB3003"),
        act("a", "journal", 3, hears="FB3003"),
        act("a", "establish", 3),
        sees("a", door=APART, promise=3, opened=3, reigned=3, semi=False, database=False, waiting=0),
        act("a", "establish", 2, hears="FB3003"),
        act("a", "provision", 4, hears="FB3003"),
        act("a", "establish", 4),
        sees("a", door=APART, promise=4, opened=4, reigned=4),
        act("a", "provision", 3, hears="FB3003"),
        act("a", "provision", 4),
        sees("a", door=APART, database=True, locked=set(), journal=0),
        act("a", "promote", 3, acks=1, ackers=("b", "c"), hears="FB3003"),
        act("a", "promote", 4, acks=1, ackers=("b", "c")),
        sees("a", door=OPEN, promise=4, opened=4, reigned=4, semi=True, acks=1, locked={"a"}, followers=set()),
        act("a", "journal", 3, hears="FB3003"),
    ),
    Given.EMPTY,
)

TERMS = (
    BEGINNING,
    Transition(
        "a fence under the term that it is open under comes late, and leaves the primary alone",
        (
            act("a", "fence", 3),
            sees("a", door=OPEN, promise=3, opened=3, reigned=3, semi=True),
            act("a", "freeze", 3),
            act("a", "fence", 3),
            sees("a", door=FROZEN, promise=3, opened=3, reigned=3),
        ),
    ),
    Transition(
        "a fence under a newer term closes the primary, and it obeys nothing older",
        (
            act("a", "fence", 5),
            sees("a", door=CLOSED, promise=5, opened=0, reigned=3),
            *(act("a", name, 4, hears="FB3003") for name in ("fence", "freeze", "thaw", "catch_up", "isolate")),
            act("a", "follow", 4, source="b", hears="FB3003"),
            act("a", "promote", 4, hears="FB3003"),
            act("a", "arm_clone", 4, donor="b", hears="FB3003"),
            act("a", "declare_gtids", 4, gtids=(), hears="FB3003"),
            act("a", "establish", 4, hears="FB3003"),
            act("a", "forget_source", 4, hears="FB3003"),
            sees("a", door=CLOSED, promise=5, opened=0, reigned=3, source=None),
        ),
    ),
    Transition(
        "a fence under an older term is refused and changes nothing",
        (
            act("a", "fence", 2, hears="FB3003"),
            sees("a", door=OPEN, promise=3, opened=3, semi=True),
            act("b", "fence", 2, hears="FB3003"),
            sees("b", receiver="ON", door=FROZEN, promise=3),
        ),
    ),
    Transition(
        "a fence leaves a replica its readers and stops its receiver",
        (
            act("b", "fence", 4),
            sees("b", door=FROZEN, promise=4, opened=0, receiver="OFF", receiver_errno=0, applier=True, source="a"),
            sees("a", followers={"c"}),
            act("b", "fence", 4),
            sees("b", door=FROZEN, receiver="OFF"),
        ),
    ),
    Transition(
        "a freeze stops writes, a thaw lets them in again, under the term that is open alone",
        (
            act("a", "freeze", 2, hears="FB3003"),
            act("a", "freeze", 4, hears="FB3003"),
            sees("a", door=OPEN, promise=4, opened=3),
            act("a", "freeze", 4, hears="FB3003"),
            act("a", "freeze", 3, hears="FB3003"),
            sees("a", door=OPEN),
        ),
    ),
    Transition(
        "a frozen primary keeps semi-sync and its term, and comes back by a thaw",
        (
            act("a", "freeze", 3),
            sees("a", door=FROZEN, promise=3, opened=3, reigned=3, semi=True, locked=None),
            act("a", "freeze", 3),
            act("a", "beat", 3, beat=7, hears="1290"),
            act("a", "journal", 3, hears="1290"),
            act("a", "provision", 3, hears="1290"),
            act("a", "thaw", 3),
            sees("a", door=OPEN, promise=3, opened=3),
            act("a", "thaw", 3),
            sees("a", door=OPEN),
        ),
    ),
    Transition(
        "a frozen primary that is fenced goes offline and keeps semi-sync until it follows",
        (
            act("a", "freeze", 3),
            act("a", "fence", 4),
            sees("a", door=CLOSED, promise=4, opened=0, reigned=3, semi=True),
            act("a", "follow", 4, source="b"),
            sees("a", door=FROZEN, reigned=3, semi=False, source="b", receiver="ON"),
            act("a", "settle", 3, hears="FB3003"),
            act("a", "settle", 4),
            sees("a", door=FROZEN, reigned=0, promise=4, receiver="ON"),
        ),
    ),
    Transition(
        "who is not open neither freezes, thaws, journals, beats nor admits",
        (
            act("b", "freeze", 3, hears="FB3003"),
            act("b", "thaw", 3, hears="FB3003"),
            act("b", "journal", 3, hears="FB3003"),
            act("b", "beat", 3, beat=1, hears="FB3003"),
            act("b", "admit", 3, ackers=("c",), hears="FB3003"),
            act("b", "ensure_semi_sync", 3, acks=1, hears="FB3003"),
            act("b", "forget_source", 3, hears="FB3003"),
            act("b", "provision", 3, hears="FB3003"),
            act("b", "establish", 3, hears="FB4007"),
            sees("b", door=FROZEN, promise=3, opened=0, receiver="ON", source="a"),
        ),
    ),
    Transition(
        "an open primary is not told to follow or to be cloned",
        (
            act("a", "follow", 4, source="b", hears="FB3002"),
            act("a", "arm_clone", 4, donor="b", hears="FB3002"),
            act("a", "settle", 4, hears="FB3002"),
            sees("a", door=OPEN, promise=4, opened=3, reigned=3, source=None),
        ),
    ),
    Transition(
        "a restart closes the primary and it remembers its promise and its reign",
        (
            event("is killed", "a"),
            event("starts", "a"),
            sees("a", door=CLOSED, promise=3, opened=0, reigned=3, semi=False, acks=1, acknowledges=True, source=None),
            act("a", "fence", 2, hears="FB3003"),
            act("a", "thaw", 3, hears="FB3003"),
            act("a", "promote", 4, acks=1, ackers=("b", "c")),
            sees("a", door=OPEN, promise=4, opened=4, reigned=4, semi=True),
        ),
    ),
    Transition(
        "a restart closes a replica and stops both its threads",
        (
            event("is killed", "b"),
            event("starts", "b"),
            sees("b", door=CLOSED, promise=3, opened=0, source="a", receiver="OFF", receiver_errno=0, applier=False),
            act("b", "catch_up", 3),
            sees("b", door=FROZEN, receiver="OFF", applier=True),
            act("b", "follow", 3, source="a"),
            sees("b", door=FROZEN, receiver="ON", applier=True),
        ),
    ),
    Transition(
        "isolation closes whoever it is",
        (
            act("b", "isolate", 4),
            sees("b", door=CLOSED, promise=4, receiver="OFF", applier=False, source="a"),
            act("a", "isolate", 4),
            sees("a", door=CLOSED, promise=4, opened=0, reigned=3, semi=False),
            act("b", "follow", 4, source="a"),
            sees("b", door=FROZEN, receiver="CONNECTING", receiver_errno=3032, applier=True),
        ),
    ),
    Transition(
        "a promotion that is repeated changes nothing, one under a newer term does",
        (
            act("a", "promote", 3, acks=2, ackers=("b",)),
            sees("a", door=OPEN, acks=1, locked={"a"}),
            act("a", "promote", 4, acks=2, ackers=("b",)),
            sees("a", door=OPEN, promise=4, opened=4, reigned=4, acks=2, locked={"a", "c"}, followers={"b"}),
            act("a", "promote", 3, acks=1, hears="FB3003"),
        ),
    ),
)
