"""Images for the cluster's nodes, as archives, with no Docker engine and no registry.

    system    what a cluster itself runs: packed from the programs that ``build`` made, and busybox
    base      a root file system of Debian's packages, from where this machine takes its own (mmdebstrap)
    ours      ``images/*/Dockerfile`` on such a base, by buildah: the same file that ``docker build`` takes

Names have ``localhost/`` before them: nodes never ask a registry for those. Archives are kept in the cache, each under
a digest of what it was made of, and made again when that changes; of each name the few that were used last are kept.

    python -m tools.kubernetes.images           make all, and print the archives' paths
    python -m tools.kubernetes.images mysql     one of them: mysql or flyball
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flyball.errors import EngineError
from flyball_local.apt_sources import as_deb822
from flyball_local.mysql_debian import machine_archives
from tools.kubernetes import layout
from tools.kubernetes.archive import ARCHITECTURES, pack, pack_files
from tools.kubernetes.build import Part, Unavailable, binaries

ROOT = Path(__file__).resolve().parents[2]
PACKER = layout.HERE / "archive.py"
LIMIT = 1800.0
"""Seconds that one tool may take."""
TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
"""This machine's authorities, lent to steps that fetch packages; they stay out of the image."""
KEPT = 3
"""Archives of one name that stay: those of the trees that are worked on at once. Each change of ours is 350 MB more."""
UNUSED = ("doc", "man", "locale", "info")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of ours, and the Debian base that it stands on where there is no registry."""

    name: str
    suite: str
    packages: tuple[str, ...]
    variant: str
    """mmdebstrap's: how much beside the packages."""
    sources: tuple[str, ...]
    """What goes into it, below the root of the project."""
    context: str


IMAGES = {
    "flyball": Image(
        "flyball:test",
        "bookworm",
        ("python3", "python3-venv"),
        "essential",
        (
            "images/flyball",
            "pyproject.toml",
            "requirements-image.lock",
            "README.md",
            "LICENSE",
            "flyball",
            "topology",
            "operator",
            "local",
        ),
        ".",
    ),
    "mysql": Image(
        "mysql:9.7",
        "sid",
        ("mysql-server-core", "mysql-client-core"),
        "essential",
        ("images/mysql",),
        "images/mysql",
    ),
}


def system() -> list[Path]:
    """The archives of what a cluster itself runs."""
    home = binaries(*Part, build=False)
    made = []
    for program in ("pause", "coredns", "local-path-provisioner"):
        archive = _archive(program, _digest([home / program, PACKER]))
        if not archive.exists():
            pack_files(
                archive,
                f"localhost/{program}:1",
                {program: home / program},
                _architecture(),
                [f"/{program}"],
                fixed=True,
            )
        made.append(archive)
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Unavailable("there is no static busybox. Debian: apt-get install busybox-static")
    archive = _archive("busybox", _digest([Path(busybox), PACKER]))
    if not archive.exists():
        names = ("busybox", "sh", "mkdir", "rm", "chmod", "sleep")
        files = {f"bin/{name}": Path(busybox) for name in names}
        pack_files(archive, "localhost/busybox:1", files, _architecture(), ["/bin/sh"], fixed=False)
    return [*made, archive]


def build(image: Image) -> Path:
    """The archive of an image of ours; one process makes it while others wait."""
    with (layout.images() / f"{_stem(image.name)}.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return _build(image)


def _build(image: Image) -> Path:
    base = _base(image)
    sources = [file for source in image.sources for file in _files(ROOT / source)]
    archive = _archive(image.name, _digest([base, *sources]))
    if archive.exists():
        archive.touch()
        return archive
    name, dockerfile = f"localhost/{image.name}", ROOT / "images" / image.name.partition(":")[0] / "Dockerfile"
    base_name = _base_name(image)
    if _run(["buildah", "images", "--quiet", "--filter", f"reference={base_name}"]) == "":
        _run(["buildah", "pull", "--quiet", f"docker-archive:{base}"])
    trust = ["--volume", f"{TRUST}:{TRUST}:ro"] if TRUST.exists() else []
    # The machine's network as it is: buildah would make a bridge otherwise, and leave it there.
    options = ["--quiet", "--pull-never", "--network", "host", *trust, "--build-arg", f"BASE_IMAGE={base_name}"]
    former = _run(["buildah", "images", "--quiet", "--filter", f"reference={name}"]).split()
    _run(["buildah", "build", *options, "--tag", name, "--file", str(dockerfile), str(ROOT / image.context)])
    unfinished = archive.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    _run(["buildah", "push", "--quiet", name, f"docker-archive:{unfinished}:{name}"])
    unfinished.rename(archive)
    now = _run(["buildah", "images", "--quiet", "--filter", f"reference={name}"]).split()
    for nameless in {*former} - {*now}:
        _run(["buildah", "rmi", nameless])
    forget(archive.parent, image.name)
    return archive


def forget(folder: Path, name: str) -> None:
    """Remove the archives of an image but for those that were used last."""
    found = [file for file in folder.glob(f"{_stem(name)}-*.tar") if re.fullmatch("[0-9a-f]{12}", file.stem[-12:])]
    for old in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)[KEPT:]:
        old.unlink(missing_ok=True)


def _stem(name: str) -> str:
    return name.replace(":", "-")


def _base_name(image: Image) -> str:
    return f"localhost/base-{image.name.partition(':')[0]}:{_base_digest(image)}"


def _base_digest(image: Image) -> str:
    return hashlib.sha256(repr((image.suite, image.packages, image.variant)).encode()).hexdigest()[:12]


def _base(image: Image) -> Path:
    """The archive of the base that an image stands on."""
    archive = _archive(f"base-{image.name}", _base_digest(image))
    if archive.exists():
        return archive
    try:
        found = machine_archives()
    except EngineError as refusal:
        raise Unavailable(f"no base image can be made: {refusal.message}") from refusal
    with tempfile.TemporaryDirectory(dir=archive.parent) as work:
        sources = Path(work, "flyball.sources")
        layer = Path(work, "layer.tar")
        options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNUSED]
        failures = []
        for candidate in found:
            chosen = replace(candidate, suites=(image.suite,), components=("main",))
            sources.write_text(as_deb822(chosen), encoding="utf-8")
            command = ["mmdebstrap", "--quiet", "--mode=root", "--dpkgopt=force-unsafe-io", *options]
            command += [f"--variant={image.variant}", f"--include={','.join(image.packages)}"]
            # An archive's copy of a moving suite can be past its date.
            command += ['--aptopt=Acquire::Check-Valid-Until "false"', image.suite, str(layer), str(sources)]
            try:
                _run(command)
            except Unavailable as failure:
                failures.append(f"{candidate}: {failure}")
            else:
                pack(archive, _base_name(image), layer, _architecture(), ["/bin/bash"], fixed=False)
                return archive
    raise Unavailable("; ".join(failures))


def _archive(name: str, digest: str) -> Path:
    return layout.images() / f"{_stem(name)}-{digest}.tar"


def _architecture() -> str:
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return sorted(file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _digest(files: Iterable[Path]) -> str:
    """Of names and contents."""
    seen = hashlib.sha256()
    for file in files:
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        with file.open("rb") as data:
            seen.update(f"{name}\0{os.access(file, os.X_OK)}\0".encode() + hashlib.file_digest(data, "sha256").digest())
    return seen.hexdigest()[:12]


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT, check=False)
    except FileNotFoundError as failure:
        raise Unavailable(f"there is no {command[0]}. Debian: apt-get install {command[0]}") from failure
    except subprocess.TimeoutExpired as failure:
        raise Unavailable(f"{command[0]} had not ended after {LIMIT / 60:.0f} minutes") from failure
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[:2])} failed: {' / '.join(done.stderr.strip().splitlines()[-3:])}")
    return done.stdout


def main() -> int:
    """Print the archives; 1 and the reason where one cannot be made."""
    try:
        for name in sys.argv[1:] or [*IMAGES]:
            print(build(IMAGES[name]), flush=True)
    except KeyError as unknown:
        print(f"flyball: there is no image {unknown}; there are {', '.join(IMAGES)}", file=sys.stderr)
        return 2
    except Unavailable as reason:
        print(f"flyball: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
