"""What a client hears, and what is visible and kept: with and without acknowledgements, by every way to end."""

from tests.simulation.transitions import (
    CLOSED,
    FROZEN,
    LOST,
    OK,
    OPEN,
    WAITS,
    Transition,
    act,
    event,
    hears,
    sees,
    write,
)

WAITING = (act("b", "fence", 3), act("c", "fence", 3), write("a", "w", WAITS))
"""Nobody acknowledges: both replicas have promised the reign's own term again and receive nothing."""

WRITING = (
    Transition(
        "a write is acknowledged and reaches everybody",
        (write("a", "w"), sees("a", has=("w",), waiting=0), sees("b", has=("w",)), sees("c", has=("w",))),
    ),
    Transition(
        "one acknowledgement is enough",
        (act("b", "fence", 3), write("a", "w"), sees("c", has=("w",)), sees("b", missed=("w",))),
    ),
    Transition(
        "a write without an ack-giver waits, unseen, until one comes back",
        (
            *WAITING,
            sees("a", lacks=("w",), waiting=1, door=OPEN),
            act("b", "follow", 3, source="a"),
            hears("w", OK),
            sees("a", has=("w",), waiting=0),
            sees("b", has=("w",)),
        ),
    ),
    Transition(
        "of several writes that wait, one is seen to wait for an acknowledgement",
        (
            *WAITING,
            write("a", "x", WAITS),
            act("a", "beat", 3, beat=9, hears=WAITS),
            sees("a", lacks=("w", "x"), waiting=1),
            act("c", "follow", 3, source="a"),
            hears("w", OK),
            hears("x", OK),
            sees("a", has=("w", "x"), waiting=0),
        ),
    ),
    Transition(
        "a follower that does not acknowledge receives, and nobody is answered",
        (
            act("b", "follow", 3, source="a", acks=False),
            act("c", "follow", 3, source="a", acks=False),
            sees("a", followers={"b", "c"}),
            write("a", "w", WAITS),
            sees("b", has=("w",), acknowledges=False, receiver="ON"),
            sees("a", lacks=("w",)),
        ),
    ),
    Transition(
        "a member that had received a waiting write before it connected acknowledges it with the next write only",
        (
            act("b", "follow", 3, source="a", acks=False),
            act("c", "fence", 3),
            write("a", "w", WAITS),
            sees("b", has=("w",)),
            act("b", "follow", 3, source="a"),
            sees("b", receiver="ON", acknowledges=True),
            sees("a", followers={"b"}),
            hears("w", WAITS),
            write("a", "x"),
            hears("w", OK),
            sees("a", has=("w", "x"), waiting=0),
        ),
    ),
    Transition(
        "with two acknowledgements asked for, one is not enough",
        (
            act("a", "ensure_semi_sync", 3, acks=2),
            sees("a", acks=2),
            act("a", "ensure_semi_sync", 3, acks=1),
            sees("a", acks=2),
            act("b", "fence", 3),
            write("a", "w", WAITS),
            sees("c", has=("w",)),
            sees("a", lacks=("w",)),
            act("b", "follow", 3, source="a"),
            hears("w", OK),
        ),
    ),
    Transition(
        "without semi-sync nobody waits",
        (
            act("a", "promote", 4, acks=0, ackers=("b", "c")),
            sees("a", semi=False),
            act("b", "fence", 3),
            act("c", "fence", 3),
            write("a", "w"),
            sees("a", has=("w",)),
            sees("b", missed=("w",)),
        ),
    ),
    Transition(
        "nobody writes to a replica, a frozen, a fenced or a stopped member",
        (
            write("b", "x", "1290"),
            act("a", "freeze", 3),
            write("a", "x", "1290"),
            act("a", "fence", 4),
            write("a", "x", "3032"),
            event("is killed", "a"),
            write("a", "x", "2003"),
            event("starts", "a"),
            write("a", "x", "3032"),
        ),
    ),
    Transition(
        "a freeze does not outwait a write that waits, and changes nothing",
        (
            *WAITING,
            act("a", "freeze", 3, hears="1205"),
            sees("a", door=OPEN, semi=True, opened=3),
            act("b", "follow", 3, source="a"),
            hears("w", OK),
            act("a", "freeze", 3),
            sees("a", door=FROZEN),
        ),
    ),
    Transition(
        "a fence answers nobody, and leaves what waited as a tail",
        (
            *WAITING,
            act("a", "fence", 4),
            hears("w", LOST),
            sees("a", has=("w",), door=CLOSED, semi=False, reigned=3),
            sees("b", missed=("w",)),
        ),
    ),
    Transition(
        "isolation answers nobody",
        (*WAITING, act("a", "isolate", 4), hears("w", LOST), sees("a", has=("w",), door=CLOSED, semi=False)),
    ),
    Transition(
        "offline, nobody hears an answer that comes later",
        (
            *WAITING,
            event("is taken offline", "a"),
            hears("w", LOST),
            sees("a", lacks=("w",), waiting=1, door=(False, False, True)),
            act("a", "thaw", 3),
            act("b", "follow", 3, source="a"),
            sees("a", has=("w",), waiting=0),
            hears("w", LOST),
        ),
    ),
    Transition(
        "SIGTERM answers ok to whoever waits (rule 1)",
        (
            *WAITING,
            event("gets SIGTERM", "a"),
            hears("w", OK),
            event("starts", "a"),
            sees("a", has=("w",), door=CLOSED),
            sees("b", missed=("w",)),
        ),
    ),
    Transition(
        "offline first, SIGTERM answers nobody (rule 1)",
        (
            *WAITING,
            event("is taken offline", "a"),
            hears("w", LOST),
            event("gets SIGTERM", "a"),
            event("starts", "a"),
            sees("a", has=("w",), door=CLOSED, reigned=3),
            sees("b", missed=("w",)),
        ),
    ),
    Transition(
        "what waited is there after a crash, and nobody has heard of it",
        (
            *WAITING,
            event("is killed", "a"),
            hears("w", LOST),
            event("starts", "a"),
            sees("a", has=("w",), door=CLOSED, reigned=3),
            sees("b", missed=("w",)),
        ),
    ),
    Transition(
        "a session that is ended while it waits hears nothing, and its write waits on",
        (
            *WAITING,
            event("has its sessions ended", "a"),
            hears("w", LOST),
            sees("a", lacks=("w",), waiting=1),
            act("b", "follow", 3, source="a"),
            sees("a", has=("w",), waiting=0),
        ),
    ),
    Transition(
        "a primary that is not watched and that somebody acknowledges stays open",
        (event("loses its lease", "a"), write("a", "w"), sees("a", door=OPEN, has=("w",))),
    ),
    Transition(
        "a primary that is not watched and that nobody acknowledges goes offline by itself",
        (
            act("b", "fence", 3),
            act("c", "fence", 3),
            event("loses its lease", "a"),
            sees("a", door=(False, False, True), waiting=1, opened=3),
            write("a", "w", "3032"),
            act("a", "thaw", 3),
            sees("a", door=OPEN, waiting=1),
        ),
    ),
)
