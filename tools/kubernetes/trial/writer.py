"""The application of a trial, as it runs in a pod: one thread a shard writes numbered rows through the shard's Service.

    python writer.py write SHARD=HOST…   write until killed; each shard's ledger is the file LEDGERS/SHARD
    python writer.py read HOST           print the numbers that are there

It connects as any application does: by the Service's name, with the password and the authority of its Secret. It knows
nothing of members, terms or failovers, and takes no more care than to connect again. Limits are short, so that what a
fault costs is the fault's and not the client's.
"""

import ssl
import sys
import threading
import time
from pathlib import Path

import pymysql

from flyball_local.trial.ledger import CREATE, INSERT, TABLE, Entry, LedgerFile, Told

LEDGERS = Path("/ledgers")
SECRET = Path("/secret")
PAUSE = 0.02
"""Seconds between two writes."""
PATIENCE = 0.05
"""Seconds after a failure."""
LIMIT = 2
"""Seconds that an answer may take."""
REFUSED = {1290, 1836, 3032}
"""Errors that say that nothing was done: read-only, and offline."""


def connect(host: str, limit: float = LIMIT) -> pymysql.Connection:
    """A session with whoever the Service names."""
    return pymysql.connect(
        host=host,
        user=(SECRET / "username").read_text(),
        password=(SECRET / "password").read_text(),
        database=sys.argv[2],
        ssl=ssl.create_default_context(cafile=str(SECRET / "ca.crt")),
        connect_timeout=1,
        read_timeout=limit,
        write_timeout=limit,
        autocommit=True,
    )


def write(shard: str, host: str) -> None:
    """Write for ever; numbers go on where a former life of the application ended."""
    ledger, session, number = LedgerFile(LEDGERS / shard), None, int(time.time()) * 1000
    while True:
        number, sent, told, text = number + 1, time.monotonic(), Told.ACK, ""
        try:
            session = session or connect(host)
        except (pymysql.Error, OSError) as error:
            told, text = Told.ERROR, f"connecting: {error}"
        else:
            try:
                with session.cursor() as cursor:
                    cursor.execute(INSERT, (number, shard))
            except (pymysql.Error, OSError) as error:
                told = Told.ERROR if error.args[:1] and error.args[0] in REFUSED else Told.UNKNOWN
                text = str(error)
        ledger.append(Entry(number, told, sent, time.monotonic(), text))
        if told is not Told.ACK:
            if session is not None:
                session._force_close()  # noqa: SLF001 - no farewell to a server that may hang
            session = None
        time.sleep(PAUSE if told is Told.ACK else PATIENCE)


def main() -> None:
    """Do what was asked for."""
    word, _, *rest = sys.argv[1:]
    if word == "read":
        with connect(rest[0], 60) as session, session.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {TABLE}")  # noqa: S608 - a name of our own
            print("\n".join(str(row[0]) for row in cursor.fetchall()))
        return
    for pair in rest:
        shard, _, host = pair.partition("=")
        with connect(host) as session, session.cursor() as cursor:
            cursor.execute(CREATE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        threading.Thread(target=write, args=(shard, host), name=shard).start()


if __name__ == "__main__":
    main()
