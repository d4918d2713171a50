"""Failover as a machine of states: members that promise, whoever proposes a term, a record that may be wrong.

Members ``a``, ``b``, ``c``; ``a`` reigns under term 1, with the others attached. *Elections*, each one proposal of a
term: a service asks members to promise it, counts their answers, appoints a candidate, and lets the others follow it. A
service has no state beside its election: one that sleeps for ever, dies, or wakes late and goes on is the election
whose next act never comes, or comes after anything else. A message that is lost is an act that never happens, one that
is late is an act that happens later; nothing is ever too late to arrive.

A write is a number; its author's uuid is its GTID's. A replica fetches what its source has, in the source's order. The
client hears ok at the earliest moment possible: when enough admitted followers hold the write while its author is open.
A stop (kill -9, power, a network that ends connections) closes a member and ends its replication; its promise, its note
and its log survive.

The rules (``state.py``) say which protocol it is: ``TODAY`` issues terms by compare-and-swap on the record, and keeps
suspects and line there. ``MEMBERS`` needs no record: whatever a promotion rests on stands in the members. Each rule can
be taken out, and the tests show what breaks then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from flyball.durability import Durability, SemiSync
from tests.proofs import changing
from tests.proofs.search import Found, search
from tests.proofs.state import (
    NAMES,
    WRITES,
    Choice,
    Counting,
    Election,
    Member,
    Record,
    Reply,
    Rules,
    State,
    author,
    put,
    reigns_at,
    title,
    with_member,
)

ONE_ACK = SemiSync(1, frozenset("abc"))


@dataclass(frozen=True)
class World:
    """The rules, the durability, and what may happen."""

    rules: Rules
    policies: tuple[Durability, ...] = (ONE_ACK,)
    """What may count; the first one does at the start."""
    changes: int = 0
    """How often another one may be asked for (``changing.py``)."""
    takes_back: bool = False
    """And taken back before it counts alone."""
    count: int = 3
    """How many members there are."""
    restores: bool = False
    """The record may be put back to what it was at the start."""

    # --- the predicates ---------------------------------------------------------------------------------

    def able(self, n: int, counting: Counting) -> bool:
        """Whether a member may reign, and acknowledge, while that counts."""
        return all(NAMES[n] in getattr(self.policies[p], "ackers", NAMES) for p in counting)

    def acknowledged(self, counting: Counting, primary: int, holders: int) -> bool:
        """While both count the stricter way: who acknowledges does so under either."""
        wanted = counting if self.rules.both_bind else counting[:1]
        return all(holds_enough(self.policies[p], primary, holders) for p in wanted)

    def deposed(self, counting: Counting, reached: int) -> bool:
        """Nobody, whoever may have reigned, could be acknowledged by those who are not reached."""
        return all(_deposed(self.policies[p], reached) for p in counting)

    # --- the start --------------------------------------------------------------------------------------

    def start(self, *proposals: tuple[int, bool]) -> State:
        """Member ``a`` reigns; proposals are (number, by the record), and wait for their moment."""
        members = tuple(Member((1, 0), 0, 0, 0 if n == 0 else -1, -1 if n == 0 else 0, ()) for n in range(self.count))
        first = Election(1, 0, by_record=True, choice=Choice(0, frozenset()), counts=((0,),))
        blank = (None,) * self.count
        named = self.rules.named_issue
        others = tuple(
            Election(number, index if named else 0, by_record, blank)
            for index, (number, by_record) in enumerate(proposals, 1)
        )
        elections = (first, *others)
        return State(members, elections, Record(), (0,) * (WRITES * len(elections)))

    # --- what may happen next ---------------------------------------------------------------------------

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        for act, after in self._acts(state):
            yield act, self._acknowledge(after)

    def _acts(self, state: State) -> Iterator[tuple[str, State]]:
        for index, election in enumerate(state.elections):
            yield from self._proposes(state, index, election)
            for choice in filter(None, (election.choice, election.second)):
                yield from self._reigns(state, index, election, choice)
        for n, member in enumerate(state.members):
            yield from self._member_alone(state, n, member)
        if self.changes:
            yield from changing.acts(self, state)
        if self.restores and state.record != Record():
            yield "the record is restored", state._replace(record=Record())

    def _proposes(self, state: State, index: int, election: Election) -> Iterator[tuple[str, State]]:
        term = title(state, index)
        if index == 0:
            return
        record = state.record
        if election.by_record and not election.choice and record.transition != index:
            next_one = (
                election.number > record.issued if self.rules.by_members else election.number == record.issued + 1
            )
            if next_one and not any(election.replies):
                issued = record._replace(issued=election.number, transition=index)
                yield f"the record issues {term}", state._replace(record=issued)
            return
        if election.choice is None or not self.rules.one_choice:
            for n, member in enumerate(state.members):
                if election.replies[n] is None and (
                    member.promise[0] < election.number or member.promise == (election.number, election.name)
                ):
                    yield f"{NAMES[n]} promises {term}", self._fence(state, index, election, n, member)
        if election.choice is None or (not self.rules.one_choice and election.second is None):
            yield from self._chooses(state, index, election)

    def _fence(self, state: State, index: int, election: Election, n: int, member: Member) -> State:
        fenced = member._replace(promise=(election.number, election.name), opened=-1, follows=-1)
        reply = Reply(member.note, member.version, member.log)
        replies = put(election.replies, n, reply)
        return with_member(state, n, fenced, index, election._replace(replies=replies))

    def _chooses(self, state: State, index: int, election: Election) -> Iterator[tuple[str, State]]:
        """Nobody of an older reign can be acknowledged any more: a candidate is appointed that holds the whole line."""
        replies = election.replies
        counted = [n for n, reply in enumerate(replies) if reply is not None and reply.note >= 0]
        reached = sum(1 << n for n in counted)
        known = [replies[n] for n in counted]
        if not known:
            return
        _, note, version = max((state.elections[r.note].number, r.note, r.version) for r in known)
        counting = state.elections[note].counts[version]
        by_record = election.by_record and not self.rules.noted_line
        writers = {note}
        if by_record:
            note, writers = state.record.reign, {state.record.reign, *state.record.suspects}
        if election.by_record and not self.rules.whoever_reigned:
            suspects = {reigns_at(state, e) for e in (state.record.reign, *state.record.suspects)}
            if not all(_suspect_revoked(self.policies[0], suspect, reached) for suspect in suspects):
                return
        elif not self.deposed(counting, reached):
            return
        if election.by_record and not self.rules.by_members and state.record.transition != index:
            return
        wrong = self._unnoticed(state, index, known)
        line = self._line(state, note, writers)
        holds = frozenset(w for reply in known for w in reply.log if w in line)
        for n in counted:
            log = frozenset(replies[n].log)
            fit = log <= line and (holds <= log or not self.rules.whole_line)
            binding = counting if self.rules.both_bind else counting[:1]
            if not fit or (self.rules.of_the_set and not self.able(n, binding)):
                continue
            choice = Choice(n, holds & log)
            if election.choice is None:
                blank = (None,) * self.count if self.rules.one_choice else replies
                changed = election._replace(choice=choice, replies=blank, counts=(counting,))
            elif choice.candidate != election.choice.candidate:
                changed = election._replace(second=choice)
            else:
                continue
            after = state._replace(elections=put(state.elections, index, changed), wrong=wrong)
            if election.by_record:
                suspects = tuple(sorted({*state.record.suspects, index}))
                after = after._replace(record=state.record._replace(suspects=suspects))
            yield f"{NAMES[n]} is appointed for {title(state, index)}", after

    def _reigns(self, state: State, index: int, election: Election, choice: Choice) -> Iterator[tuple[str, State]]:
        """Acts of a proposal that has appointed its candidate: any of them, at any time, as often as it likes."""
        term, who = title(state, index), choice.candidate
        ballot = (election.number, election.name)
        leader = state.members[who]
        if leader.opened == -1 and leader.promise == ballot and choice.base <= set(leader.log):
            version = leader.version if leader.note == index else 0
            opened = leader._replace(opened=index, follows=-1, note=index, version=version)
            yield f"{NAMES[who]} opens under {term}", with_member(state, who, opened)
        for n, member in enumerate(state.members):
            if n == who or member.opened != -1 or (member.promise[0] >= election.number and member.promise != ballot):
                continue
            if member.follows == index:
                continue
            if not self.rules.noted_line and not set(member.log) <= self._recorded_line(state, index):
                continue  # errant, by the record: never attached
            version = member.version if member.note == index else 0
            attached = member._replace(promise=ballot, note=index, version=version, follows=index)
            yield f"{NAMES[n]} follows {NAMES[who]} under {term}", with_member(state, n, attached)
        record = state.record
        if record.transition == index and self._was_acknowledged(state, index):
            yield f"the record: {term} reigns", state._replace(record=Record(record.issued, -1, index))

    def _member_alone(self, state: State, n: int, member: Member) -> Iterator[tuple[str, State]]:
        if member.opened != -1:
            mine = member.opened
            written = sum(w // WRITES == mine for w in member.log)
            if written < WRITES:
                wrote = member._replace(log=(*member.log, mine * WRITES + written))
                yield f"{NAMES[n]} writes under {title(state, mine)}", with_member(state, n, wrote)
        if member.follows != -1:
            source = state.members[reigns_at(state, member.follows, n)]
            news = next((w for w in source.log if w not in member.log), None)
            if news is not None:
                fetched = member._replace(log=(*member.log, news))
                yield f"{NAMES[n]} receives {news}", with_member(state, n, fetched)
        if member.opened != -1 or member.follows != -1:
            stopped = member._replace(opened=-1, follows=-1)
            if not self.rules.kept_promise:
                stopped = stopped._replace(promise=(1, 0))
            yield f"{NAMES[n]} stops", with_member(state, n, stopped)

    def _acknowledge(self, state: State) -> State:
        """Followers that hold a write whose author is open have acknowledged it; enough of them, and it is."""
        acks = list(state.acks)
        for who, leader in enumerate(state.members):
            if leader.opened == -1:
                continue
            for w in range(leader.opened * WRITES, (leader.opened + 1) * WRITES):
                if acks[w] < 0 or w not in leader.log:
                    continue
                for n, member in enumerate(state.members):
                    if member.follows == -1 or w not in member.log:
                        continue
                    same = member.follows == leader.opened and reigns_at(state, member.follows, n) == who
                    if same or (not self.rules.attached_first and reigns_at(state, member.follows, n) == who):
                        acks[w] |= 1 << n
                if self.acknowledged(state.elections[leader.opened].counts[leader.version], who, acks[w]):
                    acks[w] = -1
        return state if tuple(acks) == state.acks else state._replace(acks=tuple(acks))

    # --- what must hold always --------------------------------------------------------------------------

    def broken(self, state: State) -> str:
        if state.wrong:
            return state.wrong
        heard = {w for w, acks in enumerate(state.acks) if acks < 0}
        reigns = sorted({w // WRITES for w in heard}, key=lambda e: state.elections[e].number)
        authors = {(state.elections[w // WRITES].number, author(state, w)) for w in heard}
        if len({number for number, _ in authors}) < len(authors):
            return "two primaries were acknowledged under one term"
        if reigns:
            newest = state.elections[reigns[-1]]
            authors = {c.candidate for c in (newest.choice, newest.second) if c}
            for who in authors:
                if state.members[who].opened == reigns[-1] and heard - set(state.members[who].log):
                    return f"{NAMES[who]} reigns without {sorted(heard - set(state.members[who].log))}"
        return ""

    def _unnoticed(self, state: State, index: int, known: list[Reply]) -> str:
        """A term whose writes were acknowledged is known to whoever proposes a higher one."""
        acknowledged = {w // WRITES for w, acks in enumerate(state.acks) if acks < 0}
        below = [state.elections[e].number for e in acknowledged]
        newest = max((n for n in below if n < state.elections[index].number), default=1)
        seen = max(state.elections[reply.note].number for reply in known)
        if not self.rules.noted_line:
            seen = max(state.elections[e].number for e in (state.record.reign, *state.record.suspects))
        return f"term {newest} reigned, and {title(state, index)} does not know" if seen < newest else ""

    def _was_acknowledged(self, state: State, index: int) -> bool:
        return any(state.acks[w] < 0 for w in range(index * WRITES, (index + 1) * WRITES))

    def _line(self, state: State, note: int, writers: set[int]) -> frozenset[int]:
        choice = state.elections[note].choice
        uuids = {reigns_at(state, e) for e in writers}
        own = (w for w in range(len(state.acks)) if author(state, w) in uuids)
        return frozenset({*(choice.base if choice else ()), *own})

    def _recorded_line(self, state: State, index: int) -> frozenset[int]:
        record = state.record
        return self._line(state, record.reign, {record.reign, *record.suspects, index})


def explore(world: World, *plans: tuple[tuple[int, bool], ...], most: int = 400_000, **more: Any) -> Found:
    """Every state that a world can get into, with each of the plans for what will be proposed."""
    return search([world.start(*plan) for plan in plans], world.steps, world.broken, most=most, **more)


def _names(mask: int) -> frozenset[str]:
    return frozenset(name for n, name in enumerate(NAMES) if mask >> n & 1)


@cache
def holds_enough(policy: Durability, primary: int, holders: int) -> bool:
    return policy.acknowledged(NAMES[primary], _names(holders))


@cache
def _suspect_revoked(policy: Durability, suspect: int, reached: int) -> bool:
    return policy.revoked(NAMES[suspect], bool(reached >> suspect & 1), _names(reached))


@cache
def _deposed(policy: Durability, reached: int) -> bool:
    able = [n for n, name in enumerate(NAMES) if name in getattr(policy, "ackers", NAMES)]
    return all(_suspect_revoked(policy, suspect, reached) for suspect in able)
