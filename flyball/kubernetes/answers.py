"""What an API server's refusal means: a status and a body in, a coded error out.

The server explains itself in a ``Status`` object, whose sentences are good; they are kept. What is added is the
object that was meant, and what can be done next.
"""

import json
from dataclasses import dataclass
from typing import Any

from flyball.errors import ClusterError, Code


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the server, in words: ``replace Keyspace shop/commerce``."""

    verb: str
    object: str

    def __str__(self) -> str:
        return f"{self.verb} {self.object}"


_NEXT = {
    Code.API_CONFLICT: "Read it again and decide anew.",
    Code.API_EXISTS: "Edit the one that exists, or choose another name.",
    Code.API_NOT_FOUND: "See what there is with kubectl get.",
    Code.API_FORBIDDEN: "Give the account this right (kubectl auth can-i), or use another account.",
    Code.API_INVALID: "Correct what the sentence names.",
    Code.API_GONE: "List again.",
    Code.API_AWAY: "Look whether the API server is up and reachable; it is asked again.",
    Code.API_UNKNOWN_KIND: "Install the custom resource definitions (the chart, or kubectl apply -f crds/).",
}

_CODES = {
    400: Code.API_INVALID,
    401: Code.API_FORBIDDEN,
    403: Code.API_FORBIDDEN,
    404: Code.API_NOT_FOUND,
    405: Code.API_INVALID,
    409: Code.API_CONFLICT,
    410: Code.API_GONE,
    413: Code.API_INVALID,
    415: Code.API_INVALID,
    422: Code.API_INVALID,
}
"""What is not here (408, 429, 5xx) is a server that cannot answer now."""


def refusal(asked: Asked, status: int, body: bytes) -> ClusterError:
    """The error that an answer of ``status`` (400 or more) amounts to."""
    said = _status(body)
    if said is None:
        text = body[:200].decode(errors="replace").strip() or "nothing"
        code = Code.API_UNKNOWN_KIND if status == 404 else _CODES.get(status, Code.API_AWAY)
        return error(code, asked, f"the API server answered {status}: {text}")
    return of_status(asked, said, status)


def of_status(asked: Asked, said: dict[str, Any], status: int = 0) -> ClusterError:
    """The error in a ``Status`` object; a watch sends one in the place of a change."""
    status = int(said.get("code") or status or 500)
    reason, message = str(said.get("reason", "")), str(said.get("message", ""))
    code = _CODES.get(status, Code.API_AWAY)
    if reason == "AlreadyExists":
        code = Code.API_EXISTS
    elif status == 404 and not (said.get("details") or {}).get("name"):
        code = Code.API_UNKNOWN_KIND
    return error(code, asked, message or f"the API server answered {status} {reason}")


def away(asked: Asked, seen: str) -> ClusterError:
    """The error for a server that did not answer."""
    return error(Code.API_AWAY, asked, seen)


def error(code: Code, asked: Asked, seen: str) -> ClusterError:
    """A coded error with what was asked in front."""
    return ClusterError(code, f"{asked}: {seen}", _NEXT[code])


def _status(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("kind") == "Status" else None
