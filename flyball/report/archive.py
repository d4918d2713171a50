"""A report as a file: texts by name, in one compressed archive that its owner alone may read."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from flyball.errors import Code, InputError

LONGEST = 4 << 20
"""Bytes of one text; of a longer one the end is kept."""


def write(path: Path, texts: dict[str, str], clean: Callable[[str], str], now: float) -> None:
    """Write the texts, each cleaned, name included, into a new archive with mode 0600.

    :param texts: by their paths in the archive.
    :param now: seconds since the epoch, for the archive's files.
    :raises InputError: BAD_USAGE when the file exists or cannot be written.
    """
    root = path.name.partition(".")[0]
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, text in sorted(texts.items()):
                    # Cleaned before it is cut: a secret that the cut goes through would not be known again.
                    content = clean(text).encode(errors="replace")[-LONGEST:]
                    entry = tarfile.TarInfo(f"{root}/{clean(name)}")
                    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now)
                    archive.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise InputError(
            Code.BAD_USAGE, f"{path}: {error.strerror or error}", "Name a file that does not exist, with --file."
        ) from error
