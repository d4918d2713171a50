"""Reading a manifest's text from a file or from standard input."""

import os
import sys
from pathlib import Path

from flyball.errors import Code, InputError


def read_text(file: str) -> str:
    """The text of a file, or of standard input for ``-``.

    :raises InputError: BAD_USAGE when it cannot be read.
    """
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is not UTF-8"
        raise InputError(Code.BAD_USAGE, f"{file} cannot be read: {reason}", "Name a readable file, or -.") from error
