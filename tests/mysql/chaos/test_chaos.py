"""A sample of chaos: three minutes on two shards. ``make chaos MINUTES=10`` runs as much as one likes."""

import asyncio
import json
import logging
import os

import pytest

from flyball_local.chaos.run import run
from flyball_local.mysql_install import MySQL
from flyball_local.trial.network import unavailable

logger = logging.getLogger(__name__)

SEED = int(os.environ.get("FLYBALL_CHAOS_SEED", "4"))
SECONDS = float(os.environ.get("FLYBALL_CHAOS_SECONDS", "180"))


@pytest.mark.timeout(900)
def test_faults_of_every_kind_lose_no_acknowledged_write_and_leave_nothing_to_do_by_hand(mysql: MySQL, caplog):
    caplog.set_level(logging.INFO, __name__)  # a run that failed can be read afterwards
    if reason := unavailable():
        pytest.skip(f"no network of our own: {reason}")
    result = asyncio.run(run(SEED, SECONDS, 2, lambda event: logger.info(json.dumps(event))))
    logger.info(json.dumps(result.figures()))
    assert not result.lost
    assert not result.invented
    assert result.figures()["manual_steps"] == 0
    assert result.happened
    assert result.figures()["acknowledged"]
