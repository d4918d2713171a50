"""What an event looks like, for machines and for people."""

import io
import json
import logging

import pytest

from flyball import logs
from flyball.errors import Code, StoreError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_json_object_a_line_off_a_terminal():
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("a").info(
        "lost %s\nagain", "it", extra={"shard": "commerce-80-x", "term": 7, "milliseconds": 1.5, "other": 1}
    )
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("at").endswith("+00:00")
    assert event == {
        "level": "info",
        "logger": "a",
        "message": "lost it\nagain",
        "shard": "commerce-80-x",
        "term": 7,
        "milliseconds": 1.5,
    }


def test_a_failure_carries_its_code_and_traceback():
    stream = io.StringIO()
    logs.configure(stream=stream)
    failure = StoreError(Code.STORE_AWAY, "gone")
    logging.getLogger("a").error("failed", exc_info=failure)
    event = json.loads(stream.getvalue())
    assert event["code"] == "FB2005"
    assert "StoreError" in event["error"]


def test_people_read_a_line():
    stream = Terminal()
    logs.configure(stream=stream)
    logging.getLogger("a").warning("primary is dead", extra={"term": 7, "shard": "commerce-80-x"})
    assert stream.getvalue().endswith(" WARNING shard=commerce-80-x term=7 primary is dead\n")


def test_what_is_below_the_level_is_dropped():
    stream = io.StringIO()
    logs.configure(logging.ERROR, stream)
    logging.getLogger("a").warning("nothing")
    assert stream.getvalue() == ""
