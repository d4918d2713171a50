"""What flyball itself takes while nothing happens: ``make bench NAME=idle``, two shards of three members.

After a settling time the processes are left alone for DURATION seconds (60): resident memory and share of one core of
the topology service, of the local engine and, for comparison, of the six MySQL servers together (from /proc).
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import rig as rigs
from report import leave, load

from flyball_local import background, engine_state, mysqld, topology_process
from flyball_local.home import Home

SETTLE = 15.0
TICKS = os.sysconf("SC_CLK_TCK")


def processes(home: Home) -> dict[str, list[int]]:
    """The process ids, by what they are."""
    engine, topology = engine_state.running_engine(home), background.read(topology_process.state_file(home))
    members = [mysqld.read_state(directory) for directory in home.members.glob("*/")]
    if engine is None or topology is None:
        raise RuntimeError("the engine or the topology service does not run")
    return {
        "topology": [topology.pid],
        "engine": [engine.pid],
        "mysqld": [member.pid for member in members if member is not None],
    }


def cpu_seconds(pids: list[int]) -> float:
    """Processor time so far (proc(5): utime and stime are the 14th and 15th field of stat)."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / TICKS


def _stat(pid: int) -> list[str]:
    """The fields behind the command's name, the 3rd and later."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def rss_mb(pids: list[int]) -> float:
    """Resident memory in MB (10**6 bytes)."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(seconds: float) -> None:
    """Measure, and leave the result."""
    before = load()
    async with rigs.rig(shards=2, replicas=3) as rig:
        await asyncio.sleep(SETTLE)
        known = processes(rig.home)
        rigs.say(f"nothing happens for {seconds:g} s")
        used = {name: cpu_seconds(pids) for name, pids in known.items()}
        await asyncio.sleep(seconds)
        figures: dict[str, object] = {"seconds": seconds, "shards": 2, "members": 6}
        figures |= {name: _taken(pids, used[name], seconds) for name, pids in known.items()}
        if processes(rig.home) != known:
            raise RuntimeError("a process was started anew meanwhile; nothing can be said")
        leave("idle", figures, mysql=rig.mysql, load_before=before)


def _taken(pids: list[int], used: float, seconds: float) -> Mapping[str, float]:
    share = 100 * (cpu_seconds(pids) - used) / seconds
    return {"rss_mb": round(rss_mb(pids), 1), "cpu_percent": round(share, 2)}


if __name__ == "__main__":
    try:
        asyncio.run(measure(float(os.environ.get("DURATION", "60"))))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
