"""Chaos on real servers for some minutes; the last line is one JSON object. Needs root, for network namespaces.

What happens is told as JSON lines on stderr, so that a run can be read afterwards; the schedule follows from the seed.
"""

import argparse
import asyncio
import json
import os
import sys
import time

import rig as rigs
from report import leave, load

from flyball_local.chaos.run import details, run
from flyball_local.mysql_install import find_mysql
from flyball_local.trial.network import unavailable


def main() -> int:
    """Run it; 1 when a write is lost, or a shard needs a hand."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--shards", type=int, default=2)
    given = parser.parse_args()
    if reason := unavailable():
        rigs.say(f"chaos needs a network of its own: {reason}")
        return 2
    mysql, before, began = find_mysql(report=rigs.say), load(), time.monotonic()

    def say(event: dict[str, object]) -> None:
        print(json.dumps({"s": round(time.monotonic() - began, 2), **event}), file=sys.stderr, flush=True)

    result = asyncio.run(run(given.seed, given.minutes * 60, given.shards, say))
    version = ".".join(map(str, mysql.version))
    settings = {"minutes": given.minutes, "shards": given.shards}
    leave("chaos", {**settings, **result.figures()}, mysql=version, load_before=before, **details(result))
    return 0 if result.is_good() else 1


if __name__ == "__main__":
    sys.exit(main())
