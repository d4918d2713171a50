"""A statement in a session and a thread of its own, to see how it fares while it waits."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pymysql

from tests.simulation.transitions import LOST, OK

_ENDED = frozenset({0, 2006, 2013})


class Call:
    """``said`` is ``ok``, ``lost`` or the code of an error; None while it runs."""

    def __init__(self, connect: Callable[[], "pymysql.Connection[Any]"], statement: str) -> None:
        self.said: str | None = None
        self.message = ""
        self.session = 0
        self.ended = threading.Event()
        self._connect, self._statement = connect, statement
        self._connection: pymysql.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name=statement[:40], daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._connection = self._connect()
            self.session = self._connection.thread_id()
            with self._connection.cursor() as cursor:
                cursor.execute(self._statement)
            self.said = OK
        except pymysql.Error as error:
            number, text = (*error.args, "")[:2]
            self.message = str(text)
            if number in _ENDED:
                self.said = LOST
            else:
                self.said = self.message.split()[0] if self.message.startswith("FB") else str(number)
        finally:
            self.ended.set()

    def close(self) -> None:
        """Leave without a word; to close it in order would wait for the answer."""
        if self._connection is not None and not self.ended.is_set():
            with suppress(OSError):
                self._connection._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        self._thread.join()
        if self._connection is not None and self._connection.open:
            with suppress(pymysql.Error):
                self._connection.close()
