"""The :class:`~flyball.secrets.Secrets` as Kubernetes Secrets in one namespace.

Who may read one is up to Kubernetes' roles: the topology service may get a keyspace's credentials by name, and needs
no list. A Secret that is replaced keeps the labels and annotations that somebody has put on it.
"""

import base64
import binascii
from collections.abc import Mapping

from flyball.errors import ClusterError, Code, InputError, StoreError
from flyball.kubernetes.port import Api, Object
from flyball.kubernetes.resources import SECRETS
from flyball.secrets import Secret


class KubernetesSecrets:
    """Secrets of type ``Opaque``; texts alone.

    :param labels: what those that are created here carry.
    """

    def __init__(self, api: Api, namespace: str, labels: Mapping[str, str] | None = None) -> None:
        self._api = api
        self._namespace = namespace
        self._labels = dict(labels or {})

    async def get(self, name: str) -> Secret | None:
        """See :meth:`flyball.secrets.Secrets.get`."""
        found = await self._api.get(SECRETS, self._namespace, name)
        return None if found is None else Secret(texts(name, found))

    async def create(self, name: str, values: Mapping[str, str]) -> None:
        """See :meth:`flyball.secrets.Secrets.create`."""
        wanted: Object = {
            "apiVersion": SECRETS.api_version,
            "kind": SECRETS.kind,
            "metadata": {"name": name, "namespace": self._namespace, "labels": self._labels},
            "type": "Opaque",
            "data": _data(values),
        }
        try:
            await self._api.create(SECRETS, wanted)
        except ClusterError as error:
            if error.code is not Code.API_EXISTS:
                raise
            raise StoreError(
                Code.ALREADY_EXISTS, f"secret {name!r} exists already", "Use the one that exists, or replace it."
            ) from error

    async def replace(self, name: str, values: Mapping[str, str]) -> None:
        """See :meth:`flyball.secrets.Secrets.replace`."""
        found = await self._api.get(SECRETS, self._namespace, name)
        if found is None:
            raise InputError(Code.NO_SUCH_OBJECT, f"secret {name!r} does not exist", "Create it.")
        await self._api.replace(SECRETS, {**found, "data": _data(values)})

    async def delete(self, name: str) -> None:
        """See :meth:`flyball.secrets.Secrets.delete`."""
        try:
            await self._api.delete(SECRETS, self._namespace, name)
        except ClusterError as error:
            if error.code is not Code.API_NOT_FOUND:
                raise


def _data(values: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def texts(name: str, secret: Object) -> dict[str, str]:
    """What a Secret object holds, as texts.

    :raises StoreError: STORE_CORRUPT.
    """
    try:
        data = secret.get("data") or {}
        return {key: base64.b64decode(value, validate=True).decode() for key, value in data.items()}
    except (binascii.Error, UnicodeDecodeError):
        # No cause: its message, and the bytes it keeps, may show what the Secret holds.
        raise StoreError(
            Code.STORE_CORRUPT, f"secret {name!r}: holds what is no text", "Restore it from a copy."
        ) from None
