"""The application of a trial: a pod that writes through the shards' Services, and its ledgers.

It runs on the node that stays, and takes the Services' addresses from its own hosts file: neither is what a trial is
about. Moments are of its machine's monotonic clock; where that is another machine, only lengths mean something.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from flyball_local.trial.ledger import Ledger
from tools.kubernetes.trial.keyspace import NAME, USER, shards
from tools.kubernetes.trial.stage import Stage

POD = "application"
PYTHON = "/opt/flyball/bin/python"
SCRIPT = "/program/writer.py"


def start(stage: Stage) -> None:
    """Begin to write; every shard has the table afterwards."""
    names = [shard["metadata"]["name"] for shard in shards(stage)]
    program = Path(__file__).with_name("writer.py")
    metadata, data = {"name": POD}, {program.name: program.read_text(encoding="utf-8")}
    configuration = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    stage.kubectl("apply", "-f", "-", given=yaml.safe_dump(configuration))
    hosts = {f"{name}-primary": stage.get("service", f"{name}-primary")["spec"]["clusterIP"] for name in names}
    stage.kubectl("apply", "-f", "-", given=yaml.safe_dump(_pod(stage, names, hosts)))
    stage.kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=300s")
    stage.until("every shard takes writes", lambda: all(read(stage, name).acknowledged for name in names))


def stop(stage: Stage) -> None:
    """End it; its ledgers go with it."""
    stage.kubectl("delete", "pod", POD)


def read(stage: Stage, shard: str) -> Ledger:
    """What the application was told so far."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, shard)
        command = f"cat /ledgers/{shard} 2>/dev/null || true"
        copy.write_text(stage.kubectl("exec", POD, "--", "/bin/sh", "-c", command), encoding="utf-8")
        return Ledger.read(copy)


def there(stage: Stage, shard: str) -> list[int]:
    """The numbers that are in the shard, through its Service."""
    told = stage.kubectl("exec", POD, "--", PYTHON, SCRIPT, "read", NAME, f"{shard}-primary")
    return [int(line) for line in told.split()]


def wait_for_writes(stage: Stage, names: Iterable[str], since: float) -> None:
    """Wait until each shard acknowledged a write that began after ``since``."""
    for name in names:

        def writes(name: str = name) -> bool:
            entries = read(stage, name).entries
            return any(entry.told == "ack" and entry.sent > since for entry in entries[-200:])

        stage.until(f"{name} takes writes", writes)


def _pod(stage: Stage, names: Iterable[str], hosts: dict[str, str]) -> dict[str, object]:
    pairs = [f"{name}={name}-primary" for name in names]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD},
        "spec": {
            "nodeName": stage.anchor,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "hostAliases": [{"ip": address, "hostnames": [host]} for host, address in hosts.items()],
            "containers": [
                {
                    "name": POD,
                    "image": stage.flyball_image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": [PYTHON, SCRIPT, "write", NAME, *pairs],
                    "volumeMounts": [
                        {"name": "program", "mountPath": "/program"},
                        {"name": "secret", "mountPath": "/secret"},
                        {"name": "ledgers", "mountPath": "/ledgers"},
                    ],
                }
            ],
            "volumes": [
                {"name": "program", "configMap": {"name": POD}},
                {"name": "secret", "secret": {"secretName": f"{NAME}-user-{USER}"}},
                {"name": "ledgers", "emptyDir": {}},
            ],
        },
    }
