"""Empty directories that a clone leaves when it is broken off, and that would keep the member from ever coming back.

CLONE drops the member's schemas first, and makes their directories again for the files that come. Broken off there
(the member is stopped, or its donor is lost), it removes the files and leaves the directories. The data dictionary
knows nothing of them, so ``CREATE DATABASE`` refuses at the next start (error 3678, "must be resolved manually"): the
init file ends there, without accounts and procedures, and nobody reaches the member any more.

Whoever starts mysqld removes them first. The mark is flyball's own schema: it is never without files in a member that
works.
"""

from contextlib import suppress
from pathlib import Path

_OWN_SCHEMA = "flyball"
_KEPT = frozenset({"mysql", "performance_schema", "sys"})
"""MySQL's own, empty or not: without ``performance_schema`` mysqld starts without the clone plugin."""


def is_broken(data: Path, started: Path) -> bool:
    """Whether the mysqld that runs on ``data`` stumbled over leftovers: its own start removed the files of the clone.

    It is to be started once more. While a clone is under way its schemas are empty, too, for a moment: what tells the
    two apart is whether mysqld was started since.

    :param started: a file that mysqld wrote at its start, its process id file.
    """
    mark, clone = data / _OWN_SCHEMA, data / "#clone" / "#view_status"
    try:
        return not any(mark.iterdir()) and clone.stat().st_mtime < started.stat().st_mtime
    except OSError:  # no such schema, no clone, or it is just starting
        return False


def remove_leftovers(data: Path) -> tuple[str, ...]:
    """Remove the empty schema directories of a member whose clone was broken off; returns their names.

    :param data: a data directory that no mysqld runs on.
    """
    mark = data / _OWN_SCHEMA
    if not mark.is_dir() or any(mark.iterdir()):
        return ()
    removed = []
    for directory in sorted(data.iterdir()):
        if directory.is_dir() and not directory.is_symlink() and not _is_mysqls(directory.name):
            with suppress(OSError):  # it holds something
                directory.rmdir()
                removed.append(directory.name)
    return tuple(removed)


def _is_mysqls(name: str) -> bool:
    return name.startswith("#") or name in _KEPT
