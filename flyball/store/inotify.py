"""A bell that rings when a file is written to: Linux's inotify, by way of ctypes.

The standard library has no binding, and all that is needed here is one watch on one file.
"""

import contextlib
import ctypes
import os
from pathlib import Path

IN_MODIFY = 0x2
"""From <sys/inotify.h>; write(2) and truncate(2) ring, stores into a mapping do not."""


class Bell:
    """Becomes readable when the file was written to, until it is read.

    :raises OSError: where there is no inotify, or its limit a user (``fs.inotify.max_user_instances``) is reached.
    """

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            init, add = libc.inotify_init1, libc.inotify_add_watch
        except AttributeError as error:
            raise OSError("this system has no inotify") from error
        self._descriptor = init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _failure()
        if add(self._descriptor, os.fsencode(path), IN_MODIFY) < 0:
            failure = _failure()
            self.close()
            raise failure

    def fileno(self) -> int:
        """What to wait on."""
        return int(self._descriptor)

    def read(self) -> None:
        """Take note of everything until now."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, 65536):
                pass

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)


def _failure() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
