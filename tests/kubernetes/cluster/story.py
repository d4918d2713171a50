"""What the chapters share: who reigns where, who leads, and whether the ledgers are whole."""

import time
from collections.abc import Iterable
from contextlib import suppress

from tools.kubernetes.trial import application, faults, keyspace
from tools.kubernetes.trial.stage import RELEASE, Stage, TrialError

SHARDS = ("commerce-80-x", "commerce-x-80")


class Story:
    """A keyspace with its application, as the chapters change it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.figures: dict[str, float] = {}
        """Seconds, by what took them; told at the end, and asserted nowhere."""

    # --- as things stand ----------------------------------------------------------------------------------

    def primary(self, shard: str) -> str:
        return keyspace.reign(self.stage, shard)[1]

    def term(self, shard: str) -> int:
        return keyspace.reign(self.stage, shard)[0]

    def pods(self) -> dict[str, keyspace.Pod]:
        return keyspace.pods(self.stage)

    def uids(self) -> dict[str, str]:
        return {name: pod.uid for name, pod in self.pods().items()}

    def other_nodes(self) -> list[str]:
        """Those that may be harmed."""
        names = [node["metadata"]["name"] for node in self.stage.get("nodes")["items"]]
        return [name for name in names if name != self.stage.anchor]

    def leader_node_but_the_anchor(self, component: str) -> str:
        """The node of the leader, which is made to lead elsewhere than where the API server is; a standby is there."""
        if self.leader_node(component) == self.stage.anchor:
            holder = self.stage.get("lease", component)["spec"]["holderIdentity"].partition("/")[0]
            faults.delete_pod(self.stage, holder, force=True)
            self.stage.until(
                f"another {component} leads", lambda: self.leader_node(component) not in {"", self.stage.anchor}
            )
            self.stage.kubectl("rollout", "status", f"deployment/{RELEASE}-{component}", "--timeout=300s", limit=330.0)
        return self.leader_node(component)

    def leader_node(self, component: str) -> str:
        holder = self.stage.get("lease", component)["spec"].get("holderIdentity", "").partition("/")[0]
        pods = {pod["metadata"]["name"]: pod for pod in self.stage.get("pods")["items"]}
        return pods[holder]["spec"].get("nodeName", "") if holder in pods else ""

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

    def note_pause(self, name: str, shard: str, began: float) -> None:
        """Note the longest time between two acknowledged writes around a fault; call it when writes go on."""
        self.until_writing([shard])
        ledger = application.read(self.stage, shard)
        self.figures[name] = round(ledger.gap(began - 0.5, time.monotonic()), 2)

    # --- what is done -------------------------------------------------------------------------------------

    def switch_to(self, shard: str, member: str) -> None:
        """A switchover, unless it reigns already; one that a busy machine made undo itself is asked for again."""

        def reigns() -> bool:
            if self.primary(shard) != member:
                with suppress(TrialError):
                    self.stage.flyball("switchover", f"{keyspace.NAME}/{shard}", "--to", member)
            return self.primary(shard) == member

        self.stage.until(f"{member} reigns", reigns)

    def member_on(self, shard: str, node: str) -> str:
        return next(name for name, pod in self.pods().items() if name.startswith(shard) and pod.node == node)

    def kill_the_controllers(self) -> None:
        faults.kill_components(self.stage, "operator", "topology")
