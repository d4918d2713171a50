"""One client's write in a thread of its own, to see what its server answers when nobody acknowledges it."""

import threading
from collections.abc import Callable
from typing import Any

import pymysql


class WaitingWrite:
    """``said`` is what the client heard: "OK", an error's text, or None while it waits."""

    def __init__(self, connection: "pymysql.Connection[Any]", number: int) -> None:
        self.said: str | None = None
        self._connection = connection
        self._number = number
        self._thread = threading.Thread(target=self._run, name=f"write {number}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._connection, self._connection.cursor() as cursor:
                cursor.execute("INSERT INTO ledger VALUES (%s)", (self._number,))
                self.said = "OK"
        except pymysql.Error as error:
            self.said = self.said or str(error)

    def answer(self, until: Callable[..., Any]) -> str:
        """What the client heard, once it has heard something."""
        said = until("the client to be answered", lambda: self.said)
        self._thread.join()
        assert isinstance(said, str)
        return said
