"""A fleet as a process, told what to do on stdin: ``python -m tests.simulation.fleet HOME --shards 1000 --port 23306``.

One JSON object a line comes in, one goes out: ``{"take": 300, "how": "kill"}``, ``{"restore": true}``,
``{"gaps": true}``, ``{"state": true}``. It ends when stdin does.
"""

import argparse
import asyncio
import json
import resource
import sys
from pathlib import Path

from flyball_topology import heap
from tests.simulation.fleet.fleet import Fleet, Home


async def serve(home: Home, shards: int, port: int, *, reigning: bool) -> None:
    """Serve until stdin ends."""
    fleet = Fleet(home, shards, port)
    await fleet.declare(reigning=reigning)
    await fleet.listen()
    _say({"listening": shards * 3})
    still = asyncio.create_task(heap.keep_still())  # a full collection would be measured as a pause of the service
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _say(await _do(fleet, json.loads(line)))
    still.cancel()


async def _do(fleet: Fleet, order: dict[str, object]) -> dict[str, object]:
    if "take" in order:
        return {"taken": fleet.take(int(str(order["take"])), str(order.get("how", "kill")))}
    if "restore" in order:
        await fleet.restore()
        return {"restored": True}
    if "gaps" in order:
        return {"gaps": fleet.gaps()}
    return {"serving": fleet.serving(), "whole": fleet.whole(), "watched": fleet.watched(), "took": fleet.took()}


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--reigning", action="store_true", help="the shards have reigned for a while")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(serve(Home(asked.home), asked.shards, asked.port, reigning=asked.reigning))


if __name__ == "__main__":
    main()
