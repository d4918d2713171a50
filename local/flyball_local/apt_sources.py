"""Where this machine gets its Debian packages from, read from apt's own configuration.

No address is written down here: whatever mirror, proxy or in-house archive the machine is set up with is
the one that is used. Both notations are read, the one-line ``.list`` and the paragraphs of ``.sources``
(deb822), and the keyring named with ``Signed-By`` stays with its archive, so what is fetched from it is
verified with the same key (sources.list(5)).

``Trusted: yes`` is not carried over: an archive that the machine takes on trust is not one to take a whole
new suite from.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

_OPTIONS = re.compile(r"^(deb)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$")
_LOGIN = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of binary packages.

    :param signed_by: keyring paths, fingerprints or an armoured key, as apt understands them; "" leaves the
        choice of keyring to apt.
    """

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def __str__(self) -> str:
        """The address without any login in it, fit for a message."""
        return _LOGIN.sub("//", self.uri)


def parse_one_line(text: str) -> list[Archive]:
    """The enabled binary archives of a ``sources.list``; one a line."""
    archives = []
    for line in text.splitlines():
        found = _OPTIONS.match(line.split("#", 1)[0].strip())
        if found is None:
            continue
        options = dict(word.split("=", 1) for word in (found[2] or "").split() if "=" in word)
        signed_by = options.get("signed-by", "").replace(",", " ")
        archives.append(Archive(found[3], (found[4],), tuple(found[5].split()), signed_by))
    return archives


def parse_deb822(text: str) -> list[Archive]:
    """The enabled binary archives of a ``.sources`` file; one for each address of each paragraph."""
    archives: list[Archive] = []
    for paragraph in _paragraphs(text):
        if "deb" not in paragraph.get("types", "").split() or paragraph.get("enabled", "yes") == "no":
            continue
        suites = tuple(paragraph.get("suites", "").split())
        components = tuple(paragraph.get("components", "").split())
        signed_by = paragraph.get("signed-by", "")
        archives.extend(Archive(uri, suites, components, signed_by) for uri in paragraph.get("uris", "").split())
    return archives


def read_archives(main: Path, parts: Path) -> list[Archive]:
    """Every archive that apt is set up with: the main list, then the directory of lists by name."""
    files = [main, *sorted(parts.glob("*"))] if parts.is_dir() else [main]
    archives: list[Archive] = []
    for file in files:
        parse = {".sources": parse_deb822, ".list": parse_one_line}.get(file.suffix)
        if parse is None or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except PermissionError:  # holds a login that only root may read: apt could not use it either
            continue
        archives.extend(parse(text))
    return archives


def serving_suite(archives: Iterable[Archive], suite: str) -> list[Archive]:
    """The archives that may carry another suite as well, as sources of that suite, each address once.

    An archive of security updates carries no other suite; one without ``main`` is not Debian's own.
    """
    chosen: dict[str, Archive] = {}
    for archive in archives:
        if "main" not in archive.components or any("security" in name for name in archive.suites):
            continue
        chosen.setdefault(archive.uri, replace(archive, suites=(suite,), components=("main",)))
    return list(chosen.values())


def as_deb822(archive: Archive) -> str:
    """The archive as one paragraph of a ``.sources`` file."""
    lines = [
        "Types: deb",
        f"URIs: {archive.uri}",
        f"Suites: {' '.join(archive.suites)}",
        f"Components: {' '.join(archive.components)}",
    ]
    if archive.signed_by:
        lines.append(f"Signed-By: {archive.signed_by}")
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterable[dict[str, str]]:
    """Fields by lower-case name; continuation lines stay as they are written, an armoured key needs that."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line.startswith("#"):
            continue
        elif line[0] in " \t" and name:
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    if fields:
        yield fields
