"""kopf as the source of edges, and of nothing else: a pod or a volume that changes wakes its keyspace.

What kopf would also do is left off, each for a reason. Peering is no election: two operators with equal priorities both
go on, so a lease of our own decides, and kopf stands alone. Its handlers' state would stand in annotations, and its
patches would race the status: there are event handlers here and no others, which write nothing. Its events are off, for
ours are a catalogue. A handler that is slow would queue the events behind it without a word: these only wake a key,
and never wait. Scanning for namespaces and definitions needs rights in the whole cluster, so it is off.

Records are not kopf's: their store watches them.
"""

from collections.abc import Callable
from typing import Any

import kopf

from flyball_operator import naming

WATCHED = ("pods", "persistentvolumeclaims")
"""What wakes a keyspace beside its records."""


Wake = Callable[[str, bool], None]
"""Called with a keyspace's name, and whether something of it has changed; else it was there when kopf began."""


def registry(wake: Wake) -> kopf.OperatorRegistry:
    """The handlers: all of them wake the keyspace that an object is labelled with."""
    made = kopf.OperatorRegistry()

    async def changed(labels: kopf.Labels, event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401 - kopf's signature
        wake(labels[naming.KEYSPACE], event["type"] is not None)

    for plural in WATCHED:
        kopf.on.event("", "v1", plural, id=f"wake-{plural}", labels={naming.KEYSPACE: kopf.PRESENT}, registry=made)(
            changed
        )
    kopf.on.login(id="login", registry=made)(_login)
    return made


def settings() -> kopf.OperatorSettings:
    """Kopf with everything off that is not an edge."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.peering.standalone = True
    made.scanning.disabled = True
    made.watching.server_timeout = 240
    made.watching.client_timeout = 300
    return made


async def watch(namespace: str, wake: Wake) -> None:
    """Watch until cancelled, or until the process is told to end.

    :param wake: is called in the event loop.
    """
    await kopf.operator(
        registry=registry(wake),
        settings=settings(),
        standalone=True,
        namespaces=[namespace],
        # Or kopf asks for the user's name, and a container's has none. The type has no public name.
        identity=naming.MANAGER,  # type: ignore[arg-type]
    )


async def _login(**given: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401
    """A pod's own account, else the kubeconfig."""
    return kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)
