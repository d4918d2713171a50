"""Image archives (as ``docker save`` writes them) made of files or of a whole root file system, with no container tool.

An archive of the same content has the same bytes: nothing in it tells when or where it was made.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def pack(archive: Path, name: str, layer: Path, architecture: str, command: Sequence[str], *, fixed: bool) -> None:
    """Write an archive of one layer, whole or not at all.

    :param layer: a tar file of the root file system.
    :param fixed: whether a container's arguments are added to the command, or take its place.
    """
    with layer.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    said = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint" if fixed else "Cmd": list(command), "Env": [PATH]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "flyball"}],
    }
    config = json.dumps(said, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    unfinished = archive.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as out:
        for file, content in ((config_name, config), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
        out.add(layer, "layer.tar", filter=_anonymous)
    unfinished.rename(archive)


def pack_files(
    archive: Path, name: str, files: Mapping[str, Path], architecture: str, command: Sequence[str], *, fixed: bool
) -> None:
    """Write an archive of single files: where each goes, and where it lies."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as work:
        layer = Path(work, "layer.tar")
        with tarfile.open(layer, "w") as out:
            for target, source in files.items():
                out.add(source.resolve(), target.lstrip("/"), filter=_anonymous)
        pack(archive, name, layer, architecture, command, fixed=fixed)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry
