"""Services that break a rule: decisions with something taken out. By rule and name, as for members."""

from dataclasses import replace
from typing import Any

from flyball.durability import Durability
from flyball.errors import Code
from flyball.gtid import NOTHING, GtidSet
from flyball.store.memory import MemoryRecords
from flyball_topology import bootstrap, candidates, changes, line, promotion, revocation, steps, switchover
from flyball_topology.candidates import Choice, Unfit
from flyball_topology.changes import status_with, take, transition_with
from flyball_topology.line import Beside, Errant
from tests.simulation.mutants_of_members import SERVER, Changes

TOPOLOGY = "flyball_topology"

_PROMOTE, _AGAIN, _APPOINT = promotion.promote, changes.issue_again, promotion._appoint
_RAISED = changes.raised
_ON_LINE, _BESIDE, _SUSPECTS = line.on_line, line.beside_the_line, revocation.suspects
_SWITCH, _BEGIN, _REPLACE = switchover.switch, bootstrap.start, MemoryRecords.replace_status


def _reign_when_open(view: Any, transition: Any) -> Any:
    candidate = view.members.get(transition.candidate)
    if candidate is not None and candidate.seen is not None and candidate.seen.opened == transition.term:
        return promotion.reign(view, transition, candidate)
    return _PROMOTE(view, transition)


def _issue_the_same(view: Any, transition: Any, why: str, **changed: object) -> Any:
    decided: Any = _AGAIN(view, transition, why, **changed)
    status = decided.step.status
    status = status.model_copy(
        update={
            "issued": view.shard.status.issued,
            "transition": transition_with(status.transition, term=transition.term),
        }
    )
    return replace(decided, step=replace(decided.step, status=status))


def _issue_and_forget(view: Any, transition: Any, why: str, **changed: object) -> Any:
    return _AGAIN(view, transition.model_copy(update={"suspects": ()}), why, **changed)


def _undo_at_once(view: Any, transition: Any, reason: str) -> Any:
    return switchover.cancel(view, transition_with(transition, reason=reason))


async def _replace_whatever_stands(records: MemoryRecords, record: Any) -> Any:
    current = await records.get(type(record), record.name)
    if current is None:
        return await _REPLACE(records, record)
    metadata = record.metadata.model_copy(update={"revision": current.metadata.revision})
    return await _REPLACE(records, record.model_copy(update={"metadata": metadata}))


def _begin_with_whoever_answers(view: Any) -> Any:
    there = {name: member for name, member in view.members.items() if member.seen is not None}
    return _BEGIN(replace(view, members=there)) if there else _BEGIN(view)


def _of_the_next_set(view: Any) -> Durability:
    status = view.shard.status
    ackers = status.ackers if status.ackers_next is None else status.ackers_next
    return revocation.policy(view, status.durability or view.shard.spec.durability, ackers)


def _raised_at_the_beginning(view: Any, **changed: object) -> Any:
    """A change of the ack set ends under the version that it began under."""
    ends = changed.get("ackers_next", ()) is None
    return status_with(view, **changed) if ends else _RAISED(view, **changed)


def _leave_at_once(view: Any, name: str, why: str) -> Any:
    rest = tuple(acker for acker in view.shard.status.ackers if acker != name)
    return take(view, steps.Step(f"let {name} leave the ack set", status=status_with(view, ackers=rest)), why)


def _join_at_once(view: Any, name: str, why: str) -> Any:
    """The primary unlocks the account first; the record follows when it must."""
    ackers = (*view.shard.status.ackers, name)
    act = steps.Admit(view.reign.primary, view.reign.term, ackers)
    return take(view, steps.Step(f"admit {name}", acts=(act,)), why)


def _choose(view: Any, term: int, key: Any, *, errant: bool = False) -> Choice | Unfit:
    reached = [member for member in view.members.values() if revocation.fenced(member, term)]
    fit = [member for member in reached if errant or candidates.promotable(view, member)]
    if not fit:
        return Unfit(Code.LINE_INCOMPLETE, "nobody")
    return Choice(min(fit, key=key).name, NOTHING)


def _anybody(view: Any, term: int, **_: object) -> Choice | Unfit:
    return _choose(view, term, lambda member: member.name)


def _by_lag(view: Any, term: int, **_: object) -> Choice | Unfit:
    return _choose(view, term, lambda member: (member.lag or 0.0, member.name))


def _by_count(view: Any, term: int, **_: object) -> Choice | Unfit:
    return _choose(view, term, lambda member: (-member.seen.received.count, member.name), errant=True)


def _executed_line(view: Any, snapshot: Any) -> GtidSet:
    return _ON_LINE(view, snapshot.executed)


def _housekeeping_is_foreign(view: Any, member: Any) -> Beside:
    found = _BESIDE(view, member)
    return Beside(Errant.FOREIGN, found.transactions) if found.kind is Errant.HOUSEKEEPING else found


def _tail_is_nothing(view: Any, member: Any) -> Beside:
    found = _BESIDE(view, member)
    return Beside(Errant.NONE) if found.kind is Errant.TAIL else found


def _says_on(member: Any, _: float) -> bool:
    return bool(member.seen and member.seen.channel and member.seen.channel.receiver == "ON")


def _nothing_while(phase: str) -> Any:
    def on_line(view: Any, transactions: GtidSet) -> GtidSet:
        transition = view.shard.status.transition
        return NOTHING if transition is not None and transition.phase == phase else _ON_LINE(view, transactions)

    return on_line


def _nothing_of_a_leaver(view: Any, transactions: GtidSet) -> GtidSet:
    status = view.shard.status
    changing = status.ackers_next is not None and status.transition is None
    return NOTHING if changing else _ON_LINE(view, transactions)


def _bring_under_at_once(view: Any, primary: Any, candidate: Any, member: Any) -> Any:
    if switchover._is_moved(view, primary, candidate, member):
        return None
    follow = steps.Follow(member.name, view.reign.term, candidate.name)
    return steps.Step(f"let {member.name} follow {candidate.name}", acts=(follow,))


def _appoint_and_hold_nobody(view: Any, transition: Any, choice: Choice, **_: object) -> Any:
    return _APPOINT(view, transition, choice, accept_loss=False)


def _switch_as_if_frozen(view: Any, transition: Any) -> Any:
    primary = view.primary
    if primary is None or primary.seen is None:
        return _SWITCH(view, transition)
    frozen = replace(primary, snapshot=replace(primary.seen, super_read_only=True))
    return _SWITCH(replace(view, members={**view.members, primary.name: frozen}, findings=None), transition)


NO_OTHER_LOOK = {f"{TOPOLOGY}.promotion:_planned_candidate": _PROMOTE}
"""Nor a second look at the old primary's line once the term is issued."""

SERVICE: dict[tuple[str, str], Changes] = {
    ("rule 4", "what changes within a term keeps its version"): {f"{TOPOLOGY}.changes:raised": status_with},
    ("rule 6", "a member that is being made counts as reached"): {
        f"{TOPOLOGY}.revocation:being_made": lambda _: frozenset()
    },
    ("rule 6", "a member that may have forgotten counts again at once"): {
        f"{TOPOLOGY}.reseeding:_forgot_nothing": lambda *_: True,
        f"{TOPOLOGY}.candidates:_began_with": lambda _: NOTHING,
    },
    ("rule 7", "a reign is recorded before its journal row"): {f"{TOPOLOGY}.promotion:promote": _reign_when_open},
    ("rule 7", "a spent term is issued once more"): {f"{TOPOLOGY}.changes:issue_again": _issue_the_same},
    ("rule 7", "whoever is counted is let in before it has attached"): {
        f"{TOPOLOGY}.attached:attached": lambda _view, _primary, _term, ackers: ackers,
        f"{TOPOLOGY}.promotion:attached": lambda _view, _primary, _term, ackers: ackers,
        f"{TOPOLOGY}.following:is_attached": lambda *_: True,
        f"{TOPOLOGY}.switchover:_attaching": lambda *_: (),
    },
    ("rule 7", "a lost candidate is no suspect"): {f"{TOPOLOGY}.changes:issue_again": _issue_and_forget},
    ("rule 8", "a switchover is undone before that is recorded"): {f"{TOPOLOGY}.switchover:undo": _undo_at_once},
    ("rule 8", "a swap does not compare"): {
        "flyball.store.memory:MemoryRecords.replace_status": _replace_whatever_stands
    },
    ("rule 10", "a shard begins with whoever answers"): {f"{TOPOLOGY}.bootstrap:start": _begin_with_whoever_answers},
    ("rule 7", "the end of a change keeps the version of its beginning"): {
        f"{TOPOLOGY}.ackset:raised": _raised_at_the_beginning
    },
    ("rule 11", "the larger ack set is forgotten during a change"): {
        f"{TOPOLOGY}.revocation:durability": _of_the_next_set
    },
    ("rule 11", "a member leaves the ack set at once"): {f"{TOPOLOGY}.ackset:leave": _leave_at_once},
    ("rule 11", "a member is admitted before it is counted"): {f"{TOPOLOGY}.ackset:join": _join_at_once},
    ("rule 11", "the smaller ack set does not wait for who stays"): {f"{TOPOLOGY}.line:on_line": _nothing_of_a_leaver},
    ("rule 12", "anybody reached is promoted"): {f"{TOPOLOGY}.candidates:choose_after_revocation": _anybody},
    ("rule 12", "the least behind is promoted"): {f"{TOPOLOGY}.candidates:choose_after_revocation": _by_lag},
    ("rule 12", "whoever holds most is promoted"): {f"{TOPOLOGY}.candidates:choose_after_revocation": _by_count},
    ("rule 12", "nothing is errant"): {f"{TOPOLOGY}.line:beside_the_line": lambda *_: Beside(Errant.NONE)},
    ("rule 12", "a former primary's tail is nothing"): {f"{TOPOLOGY}.line:beside_the_line": _tail_is_nothing},
    ("rule 12", "what was executed is compared, not what was received"): {
        f"{TOPOLOGY}.line:line_of": _executed_line,
        f"{SERVER}.has_applied": property(lambda _: True),
    },
    ("rule 13", "errant housekeeping is foreign"): {f"{TOPOLOGY}.line:beside_the_line": _housekeeping_is_foreign},
    ("rule 14", "what replicas hear does not count"): {f"{TOPOLOGY}.view:MemberView.hears": lambda *_: False},
    ("rule 14", "a thread that says ON hears"): {f"{TOPOLOGY}.view:MemberView.hears": _says_on},
    ("rule 15", "a neighbour acknowledges across zones"): {f"{TOPOLOGY}.diagnose:gives_acks": lambda *_: True},
    ("rule 16", "a member is moved although the candidate lacks what it has"): {
        f"{TOPOLOGY}.line:on_line": _nothing_while("Preparing")
    },
    ("rule 16", "a member is moved with its receiver running"): {
        f"{TOPOLOGY}.switchover:_bring_under": _bring_under_at_once
    },
    ("rule 16", "members are moved where two must acknowledge, too"): {
        f"{TOPOLOGY}.switchover:_moves_others": lambda _: True
    },
    ("rule 17", "who may hold what was given up is not held"): {
        f"{TOPOLOGY}.promotion:_appoint": _appoint_and_hold_nobody
    },
    ("revocation", "nobody is revoked"): {
        f"{TOPOLOGY}.revocation:unrevoked": lambda *_: (),
        f"{TOPOLOGY}.revocation:unrevokable": lambda *_: (),
    },
    ("revocation", "a failover begins where it cannot end"): {f"{TOPOLOGY}.revocation:unrevokable": lambda *_: ()},
    ("revocation", "the recorded primary alone is revoked"): {
        f"{TOPOLOGY}.revocation:suspects": lambda view: _SUSPECTS(view)[:1]
    },
    ("switchover", "the candidate need not hold everything"): {
        f"{TOPOLOGY}.line:on_line": _nothing_while("Switching"),
        **NO_OTHER_LOOK,
    },
    ("switchover", "the old primary is not frozen"): {
        f"{SERVER}.freeze": lambda server, term: server.must_be_open(term),
        f"{TOPOLOGY}.switchover:switch": _switch_as_if_frozen,
        **NO_OTHER_LOOK,
    },
    ("stability", "emergency failovers never rest"): {
        "flyball.stability:AntiFlap.emergency_allowed": lambda _, now: now
    },
}
