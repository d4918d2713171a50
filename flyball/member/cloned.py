"""A member made anew by CLONE becomes another server: it gets a new server_uuid.

CLONE replaces the data directory's content and leaves ``auto.cnf``, so the member would go on numbering its
transactions from what its donor holds of it. Where somebody who is away holds more (a write that was given up by
``--accept-loss``, one that only a second ack-giver has received), a later reign would use the same GTIDs again for
other content, and nobody could tell the two apart. So whoever starts mysqld removes ``auto.cnf`` first, after a clone
that is complete and that no start has finished yet; mysqld makes a new one.

What MySQL 9.7 leaves in ``#clone`` under the data directory, as seen on disk:

    while it copies         #status_error          a start now throws the copy away
    complete, mysqld ended  #status_fix            a start now puts the copy in place
    after that start        neither
    failed                  #view_status says 3    mysqld runs on, without its schemas: CLONE drops them first

A member whose clone failed so has no procedures either, so nobody can probe it; a start makes them anew. It is empty
then, and says so: CLONE resets its GTIDs too. It would number its transactions from 1 again, so it is another server.
"""

from pathlib import Path


def is_complete_clone(data: Path) -> bool:
    """Whether the next start of mysqld on this data directory puts a complete clone in place."""
    state = data / "#clone"
    unfinished = any((state / name).exists() for name in ("#status_error", "#status_in_progress"))
    return (state / "#status_fix").is_file() and not unfinished


def is_emptied(data: Path, started: Path) -> bool:
    """Whether a clone failed since the mysqld that runs on ``data`` was started: it may have no procedures any more.

    What is in the directories does not tell: the copies of files stay there until the next start.

    :param started: a file that mysqld wrote at its start, its process id file.
    """
    try:
        failed = (data / "#clone" / "#view_status").stat().st_mtime > started.stat().st_mtime
    except OSError:  # no clone, or it is just starting
        return False
    return failed and _clone_state(data) == "3"


def forget_identity(data: Path) -> bool:
    """Remove the server_uuid of a member that a clone made anew, or emptied; says whether it was. mysqld does not run.

    Repeated, after a start that failed, it does so again: nobody has heard of the uuid in between.
    """
    emptied = _clone_state(data) in {"1", "3"} and not _has_procedures(data)  # 1: mysqld was killed in the middle
    if not emptied and not is_complete_clone(data):
        return False
    (data / "auto.cnf").unlink(missing_ok=True)
    return True


def _clone_state(data: Path) -> str:
    """1 in progress, 2 complete and started, 3 failed; "" without a clone."""
    try:
        words = (data / "#clone" / "#view_status").read_text(errors="replace").split(maxsplit=1)
    except OSError:
        return ""
    return words[0] if words else ""


def _has_procedures(data: Path) -> bool:
    """Whether flyball's own schema is there: a clone drops it, and may make its directory again for what comes."""
    schema = data / "flyball"
    return schema.is_dir() and any(schema.iterdir())
