"""The bench of transitions over the model: three simulated servers, and the network between them."""

from collections.abc import Callable

from flyball.errors import MemberError
from flyball.gtid import NOTHING
from flyball.member.accounts import replica_account
from flyball_topology.view import Snapshot
from tests.simulation.server import Commit, Payload, Server
from tests.simulation.transitions import LOST, MEMBERS, OK, REIGN, WAITS, Act, Event, Given, Labels, Write, note
from tests.unit.topology.world import World, uuid_of


class ModelBench:
    """A world without a topology service: what is done to its servers, the table does."""

    def begin(self, given: Given) -> None:
        payloads: dict[tuple[str, str, int], Payload] = {}
        servers = {name: Server(name, uuid_of(n), name, 3306, payloads) for n, name in enumerate(MEMBERS, 1)}
        self.world = World(servers)
        names = {key: s.name for s in servers.values() for key in (s.uuid, replica_account(s.name), f"{s.host}:3306")}
        self.labels = Labels(names)
        self._commits: dict[str, Commit] = {}
        self._refused: dict[str, str] = {}
        if given is Given.REIGNING:
            first = servers["a"]
            first.establish(REIGN)
            first.provision(REIGN, MEMBERS, ("app",), "commerce")
            first.promote(REIGN, NOTHING, 1, ("b", "c"))
            for name in ("b", "c"):
                servers[name].follow(REIGN, "a", 3306, acks=True)
            first.write_journal(REIGN)
            self.world.settle()

    def act(self, step: Act) -> str:
        self.world.settle()
        try:
            waited = self._do(self.world[step.member], step)
        except MemberError as error:
            return error.message.split()[0]
        self.world.settle()
        return OK if all(commit.done for commit in waited) else WAITS

    def _do(self, server: Server, step: Act) -> list[Commit]:
        given, term, version = step.given, step.term, step.given.get("version", 0)
        issue = given.get("issue", "")
        attached = note(given["note"]) if "note" in given else None
        match step.name:
            case "follow":
                source = self.world[given["source"]]
                server.follow(term, source.host, source.port, given.get("acks", True), version, issue, attached)
            case "promote":
                holds = self.labels.held(given.get("holds", ()))
                server.promote(term, holds, given.get("acks", 1), given.get("ackers", ()), version, issue, attached)
            case "arm_clone":
                server.arm_clone(term, given["donor"], version, issue)
            case "admit":
                server.admit(term, given["ackers"], version, issue, attached)
            case "ensure_semi_sync":
                server.ensure_semi_sync(term, given["acks"], version, issue)
            case "declare_gtids":
                return server.declare(term, self.labels.held(given["gtids"]))
            case "provision":
                return server.provision(term, MEMBERS, ("app",), "commerce")
            case "journal":
                commit = server.write_journal(term)
                return [commit] if commit else []
            case "beat":
                return [server.write_beat(term, given["beat"])]
            case "catch_up":
                server.catch_up(term, version, issue, attached)
            case "fence":
                server.fence(term, version, issue)
            case name:
                getattr(server, name)(term)
        return []

    def write(self, step: Write) -> str:
        self.world.settle()
        server = self.world[step.member]
        refusal = server.refusal
        if refusal:
            self._refused[step.label] = str(refusal)
        else:
            commit = self._commits[step.label] = server.write(Payload("row", step.label), client=True)
            self.labels.writes[step.label] = commit.gtid
            self.world.settle()
        return self.heard(step.label)

    def heard(self, label: str) -> str:
        if label in self._refused:
            return self._refused[label]
        commit = self._commits[label]
        if not commit.client:
            return LOST
        return OK if commit.done else WAITS

    def happens(self, step: Event) -> None:
        self.world.settle()
        self._befall(step.name, *step.members)
        self.world.settle()

    def _befall(self, name: str, *members: str) -> None:
        server = self.world[members[0]]
        match name:
            case "is killed":
                self._crash(server)
            case "starts":
                self.world.start(server.name)
            case "gets SIGTERM":
                server.terminate()
                self._crash(server)
            case "is taken offline":
                server.take_offline()
            case "hangs":
                server.stalled = True
            case "goes on":
                server.stalled = False
            case "are cut off":
                self.world.cut.add(frozenset(members))
            case "can talk":
                self.world.cut.discard(frozenset(members))
            case "gives its source up":
                self.world.give_up(server.name)
            case "applies nothing":
                self.world.slow.add(server.name)
                server.busy = True
            case "applies":
                self.world.slow.discard(server.name)
                server.busy = False
            case "is written to by other means":
                commit = server.write(Payload("row"))
                self.labels.writes[f"errant {server.name}"] = commit.gtid
            case "loses its lease":
                server.pulse()
                self.world.settle()
                server.guard()
            case "has its sessions ended":
                server.end_sessions()
            case "is cloned":
                server.begin_clone()
                self.world.finish_clones()
            case "is killed halfway through its clone":
                server.begin_clone()
                server.lose_data()
                self._crash(server)
            case _:
                raise AssertionError(f"no such event: {name}")

    def _crash(self, server: Server) -> None:
        self.world.kill(server.name)
        self.world.slow.discard(server.name)

    def look(self, member: str) -> Snapshot:
        return self.world[member].probe()

    def until(self, what: Callable[[], str]) -> str:
        self.world.settle()
        return what()
