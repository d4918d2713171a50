"""What the chapters share: who reigns where, who leads, and whether the ledgers are whole."""

import time
from collections.abc import Iterable

from tools.kubernetes.trial import application, faults, keyspace
from tools.kubernetes.trial.stage import Stage

SHARDS = ("commerce-80-x", "commerce-x-80")


class Story:
    """A keyspace with its application, as the chapters change it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    # --- as things stand ----------------------------------------------------------------------------------

    def primary(self, shard: str) -> str:
        return keyspace.reign(self.stage, shard)[1]

    def term(self, shard: str) -> int:
        return keyspace.reign(self.stage, shard)[0]

    def pods(self) -> dict[str, keyspace.Pod]:
        return keyspace.pods(self.stage)

    def uids(self) -> dict[str, str]:
        return {name: pod.uid for name, pod in self.pods().items()}

    def leader_node(self, component: str) -> str:
        holder = self.stage.get("lease", component)["spec"].get("holderIdentity", "").partition("/")[0]
        return self.stage.get("pod", holder)["spec"]["nodeName"] if holder else ""

    def variable(self, member: str, name: str) -> str:
        query = f"SELECT @@GLOBAL.{name}"
        login = ("--defaults-file=/etc/flyball/start/engine.cnf", "--socket=/run/mysqld/mysqld.sock")
        words = ("mysql", *login, "--batch", "--skip-column-names", "-e", query)
        return self.stage.kubectl("exec", member, "-c", "mysqld", "--", *words).strip()

    # --- what is waited for -------------------------------------------------------------------------------

    def until_whole(self) -> None:
        self.stage.until("everything is as declared", lambda: keyspace.is_whole(self.stage), 900.0)

    def until_another_reigns(self, shard: str, term: int) -> None:
        self.stage.until(f"{shard} has another primary", lambda: self.term(shard) > term)

    def until_writing(self, shards: Iterable[str] = SHARDS) -> None:
        application.wait_for_writes(self.stage, shards, time.monotonic())

    def check_ledgers(self) -> None:
        """Every acknowledged write is there, and nothing that the application was told to have failed."""
        self.until_writing()
        for shard in SHARDS:
            ledger = application.read(self.stage, shard)
            there = application.there(self.stage, shard)
            assert ledger.acknowledged
            assert ledger.lost(there) == (), f"acknowledged and lost in {shard}"
            first, last = ledger.entries[0].number, ledger.entries[-1].number
            assert ledger.invented([number for number in there if first <= number <= last]) == (), shard

    # --- what is done -------------------------------------------------------------------------------------

    def switch_to(self, shard: str, member: str) -> None:
        """A switchover, unless it reigns already."""
        if self.primary(shard) != member:
            self.stage.flyball("switchover", f"{keyspace.NAME}/{shard}", "--to", member)

    def member_on(self, shard: str, node: str) -> str:
        return next(name for name, pod in self.pods().items() if name.startswith(shard) and pod.node == node)

    def change(self, spec: dict[str, object]) -> None:
        keyspace.change(self.stage, spec)

    def kill_the_controllers(self) -> None:
        faults.kill_components(self.stage, "operator", "topology")
