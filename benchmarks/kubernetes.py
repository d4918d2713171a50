"""What an application sees of faults on a real cluster, through the shards' Services. ``make bench NAME=kubernetes``.

Each round waits until everything is as declared, strikes a shard's primary, and measures the longest time between two
acknowledged writes around it. The first figure is the time from ``helm install`` to a Keyspace that is ready, with the
images on the nodes. The cluster is that of ``make cluster``, or one made for this; ``ARGS="--rounds 3"`` takes fewer.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "local")]

from report import leave, load, spread  # noqa: E402

from tools.kubernetes.build import Unavailable  # noqa: E402
from tools.kubernetes.trial import application, faults, keyspace  # noqa: E402
from tools.kubernetes.trial.stage import Stage, stage  # noqa: E402

ANY = 0.5
"""Seconds before a fault in which a pause may begin that belongs to it: the command takes a while to be there."""
Fault = Callable[[Stage, str], Iterator[float]]


def switched(place: Stage, shard: str) -> Iterator[float]:
    """A switchover that a person asks for."""
    began = time.monotonic()
    place.flyball("switchover", f"{keyspace.NAME}/{shard}")
    yield began


def killed(place: Stage, shard: str) -> Iterator[float]:
    """The primary's mysqld is killed."""
    yield faults.kill_mysqld(place, keyspace.reign(place, shard)[1])


def deleted(place: Stage, shard: str) -> Iterator[float]:
    """The primary's pod is deleted."""
    yield faults.delete_pod(place, keyspace.reign(place, shard)[1])


def forced(place: Stage, shard: str) -> Iterator[float]:
    """The primary's pod is deleted by force."""
    yield faults.delete_pod(place, keyspace.reign(place, shard)[1], force=True)


def cut(place: Stage, shard: str) -> Iterator[float]:
    """The primary's node loses its link; it gets it back when another primary takes writes."""
    node = keyspace.pods(place)[keyspace.reign(place, shard)[1]].node
    if node == place.anchor:
        other = next(pod for pod in keyspace.pods(place).values() if pod.name.startswith(shard) and pod.node != node)
        place.flyball("switchover", f"{keyspace.NAME}/{shard}", "--to", other.name)
        place.until("everything is as declared", lambda: keyspace.is_whole(place))
        node = other.node
    with faults.cut_off(place, node) as began:
        yield began


FAULTS: dict[str, Fault] = {"switchover": switched, "kill": killed, "delete": deleted, "force": forced, "cut": cut}


def measured(place: Stage, shard: str, fault: Fault) -> float:
    """The pause of writes that one fault makes, in seconds."""
    place.until("everything is as declared", lambda: keyspace.is_whole(place), 900.0)
    term = keyspace.reign(place, shard)[0]
    with contextmanager(fault)(place, shard) as began:
        place.until(f"{shard} has another primary", lambda: keyspace.reign(place, shard)[0] > term)
        application.wait_for_writes(place, [shard], time.monotonic())
        return application.read(place, shard).gap(began - ANY, time.monotonic())


def lost(place: Stage) -> int:
    """How many acknowledged writes are not there."""
    names = [shard["metadata"]["name"] for shard in keyspace.shards(place)]
    application.wait_for_writes(place, names, time.monotonic())
    ledgers = {name: application.read(place, name) for name in names}
    return sum(len(ledger.lost(application.there(place, name))) for name, ledger in ledgers.items())


def run(rounds: int, wanted: list[str]) -> None:
    """Measure, and leave the figures."""
    before = load()
    with stage("flyball-bench") as place:
        began = time.monotonic()
        keyspace.install(place)
        keyspace.apply(place)
        keyspace.wait_until_ready(place)
        ready = round(time.monotonic() - began, 1)
        print(f"ready after {ready} s", file=sys.stderr, flush=True)
        application.start(place)
        shards = [shard["metadata"]["name"] for shard in keyspace.shards(place)]
        pauses: dict[str, list[float]] = {}
        for name in wanted:
            for number in range(rounds):
                pause = measured(place, shards[number % len(shards)], FAULTS[name])
                pauses.setdefault(name, []).append(round(pause, 3))
                print(f"{name}: {pause:.2f} s", file=sys.stderr, flush=True)
        place.until("everything is as declared", lambda: keyspace.is_whole(place), 900.0)
        figures = {"ready_s": ready, **{f"{name}_s": spread(each, 2) for name, each in pauses.items()}}
        figures |= {"lost": lost(place), "rounds": rounds}
        mysql = place.mysql_image.rpartition(":")[2]
        leave("kubernetes", figures, mysql=mysql, load_before=before, load_after=load(), pauses_s=pauses)


def main() -> int:
    """Run it; 1 and the reason where there is no cluster."""
    parser = argparse.ArgumentParser(prog="kubernetes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=[*FAULTS])
    given = parser.parse_args()
    try:
        run(given.rounds, given.only)
    except Unavailable as reason:
        print(f"flyball: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
