"""Check what no linter knows: texts that belong to one machine, and files that must not be there.

- No file names the host of a package registry or archive: addresses come from the machine's configuration.
  What Go modules and the kinds of the Kubernetes API are called looks like hosts and is none.
- Locks hold no address at all, and no file gives pip an index.
- No file holds a path below somebody's home.
- ``operator/`` and its like are plain folders: an ``__init__.py`` in them would shadow the standard library's
  ``operator`` for every Python that is started in the root.

Prints each finding as FILE:LINE, and ends with 1 when there is one.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAIN_FOLDERS = ("operator", "topology", "local", "router")

EVERYWHERE = {
    "a registry's host": re.compile(
        r"\b(p[y]pi|pythonh[o]sted|cr[a]tes|npmj[s]|d[e]bian|ub[u]ntu|gol[a]ng|qu[a]y|gh[c]r|gc[r])\.(org|io|com)\b"
        r"|\b(registry|deb|snapshot|security|archive|proxy|files|index|dl|pkgs|sum)\.[a-z0-9-]+\.(org|io|com|net)\b"
    ),
    "an option that names an index": re.compile(r"(?<![\w-])--(index-url|extra-index-url|find-links|trusted-host)\b"),
    "a path on one machine": re.compile(r"(?<![\w.~$}/-])/(home|Users|root|work)/(?!me\b)\w"),
}
GO_MODULES = re.compile(r"(?<![\w.])(google\.)?gol[a]ng\.org/")
"""What some Go modules are called: names, in the files that pin modules by them."""

IN_LOCKS = {
    "an address": re.compile(r"://| @ "),
    "an option": re.compile(r"^\s*-[-a-z]+(?<!--hash)[ =]|^-"),
    "a comment with a path": re.compile(r"#.*[/\\]\w+[/\\]"),
}


def findings_in(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of each finding in one file's text."""
    rules = {**EVERYWHERE, **IN_LOCKS} if name.endswith(".lock") else EVERYWHERE
    if Path(name).name in ("go.mod", "go.sum"):
        text = GO_MODULES.sub("", text)
    for number, line in enumerate(text.splitlines(), 1):
        for kind, pattern in rules.items():
            if pattern.search(line):
                yield number, kind


def misplaced(names: set[str]) -> list[str]:
    """The files that must not be there."""
    return sorted(names & {f"{folder}/__init__.py" for folder in PLAIN_FOLDERS})


def tracked() -> list[str]:
    """The names of the files that git knows, and that are there."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def main() -> int:
    """Print the findings of all tracked files; 1 when there are any."""
    names = tracked()
    found = [f"{name}: must not exist" for name in misplaced(set(names))]
    for name in names:
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found.extend(f"{name}:{number}: {kind}" for number, kind in findings_in(name, text))
    print("\n".join([*found, f"texts: {len(names)} files, {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
