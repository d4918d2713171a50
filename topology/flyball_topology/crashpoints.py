"""Crash points: a testing aid, off unless ``FLYBALL_CRASH_AT`` is set.

The controller passes one point after every single effect of a step: each act that one member has answered, each
record that has been written. ``FLYBALL_CRASH_AT=3`` kills this process, as ``kill -9`` does, as it passes its third
point; what was true before an effect is what was true after the one before it. So a test that counts upwards has the
leader die at every moment of a change that another leader could find, those between the acts of one step included.

While the variable is set, points are logged: a number that is never reached tells which ones there are.
"""

import logging
import os
import signal
from dataclasses import dataclass

logger = logging.getLogger(__name__)

VARIABLE = "FLYBALL_CRASH_AT"


@dataclass(slots=True)
class CrashPoints:
    """Counts points; dies at the chosen one, and never where none (0) is chosen."""

    at: int = 0
    passed: int = 0

    @classmethod
    def from_environment(cls) -> "CrashPoints":
        """What ``FLYBALL_CRASH_AT`` says."""
        return cls(int(os.environ.get(VARIABLE) or 0))

    def reach(self, effect: str) -> None:
        """Pass one point; ``effect`` tells people which."""
        self.passed += 1
        if self.at:
            logger.info("crash point %d: %s", self.passed, effect)
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
