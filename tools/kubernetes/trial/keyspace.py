"""The keyspace of a trial, as kubectl shows it: its shards, who reigns, what its pods are."""

import json
from dataclasses import dataclass

import yaml

from tools.kubernetes.trial.stage import LIMIT, RELEASE, ROOT, Object, Stage, TrialError

NAME = "commerce"
USER = "ledger"


def install(stage: Stage) -> None:
    """The chart, as the documentation installs it; definitions belong to one release of a cluster, the first one."""
    there = stage.kubectl("get", "crd", "keyspaces.flyball.dev", "--ignore-not-found", "-o", "name")
    repository, _, tag = stage.flyball_image.rpartition(":")
    values = ("--set", f"image.repository={repository}", "--set", f"image.tag={tag}")
    definitions = ("--set", "crds.install=false") if there else ()
    stage.helm("install", RELEASE, str(ROOT / "charts/flyball"), *values, *definitions, "--wait=false")


def apply(stage: Stage) -> None:
    """``examples/commerce.yaml``, with the images that the cluster has and an account for the ledger."""
    document = yaml.safe_load((ROOT / "examples/commerce.yaml").read_text(encoding="utf-8"))
    document["spec"]["mysql"]["image"] = stage.mysql_image
    document["spec"]["users"].append({"name": USER, "ddl": True})
    stage.kubectl("apply", "-f", "-", given=yaml.safe_dump(document))


def wait_until_ready(stage: Stage, limit: float = LIMIT) -> None:
    """Wait as a person does."""
    try:
        stage.kubectl("wait", "--for=condition=Ready", f"keyspace/{NAME}", f"--timeout={limit:.0f}s", limit=limit + 30)
    except TrialError as error:
        raise TrialError(f"{error}\n{stage.describe()}") from error


@dataclass(frozen=True, slots=True)
class Pod:
    """A member's pod."""

    name: str
    uid: str
    node: str
    ip: str
    role: str
    ready: bool
    restarts: int


def shards(stage: Stage) -> list[Object]:
    """The Shard records, in the order of their names."""
    found: list[Object] = stage.get("shards")["items"]
    return found


def reign(stage: Stage, shard: str) -> tuple[int, str]:
    """The term and the primary of a shard."""
    found = stage.get("shard", shard)["status"]["reign"]
    return found["term"], found["primary"]


def pods(stage: Stage) -> dict[str, Pod]:
    """The members' pods, by name."""
    return {pod.name: pod for pod in map(_pod, stage.get("pods", "-l", "flyball.dev/member")["items"])}


def condition(stage: Stage, kind: str) -> Object:
    """A condition of the keyspace; empty where it is not told."""
    told = stage.get("keyspace", NAME).get("status", {}).get("conditions", [])
    found: Object = next((each for each in told if each["type"] == kind), {})
    return found


def is_whole(stage: Stage) -> bool:
    """Whether everything is as declared, and the status speaks of the latest declaration."""
    keyspace = stage.get("keyspace", NAME)
    status = keyspace.get("status", {})
    said = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return (
        status.get("observedGeneration") == keyspace["metadata"]["generation"]
        and said.get("Ready") == "True"
        and said.get("Following") == "True"
    )


def change(stage: Stage, spec: Object) -> None:
    """Edit the keyspace, as ``kubectl edit`` would."""
    stage.kubectl("patch", "keyspace", NAME, "--type", "merge", "--patch", json.dumps({"spec": spec}))


def restarts(stage: Stage) -> int:
    """How often a container of the release was started again."""
    found = stage.get("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    return sum(each["restartCount"] for pod in found for each in pod.get("status", {}).get("containerStatuses", []))


def _pod(pod: Object) -> Pod:
    status = pod.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return Pod(
        pod["metadata"]["name"],
        pod["metadata"]["uid"],
        pod["spec"].get("nodeName", ""),
        status.get("podIP", ""),
        pod["metadata"]["labels"].get("flyball.dev/role", ""),
        conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"],
        sum(each["restartCount"] for each in status.get("containerStatuses", [])),
    )
