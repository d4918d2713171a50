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
"""

from pathlib import Path


def is_complete_clone(data: Path) -> bool:
    """Whether the next start of mysqld on this data directory puts a complete clone in place."""
    state = data / "#clone"
    unfinished = any((state / name).exists() for name in ("#status_error", "#status_in_progress"))
    return (state / "#status_fix").is_file() and not unfinished


def forget_identity(data: Path) -> bool:
    """Remove the server_uuid of a member that was cloned; says whether it was. mysqld does not run.

    Repeated, after a start that failed, it does so again: nobody has heard of the uuid in between.
    """
    if not is_complete_clone(data):
        return False
    (data / "auto.cnf").unlink(missing_ok=True)
    return True
