"""Schedules by name: each brings about the one course of events that a rule is there for.

A seed shows a rule that is taken out only where its faults happen to meet; these are drawn up for it, and are short.
"""

from tests.simulation.drawing import Plan
from tests.simulation.faults import Fault
from tests.simulation.world import Setting

SHARD = "commerce-x"


def _plan(name: str, *schedule: Fault, setting: Setting | None = None) -> Plan:
    return Plan(name, setting or Setting(), schedule)


BACKLOG = _plan(
    "backlog",
    *(Fault(0.6, "lag", name, seconds=8.0) for name in ("x2", "x3")),
    Fault(1.2, "kill", "x1", seconds=20.0),
    *(Fault(1.2, "kill", name, seconds=0.3) for name in ("x2", "x3")),
)
"""The last to hold what was acknowledged have it in their relay logs alone, and the primary is gone."""

ERRANT_AS_CHOSEN = _plan(
    "103556",
    Fault(0.5, "switchover", SHARD, "x3"),
    Fault(0.5012, "errant", "x3"),
    setting=Setting(members=5, acks=2),
)
"""x3 was looked at right before its switchover began, and somebody wrote to it right after that look."""

FORGETFUL = _plan(
    "forgetful",
    Fault(0.5, "reseed", "x2", seconds=1.4),
    Fault(1.7, "part", "x1", "x2", seconds=20.0),
    Fault(1.6, "break_clones", seconds=0.3),
    Fault(2.2, "kill", "x1", seconds=9.0),
    setting=Setting(members=2, replicas=1),
)
"""x2's clone broke, whoever asked for it has deleted that, and x2 does not reach the primary, which dies."""

LEAVES_ALONE_WITH_IT = _plan(
    "leave",
    Fault(0.6, "part", "x1", "x2", seconds=9.0),
    Fault(1.5, "leave", "x3", seconds=9.0),
    Fault(2.2, "kill", "x1", seconds=9.0),
    Fault(2.2, "isolated", "x3", seconds=9.0),
)
"""x3 alone acknowledges, and is asked to leave; then it is lost together with the primary, and x2 has nothing."""

HAS_LEFT = _plan(
    "locked",
    Fault(0.6, "leave", "x3", seconds=9.0),
    Fault(1.5, "part", "x1", "x2", seconds=9.0),
    Fault(3.0, "kill", "x1", seconds=9.0),
    Fault(3.0, "isolated", "x3", seconds=9.0),
)
"""x3 has left, and from then on x2 receives nothing: whatever x3 acknowledged now would be lost with the primary."""

OPENED_UNSEEN = _plan(
    "susp",
    Fault(1.0, "kill", "x1", seconds=1.0),
    Fault(0, "split", "x2+x3+clients", "out", seconds=8.0, effect=11),
)
"""x3 is told to open and does, and x2 acknowledges; nobody hears of it, and the former primary comes back."""

TAIL_AND_BACK = _plan("u5", Fault(0.6, "split", "x1+clients", seconds=6.0), Fault(75.0, "switchover", SHARD, "x1"))
"""x1 wrote what nobody acknowledged, is made anew for that, and reigns again."""

SHOW: dict[tuple[str, str], Plan] = {
    ("rule 2", "a restart throws away what was received"): BACKLOG,
    ("rule 6", "a member that was cloned keeps its uuid"): TAIL_AND_BACK,
    ("rule 6", "a member that is being made counts as reached"): FORGETFUL,
    ("rule 6", "a member that may have forgotten counts again at once"): FORGETFUL,
    ("rule 11", "nobody is locked out"): HAS_LEFT,
    ("rule 11", "the larger ack set is forgotten during a change"): LEAVES_ALONE_WITH_IT,
    ("rule 11", "a member leaves the ack set at once"): LEAVES_ALONE_WITH_IT,
    ("rule 11", "the smaller ack set does not wait for who stays"): LEAVES_ALONE_WITH_IT,
    ("rule 12", "nothing is errant"): ERRANT_AS_CHOSEN,
    ("durability", "a promotion does not ask for what it needs"): BACKLOG,
    ("revocation", "nobody is revoked"): FORGETFUL,
    ("revocation", "the recorded primary alone is revoked"): OPENED_UNSEEN,
}
"""What each shows, by rule and name of the mutant."""
