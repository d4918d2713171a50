"""Logs: one event a line, for machines where nobody watches, for people on a terminal.

A program calls :func:`configure` once. What an event is about goes into ``extra``, by these names::

    logger.info("primary is dead", extra={"shard": "commerce-80-x", "term": 7})

Where standard error is a terminal that reads ``12:01:07.318 INFO shard=commerce-80-x term=7 primary is dead``, and
elsewhere it is a JSON object with ``at`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, those fields, and
``error`` with the traceback where there is one. Secrets never belong into a message.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from flyball.errors import FlyballError

FIELDS = ("loop", "key", "keyspace", "shard", "member", "term", "workflow", "step", "stage", "attempt", "milliseconds")
"""The fields that an event may carry, in the order of printing."""


def configure(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send the events of this process to standard error, replacing where they went before.

    :param level: as in :mod:`logging`; what is below it is dropped.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ReadableLines() if stream.isatty() else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


class JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The event as one line of JSON."""
        event: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            failure = record.exc_info[1]
            if isinstance(failure, FlyballError):
                event["code"] = failure.code.number
            event["error"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


class ReadableLines(logging.Formatter):
    """A line for people; a traceback goes below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The event as a line."""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        time = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
        about = "".join(f"{name}={value} " for name, value in _about(record).items())
        line = f"{time} {record.levelname} {about}{record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _about(record: logging.LogRecord) -> dict[str, object]:
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}
