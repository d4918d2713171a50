"""``flyball operator run``: connect to the cluster, then be the operator until told to end."""

import asyncio
import logging
from dataclasses import replace
from random import Random

from flyball.errors import FlyballError
from flyball.kubernetes.client import connect
from flyball.logs import configure
from flyball.store.kubernetes import KubernetesRecords
from flyball_operator.edges import watch
from flyball_operator.metrics import Metrics
from flyball_operator.process import Means, Settings, run

logger = logging.getLogger(__name__)


def main(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT; an empty namespace is the one that the access names."""
    configure()
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it tells of every edge
    try:
        asyncio.run(_run(settings))
    except FlyballError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says it all
        raise SystemExit(1) from error


async def _run(settings: Settings) -> None:
    api, access = await connect()
    namespace = settings.namespace or access.namespace
    logger.info("the operator of namespace %s, by %s", namespace, access.source)
    records = KubernetesRecords(api, namespace)
    random = Random()  # noqa: S311 - spreads retries, guards nothing
    try:
        await run(replace(settings, namespace=namespace), Means(api, records, watch, Metrics(), random))
    finally:
        await records.close()
