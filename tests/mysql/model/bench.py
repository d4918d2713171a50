"""The bench of transitions over real mysqld: acts over SQL, clients in threads, faults by signals and cut wires."""

import time
from contextlib import suppress
from itertools import permutations

import pymysql

from flyball.gtid import NOTHING, GtidSet
from flyball.member.accounts import CLONE, TOPOLOGY
from flyball.session import call
from flyball_local import mysqld
from flyball_local.ports import HOST
from tests.mysql.model.calls import Call
from tests.mysql.model.standing import LIMIT, Standing
from tests.simulation.server import transactions
from tests.simulation.transitions import LOST, OK, WAITS, Act, Event, Write, note

WAITING = frozenset({"Waiting for semi-sync ACK from replica", "waiting for handler commit"})
LOOKS = 5
"""A commit that is about to be acknowledged waits for a moment too: it waits that is seen so this often in a row."""


class MysqlBench(Standing):
    """Carries out what the table says."""

    def act(self, step: Act) -> str:
        statements = self._statements(step)
        for statement in statements:
            before = self.shard.process(self.names[step.member])
            one = self._call(step.member, TOPOLOGY, statement)
            said = self._wait(step.member, one)
            if said == LOST and step.hears != LOST:
                self.broke(step.member, before, f"{step}: {one.message}")
            if said != OK:
                return said
        return OK

    def _statements(self, step: Act) -> tuple[str, ...]:
        term, given = step.term + self.labels.shift, step.given
        version, issue = given.get("version", 0) + self.labels.shift, given.get("issue", "")
        attached = note(given["note"]).text() if "note" in given else None
        match step.name:
            case "follow":
                port = self.ports[step.member, given["source"]]
                values = (HOST, port, *self.account(step.member), given.get("acks", True))
                return (call("follow", term, version, issue, *values, attached),)
            case "freeze":
                return (call("freeze", term, 1, 0),)
            case "catch_up":
                return (call("catch_up", term, version, issue, "", 0, attached),)
            case "promote":
                holds = str(self.labels.held(given.get("holds", ())))
                ackers = self.accounts(given.get("ackers", ()))
                return (call("promote", term, version, issue, holds, given.get("acks", 1), ackers, attached),)
            case "arm_clone":
                return (call("arm_clone", term, version, issue, HOST, self.port(given["donor"])),)
            case "admit":
                return (call("admit", term, version, issue, self.accounts(given["ackers"]), attached),)
            case "ensure_semi_sync":
                return (call("ensure_semi_sync", term, version, issue, given["acks"]),)
            case "declare_gtids":
                singles = transactions(self.labels.held(given["gtids"]))
                return (call("declare_gtids", term, ",".join(f"{uuid}:{number}" for uuid, _, number in singles)),)
            case "provision":
                return self._provisions(term)
            case "journal":
                return (call("journal", term, step.member, "test"),)
            case "beat":
                return (call("beat", term, given["beat"], 3600),)
            case "fence":
                return (call("fence", term, version, issue),)
            case name:
                return (call(name, term),)

    def _call(self, member: str, user: str, statement: str) -> Call:
        real = self.names[member]
        one = Call(lambda: self.shard.connect(real, user), statement)
        self.calls[f"call {len(self.calls)}"] = one
        return one

    def _wait(self, member: str, one: Call) -> str:
        """What came of it: an answer, or that it is seen to wait for an acknowledgement."""

        looks = 0

        def settled() -> bool:
            nonlocal looks
            if one.ended.wait(0.1):
                return True
            looks = looks + 1 if self._waits(member, one) else 0
            return looks > LOOKS

        self.expect(f"an answer on {member}", settled)
        return one.said or WAITS

    def _waits(self, member: str, one: Call) -> bool:
        """Whether it waits, for an acknowledgement or behind somebody who does."""
        found = self.engine(
            member,
            f"SELECT processlist_state AS state FROM performance_schema.threads WHERE processlist_id = {one.session}",
        )
        return bool(found) and found[0]["state"] in WAITING

    def write(self, step: Write) -> str:
        uuid = self.uuids[step.member]
        known = NOTHING
        with suppress(pymysql.OperationalError):  # it may be down
            known = self.look(step.member).executed
        for gtids in self.labels.writes.values():
            known = known.union(gtids.only_uuids([uuid]))
        one = self._insert(step.member)
        self.calls[step.label] = one
        said = self._wait(step.member, one)
        if said in {OK, WAITS}:
            self.labels.writes[step.label] = GtidSet.span(uuid, known.last(uuid, "") + 1)
        return said

    def _insert(self, member: str) -> Call:
        self.rows += 1
        return self._call(member, "app", f"INSERT INTO commerce.t VALUES ({int(time.time()) % 100000}{self.rows:04})")

    def heard(self, label: str) -> str:
        return self.calls[label].said or WAITS

    def happens(self, step: Event) -> None:
        self._befall(step.name, *step.members)

    def _befall(self, name: str, *members: str) -> None:
        member = members[0]
        real = self.names[member]
        match name:
            case "is killed":
                self.shard.kill_for_good(real)
                self._until_ended(real)
            case "gets SIGTERM":
                self.shard.home.stop_mark(real).touch(mode=0o600)
                assert mysqld.terminate(self.shard.process(real))
                self._until_ended(real)
            case "starts":
                self.shard.start(real)
            case "is taken offline":
                self.engine(member, "SET GLOBAL offline_mode = ON")
            case "hangs":
                self.shard.hang(real)
            case "goes on":
                self.shard.resume(real)
            case "are cut off":
                self._cut(members)
            case "can talk":
                for one, other in permutations(members, 2):
                    self.shard.wait(self.links[one, other].heal())
            case "gives its source up":
                self.expect(f"{member} to give up", lambda: self._receiver(member) == "CONNECTING")
            case "applies nothing":
                locker = self.lockers[member] = self.shard.connect(real)
                locker.cursor().execute("LOCK TABLES commerce.t READ")
            case "applies":
                self.lockers.pop(member).close()
            case "is written to by other means":
                self._write_errant(member)
            case "loses its lease":
                self.call(member, "watch", self.look(member).opened, 0)
            case "has its sessions ended":
                self._end_sessions(member)
            case "is cloned":
                self._clone(member)
            case "is killed halfway through its clone":
                self._break_clone(member)
            case _:
                raise AssertionError(f"no such event: {name}")

    def _until_ended(self, real: str) -> None:
        assert self.shard.wait(mysqld.wait_until_ended(self.shard.process(real), LIMIT))

    def _cut(self, members: tuple[str, ...]) -> None:
        for one, other in permutations(members, 2):
            self.shard.wait(self.links[one, other].cut())

    def _receiver(self, member: str) -> str:
        channel = self.look(member).channel
        return channel.receiver if channel else ""

    def _write_errant(self, member: str) -> None:
        uuid = self.uuids[member]
        number = self.look(member).executed.last(uuid, "") + 1
        self.engine(member, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
        assert self._wait(member, self._insert(member)) == OK
        self.engine(member, "SET GLOBAL super_read_only = ON")
        self.labels.writes[f"errant {member}"] = GtidSet.span(uuid, number)

    def _end_sessions(self, member: str) -> None:
        for one in self.engine(
            member, "SELECT processlist_id AS id FROM performance_schema.threads WHERE processlist_user = 'app'"
        ):
            self.engine(member, f"KILL {one['id']}")

    def _clone(self, member: str) -> None:
        before = self.shard.process(self.names[member])
        one = self._begin_clone(member)
        assert one.ended.wait(LIMIT * 3)
        if one.said == "3707":
            self.expect(f"{member} to start again", lambda: self.shard.runs_anew(self.names[member], before))
            self.expect(f"{member} to answer", lambda: self.look(member))

    def _begin_clone(self, member: str) -> Call:
        donor = str(self.engine(member, "SELECT @@clone_valid_donor_list AS donor")[0]["donor"] or f"{HOST}:1")
        host, _, port = donor.rpartition(":")
        password = self.shard.secret["clone"]
        statement = f"CLONE INSTANCE FROM '{CLONE}'@'{host}':{port} IDENTIFIED BY '{password}' REQUIRE SSL"
        return Call(lambda: self.shard.connect(self.names[member], TOPOLOGY), statement)

    def _break_clone(self, member: str) -> None:
        """Once what it had is dropped, and while the donor's data comes slowly."""
        slowly = ("SET GLOBAL clone_autotune_concurrency = OFF", "SET GLOBAL clone_max_data_bandwidth = 1")
        self.engine(member, *slowly)
        self._begin_clone(member)
        copying = "SELECT 1 FROM performance_schema.clone_progress WHERE stage = 'FILE COPY' AND data > 1000000"
        self.expect(f"{member} to copy", lambda: self.engine(member, copying))
        self._befall("is killed", member)
