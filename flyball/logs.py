"""Logs: one event a line, as JSON when nobody watches, readable on a terminal.

What an event is about stands in fields of its own (keyspace, shard, member, term, workflow, step), given with
``logger.info(text, extra={...})``. No secret is ever passed to a logger.
"""

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = ("loop", "key", "keyspace", "shard", "member", "term", "workflow", "step", "stage", "attempt", "milliseconds")
"""The fields that an event may carry."""


class JsonLines(logging.Formatter):
    """Each event as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break in it."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: dict[str, object] = {"at": moment, "level": record.levelname.lower(), "logger": record.name}
        event["message"] = record.getMessage()
        event |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def configure(level: int = logging.INFO) -> None:
    """Send the events of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    else:
        handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
