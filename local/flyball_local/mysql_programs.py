"""The programs of one MySQL: where they lie, which version they are, and how they are called.

MySQL comes in three layouts, and one reading serves them all: the directory above the one that holds
``mysqld`` is the base directory, and plugins, messages and character sets are looked for below it.

    PREFIX/usr/sbin/mysqld    Debian's packages unpacked into a prefix, with the C library they were built for
    PREFIX/bin/mysqld         MySQL's own archive for any Linux
    /usr/sbin/mysqld          installed on the machine

A prefix of the first kind brings its own dynamic loader and libraries, newer than the machine's. Its
programs are then called through that loader, so nothing of the machine is mixed in.

MariaDB also calls its server ``mysqld`` and counts higher than MySQL does; it is another database (no CLONE,
other GTIDs) and is refused by name, not by number.
"""

import platform
import re
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flyball.errors import Code, EngineError

OLDEST = (8, 4, 0)
"""The oldest MySQL that is supported: the long-term release before 9.7."""

VERSION_LIMIT = 60.0
"""Seconds that ``mysqld --version`` may take; it reads from a cold disk at worst."""

LOADERS = {
    "x86_64": "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "aarch64": "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
}
"""Where Debian's C library puts its loader, by the machine's name for its processor."""

_SERVER_PLACES = ("usr/sbin", "bin", "sbin", "usr/bin", "libexec", "usr/libexec")
_PLUGIN_PLACES = ("lib/mysql/plugin", "lib/plugin", "lib64/mysql/plugin", "lib64/plugin")
_NEEDED_PLUGINS = ("semisync_source.so", "semisync_replica.so", "mysql_clone.so")
_VERSION = re.compile(r"\b(?:Ver|from)\s+(\d+)\.(\d+)\.(\d+)")


class Origin(Enum):
    """How a MySQL was found."""

    PREFIX = "FLYBALL_MYSQL_PREFIX"
    PATH = "PATH"
    CACHE = "the cache"


@dataclass(frozen=True, slots=True)
class MySQL:
    """One MySQL that can be run.

    :param version: major, minor, patch.
    :param mysqld: the server's file; call it through :meth:`mysqld_command`.
    :param client: the ``mysql`` client's file, or None where only the server is installed.
    :param share: the directory of messages and character sets; None leaves the compiled-in one.
    :param loader: the prefix's own dynamic loader; None where the machine's serves.
    :param libraries: the directories that the loader looks in.
    """

    version: tuple[int, int, int]
    origin: Origin
    basedir: Path
    plugin_dir: Path
    mysqld: Path
    client: Path | None = None
    share: Path | None = None
    loader: Path | None = None
    libraries: tuple[Path, ...] = ()

    def __str__(self) -> str:
        number = ".".join(map(str, self.version))
        return f"MySQL {number} from {self.origin.value}: {self.mysqld}"

    def mysqld_command(self) -> list[str]:
        """The words that start the server; ``--no-defaults`` leads, as it must, and options may follow."""
        command = [*self._through_loader(self.mysqld), "--no-defaults", f"--basedir={self.basedir}"]
        command.append(f"--plugin-dir={self.plugin_dir}")
        if self.share is not None:
            command.append(f"--lc-messages-dir={self.share}")
            command.append(f"--character-sets-dir={self.share / 'charsets'}")
        return command

    def client_command(self) -> list[str]:
        """The words that start the ``mysql`` client; options may follow.

        :raises EngineError: when only the server is installed.
        """
        if self.client is None:
            raise EngineError(
                Code.NO_MYSQL,
                f"there is no mysql client beside {self.mysqld}",
                "install the client of the same MySQL (Debian: mysql-client-core).",
            )
        command = [*self._through_loader(self.client), "--no-defaults"]
        if self.share is not None:
            command.append(f"--character-sets-dir={self.share / 'charsets'}")
        return command

    def _through_loader(self, program: Path) -> list[str]:
        if self.loader is None:
            return [str(program)]
        return [str(self.loader), "--library-path", ":".join(map(str, self.libraries)), str(program)]


def parse_version(text: str) -> tuple[int, int, int]:
    """The version in what ``mysqld --version`` printed.

    :raises EngineError: when it is MariaDB's, older than 8.4, or no version at all.
    """
    found = _VERSION.search(text)
    if found is None:
        raise EngineError(Code.NO_MYSQL, f"no version can be read from {text.strip()[:200]!r}")
    version = (int(found[1]), int(found[2]), int(found[3]))
    number = ".".join(map(str, version))
    if "mariadb" in text.lower():
        raise EngineError(Code.NO_MYSQL, f"is MariaDB {number}, not MySQL")
    if version < OLDEST:
        raise EngineError(Code.NO_MYSQL, f"is MySQL {number}, older than 8.4")
    return version


def open_prefix(prefix: Path, origin: Origin) -> MySQL:
    """The MySQL below a directory, in any of the known layouts.

    :raises EngineError: when there is none, or it cannot be used; the message says which file is missing.
    """
    if not prefix.is_dir():
        raise EngineError(Code.NO_MYSQL, f"{prefix} is not a directory")
    for place in _SERVER_PLACES:
        if (prefix / place / "mysqld").is_file():
            return open_server(prefix / place / "mysqld", origin, prefix)
    raise EngineError(Code.NO_MYSQL, f"{prefix} has no mysqld (looked in {', '.join(_SERVER_PLACES)})")


def open_server(mysqld: Path, origin: Origin, prefix: Path | None = None) -> MySQL:
    """The MySQL that a ``mysqld`` file belongs to; runs it once, for its version.

    :param prefix: where a loader of its own may lie; None for a server installed on the machine.
    :raises EngineError: when it does not run, is not MySQL 8.4 or newer, or lacks a plugin that is needed.
    """
    loader, libraries = _loader_of(prefix) if prefix is not None else (None, ())
    launch = [str(loader), "--library-path", ":".join(map(str, libraries))] if loader else []
    try:
        version = parse_version(_run_for_version([*launch, str(mysqld), "--no-defaults", "--version"]))
    except EngineError as refusal:
        raise EngineError(refusal.code, f"{mysqld} {refusal.message}", refusal.next_step) from None
    basedir = mysqld.resolve().parent.parent if prefix is None else mysqld.parent.parent
    return MySQL(
        version=version,
        origin=origin,
        basedir=basedir,
        plugin_dir=_plugin_dir(basedir, mysqld),
        mysqld=mysqld,
        client=next((p for p in (basedir / "bin/mysql", mysqld.parent / "mysql") if p.is_file()), None),
        share=_share(basedir),
        loader=loader,
        libraries=libraries,
    )


def _run_for_version(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=VERSION_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise EngineError(Code.NO_MYSQL, f"cannot be run: {failure}") from failure
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise EngineError(Code.NO_MYSQL, f"cannot be run (exit {done.returncode}), it said: {said}")
    return done.stdout


def _loader_of(prefix: Path) -> tuple[Path | None, tuple[Path, ...]]:
    place = LOADERS.get(platform.machine())
    if place is None or not (prefix / place).is_file():
        return None, ()
    loader = prefix / place
    return loader, (loader.parent, prefix / "usr/lib/mysql/private")


def _plugin_dir(basedir: Path, mysqld: Path) -> Path:
    for place in _PLUGIN_PLACES:
        directory = basedir / place
        if directory.is_dir():
            missing = [name for name in _NEEDED_PLUGINS if not (directory / name).is_file()]
            if not missing:
                return directory
            raise EngineError(Code.NO_MYSQL, f"{mysqld} lacks plugins in {directory}: {', '.join(missing)}")
    looked = ", ".join(str(basedir / place) for place in _PLUGIN_PLACES)
    raise EngineError(Code.NO_MYSQL, f"{mysqld} has no plugin directory (looked in {looked})")


def _share(basedir: Path) -> Path | None:
    places = (basedir / "share/mysql", basedir / "share", *sorted((basedir / "share").glob("mysql-*")))
    return next((place for place in places if (place / "charsets/Index.xml").is_file()), None)
