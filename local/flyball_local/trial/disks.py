"""Small disks for members: a file system in memory each, that can be filled to the last byte. Takes root."""

import os
import subprocess
from pathlib import Path

SIZE = "1200m"
"""Room for twice a small member's data, since a clone comes beside what is there, and for binary logs."""
FILLER = "filler"
"""The file that takes all the room."""


def make_disk(directory: Path) -> None:
    """Put a small file system at a member's directory, which is made."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = f"size={SIZE},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "flyball", str(directory)], check=True, timeout=30)


def fill_disk(directory: Path) -> None:
    """Leave no byte free."""
    with (directory / FILLER).open("ab", buffering=0) as filler:
        for size in (16 << 20, 1 << 20, 4096):
            try:
                while True:
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, size)
            except OSError:  # no room for as much as that
                continue


def free_disk(directory: Path) -> None:
    """Give the room back."""
    (directory / FILLER).unlink(missing_ok=True)
