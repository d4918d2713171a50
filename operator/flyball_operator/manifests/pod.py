"""A member's pod: one mysqld on one volume, started closed, stopped in order, and given no more rights than that.

The first process is ``scripts/member.sh``: it makes the data directory in an init container, runs mysqld, and takes
its clients off before it ends (rule 1). There is no agent beside mysqld, and no program of ours in its image.

Probes: readiness is an open port, which mysqld opens once it has run its init file. There is no liveness probe: the
container lives as long as its process does, and a recovery may take as long as it must.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from flyball.expand import DesiredShard
from flyball.leaving import ordinal
from flyball.member.options import Place, check_config, member_options
from flyball.records import Keyspace
from flyball.records.placing import PlacementSpec
from flyball_operator import naming
from flyball_operator.manifests.digest import digest
from flyball_operator.objects import Object

GRACE = 120
"""Seconds that a pod has to end in: to cut its clients off, and to shut down. After that it is killed: that is safe."""

USER = 999
"""The user ``mysql`` of the public image."""

ACCOUNTS = 4
"""Application accounts that a member has room for in any case."""

CONTAINER = "mysqld"

_GIVEN = PurePosixPath("/etc/flyball")
_VOLUME = PurePosixPath("/var/lib/mysql")
_RUN = PurePosixPath("/run/mysqld")


@dataclass(frozen=True, slots=True)
class Made:
    """What a pod is made of that is not in the keyspace's record.

    :param claim: the volume claim with its data.
    :param program: the ConfigMap with the members' program.
    """

    claim: str
    program: str


def wishes(keyspace: Keyspace) -> str:
    """The digest of what a user can ask of a running member that only another pod can give.

    What is left at its default is no part of it: a field or a default of another version of the operator asks for no
    other pod by itself. A pod gets those whenever it is made anew.
    """
    spec, accounts = keyspace.spec, _accounts(keyspace)
    asked = {
        "image": spec.mysql.model_dump(mode="json", by_alias=True, exclude_defaults=True).get("image"),
        "config": check_config(spec.mysql.config),
        "resources": spec.mysql.resources.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "placement": spec.placement.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "accounts": accounts if accounts > ACCOUNTS else None,
    }
    return digest({name: value for name, value in asked.items() if value})


def pod(keyspace: Keyspace, shard: DesiredShard, member: str, zone: str, made: Made) -> Object:
    """The pod of a member.

    :param zone: the zone that it must run in; empty for any.
    :raises InputError: INVALID_RECORD when the keyspace's ``config`` names an option that is flyball's own.
    """
    placement = keyspace.spec.placement
    labels = naming.member_labels(keyspace.name, shard.name, member)
    annotations = {naming.WISHES: wishes(keyspace), naming.OWNER_UID: keyspace.metadata.uid}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": member,
            "labels": {**placement.labels, **labels, naming.ROLE: naming.NO_ROLE},
            "annotations": {**placement.annotations, **annotations},
        },
        "spec": {
            "initContainers": [_prepare(keyspace)],
            "containers": [_mysqld(keyspace, shard, member)],
            "volumes": _volumes(keyspace, member, made),
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": GRACE,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **_where(placement, shard.name, zone),
        },
    }


def options(keyspace: Keyspace, shard: DesiredShard, member: str) -> tuple[str, ...]:
    """The options of a member's mysqld. None of them is a secret: they stand in its pod's description."""
    place = Place(
        server_id=naming.server_id(shard.name, ordinal(member)),
        host=member,
        port=naming.PORT,
        listen="*",
        data=_VOLUME / "data",
        socket=_RUN / "mysqld.sock",
        pid_file=_RUN / "mysqld.pid",
        error_log=PurePosixPath("stderr"),
        init_file=_GIVEN / "start" / "init.sql",
        ca=_GIVEN / "tls" / "ca.crt",
        certificate=_GIVEN / "tls" / "tls.crt",
        key=_GIVEN / "tls" / "tls.key",
    )
    beside = (f"--tmpdir={_VOLUME / 'tmp'}", "--secure-file-priv=NULL")
    return (*beside, *member_options(place, keyspace.spec.mysql.config, _accounts(keyspace)))


def _accounts(keyspace: Keyspace) -> int:
    """For how many application accounts a member has room: one more should restart nobody, as long as there are few."""
    return max(ACCOUNTS, len(keyspace.spec.users))


def _mysqld(keyspace: Keyspace, shard: DesiredShard, member: str) -> Object:
    return {
        **_container(keyspace, CONTAINER),
        "args": ["run", *options(keyspace, shard, member)],
        "ports": [{"name": "mysql", "containerPort": naming.PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "tcpSocket": {"port": naming.PORT},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        "volumeMounts": [
            *_mounts("data", "program", "run"),
            {"name": "start", "mountPath": str(_GIVEN / "start"), "readOnly": True},
            {"name": "tls", "mountPath": str(_GIVEN / "tls"), "readOnly": True},
        ],
    }


def _prepare(keyspace: Keyspace) -> Object:
    """Some options shape a data directory when it is made (``lower-case-table-names``), so it gets the user's."""
    config = check_config(keyspace.spec.mysql.config)
    return {
        **_container(keyspace, "prepare"),
        "args": ["prepare", *(f"--{name}={value}" for name, value in config.items())],
        "volumeMounts": _mounts("data", "program", "run"),
    }


def _container(keyspace: Keyspace, name: str) -> Object:
    resources = keyspace.spec.mysql.resources.wire()
    return {
        "name": name,
        "image": keyspace.spec.mysql.image,
        "command": ["/bin/bash", str(_GIVEN / "program" / "member.sh")],
        **({"resources": resources} if any(resources.values()) else {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _mounts(*names: str) -> list[Object]:
    every: Mapping[str, list[Object]] = {
        "data": [{"name": "data", "mountPath": str(_VOLUME)}],
        "program": [{"name": "program", "mountPath": str(_GIVEN / "program"), "readOnly": True}],
        "run": [{"name": "run", "mountPath": str(_RUN)}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    return [mount for name in names for mount in every[name]]


def _volumes(keyspace: Keyspace, member: str, made: Made) -> list[Object]:
    """The two Secrets are readable by mysqld's group alone (288 is 0440)."""
    return [
        {"name": "data", "persistentVolumeClaim": {"claimName": made.claim}},
        {"name": "program", "configMap": {"name": made.program, "defaultMode": 0o444}},
        {"name": "start", "secret": {"secretName": naming.start_name(keyspace.name), "defaultMode": 0o440}},
        {"name": "tls", "secret": {"secretName": naming.certificate_name(member), "defaultMode": 0o440}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]


def _where(placement: PlacementSpec, shard: str, zone: str) -> Object:
    expressions: list[dict[str, Any]] = [requirement.wire() for requirement in placement.nodes]
    if zone:
        expressions.append({"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]})
    where: Object = {"topologySpreadConstraints": _spread(shard, require=placement.require_spread)}
    if expressions:
        required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
        where["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    if placement.tolerations:
        where["tolerations"] = [
            {key: value for key, value in toleration.wire().items() if value != ""}
            for toleration in placement.tolerations
        ]
    if placement.priority_class_name:
        where["priorityClassName"] = placement.priority_class_name
    if placement.service_account_name:
        where["serviceAccountName"] = placement.service_account_name
    if placement.image_pull_secrets:
        where["imagePullSecrets"] = [{"name": name} for name in placement.image_pull_secrets]
    return where


def _spread(shard: str, *, require: bool) -> list[Object]:
    """Members of a shard on different nodes, and in different zones where there are some."""
    selector = {"matchLabels": {naming.SHARD: shard}}
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "DoNotSchedule" if must else "ScheduleAnyway",
            "labelSelector": selector,
        }
        for key, must in (("kubernetes.io/hostname", require), ("topology.kubernetes.io/zone", False))
    ]
