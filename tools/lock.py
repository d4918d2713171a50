"""Write ``requirements.lock``, ``requirements-image.lock`` and ``requirements-demo.lock`` anew from ``pyproject.toml``.

A lock holds names, versions and hashes, and no address: packages come from wherever pip is set up to take them
on the machine that installs, and their hashes say that they are the same ones. Each version's hashes cover all
of its files, so one lock serves every processor.

    requirements.lock        what flyball runs on, what its checks need, and what builds it
    requirements-image.lock  the part of it that flyball runs on, and is built by: what its image holds
    requirements-demo.lock   the demo's data, installed with --no-deps: only its files are read, never its code

    python tools/lock.py              newest versions that pyproject.toml allows
    python tools/lock.py --keep       keep what is locked; only add what is missing and drop what is not needed

Run it with the oldest Python that is supported: what only an old one needs is then in the lock.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
HEADER = "# Written by tools/lock.py from pyproject.toml: names, versions, hashes.\n"
COMPILE = (
    "--generate-hashes",
    "--allow-unsafe",
    "--strip-extras",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
    "--quiet",
)


def needed_in_an_image(project: dict[str, Any]) -> list[str]:
    """Everything that every component runs on, and what builds them."""
    extras = project["project"]["optional-dependencies"]
    return [
        *project["project"]["dependencies"],
        *(one for extra in ("kubernetes", "operator") for one in extras[extra] if not one.startswith("flyball[")),
        *project["build-system"]["requires"],
    ]


def wanted(project: dict[str, Any]) -> list[str]:
    """Everything that a working tree needs: to run, to check, to build."""
    return [*needed_in_an_image(project), *project["dependency-groups"]["dev"]]


def without_addresses(lock: str) -> str:
    """The lock's requirement lines.

    :raises SystemExit: when an address is among them.
    """
    lines = [line for line in lock.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    text = "\n".join(lines) + "\n"
    if re.search(r"://|^--[a-z]| @ ", text, re.MULTILINE):
        raise SystemExit("the resolved lock holds an address; see pip's configuration on this machine")
    return HEADER + text


def only_named(lock: str, requirements: Sequence[str]) -> str:
    """The lock without what its own requirements depend on."""
    names = {re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0].lower() for one in requirements}
    entries = re.split(r"^(?=[A-Za-z])", lock.removeprefix(HEADER), flags=re.MULTILINE)
    return HEADER + "".join(entry for entry in entries if entry.partition("==")[0].lower() in names)


def compile_lock(
    python: Path, requirements: Sequence[str], lock: Path, *, kept: Path | None = None, deps: bool
) -> None:
    """Resolve the requirements and write the lock, in place of the old one once it is whole.

    :param kept: the lock whose versions stay; None for the newest ones.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch, "requirements.in"), Path(scratch, "requirements.txt")
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        if kept is not None and kept.exists():
            out.write_text(kept.read_text(encoding="utf-8"), encoding="utf-8")
        command = [str(python), "-m", "piptools", "compile", *COMPILE, *(["--upgrade"] if kept is None else [])]
        subprocess.run([*command, f"--output-file={out}", str(source)], cwd=scratch, check=True)
        text = without_addresses(out.read_text(encoding="utf-8"))
        lock.write_text(text if deps else only_named(text, requirements), encoding="utf-8")
    print(f"{lock.name}: {len(re.findall('==', lock.read_text(encoding='utf-8')))} packages")


def main() -> None:
    """Write the locks; what goes into an image has the versions that were checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the versions that are locked already")
    keep = parser.parse_args().keep
    if sys.version_info[:2] != OLDEST_PYTHON:
        raise SystemExit(f"run this with Python {'.'.join(map(str, OLDEST_PYTHON))}, the oldest supported one")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as tools:
        venv.create(tools, with_pip=True)
        python = Path(tools, "bin/python")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "pip-tools"], check=True)
        demo = project["project"]["optional-dependencies"]["demo"]
        every, image, data = (ROOT / f"requirements{part}.lock" for part in ("", "-image", "-demo"))
        compile_lock(python, wanted(project), every, kept=every if keep else None, deps=True)
        compile_lock(python, needed_in_an_image(project), image, kept=every, deps=True)
        compile_lock(python, demo, data, kept=data if keep else None, deps=False)


if __name__ == "__main__":
    main()
