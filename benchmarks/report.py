"""What a benchmark leaves: one JSON object as the last line on stdout, and a file with every round and the machine.

The machine is described without its name: cores, memory, kernel, Python, MySQL, and how busy it was before.
"""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """Least, median and most."""
    found = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def machine(mysql: str) -> dict[str, object]:
    """The machine that it ran on."""
    memory = _first_number(Path("/proc/meminfo"), "MemTotal:") / 1024**2
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _text_after(Path("/proc/cpuinfo"), "model name"),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mysql": mysql,
    }


def load() -> float:
    """How many processes wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 2)


def leave(name: str, figures: Mapping[str, object], *, mysql: str, load_before: float, **details: object) -> None:
    """Write the results file, then the last line."""
    today = datetime.now(UTC).date().isoformat()
    document = {
        "benchmark": name,
        "date": today,
        "machine": machine(mysql),
        "load_before": load_before,
        "figures": figures,
        **details,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}-{today}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures), flush=True)


def _first_number(file: Path, label: str) -> int:
    """The number behind a label in a file of /proc, in KiB mostly."""
    return int(_line(file, label).split()[1])


def _text_after(file: Path, label: str) -> str:
    return _line(file, label).partition(":")[2].strip()


def _line(file: Path, label: str) -> str:
    return next((line for line in file.read_text().splitlines() if line.startswith(label)), f"{label}: 0")
