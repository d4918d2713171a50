"""Objects of the Kubernetes API, as JSON has them."""

import base64
import binascii

from flyball.kubernetes import Object

__all__ = ["Object", "in_namespace", "text_of"]


def text_of(secret: Object, key: str) -> str:
    """What a Secret holds under a key; empty where it holds nothing, or no text."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(key, ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def in_namespace(manifest: Object, namespace: str) -> Object:
    """The object with its namespace."""
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
