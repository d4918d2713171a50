"""The engine's home: one directory that holds all it knows, for this user alone.

    HOME/records.db           the record store
    HOME/secrets/             passwords and authorities, one 0600 file a secret
    HOME/certificates/        one directory a member: ca.pem, cert.pem, key.pem
    HOME/members/MEMBER/      the member's data, state, init file and log (``mysqld``), and whose it is (``identity``)
    HOME/engine.json          which engine runs (``engine_state``)
    HOME/topology.json        which topology service runs (``topology_process``)
    HOME/logs/                what the engine and the topology service print

Directories have mode 0700, files 0600. Nothing here starts or stops anything.

A Unix socket's path has 107 bytes at most (unix(7)). Where the home is too deep for its members' sockets, they
are put into a short private directory that is named after the home; who looks for them computes the same name.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local import mysqld

LONGEST_SOCKET_PATH = 107
"""Bytes (unix(7): sun_path has 108, the last one is zero)."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one engine lies. ``root`` is absolute."""

    root: Path

    @property
    def records(self) -> Path:
        """The record store."""
        return self.root / "records.db"

    @property
    def secrets(self) -> Path:
        """The directory of the secrets."""
        return self.root / "secrets"

    @property
    def members(self) -> Path:
        """The directory of the members' directories."""
        return self.root / "members"

    @property
    def logs(self) -> Path:
        """What the engine and the topology service print."""
        return self.root / "logs"

    @property
    def certificates(self) -> Path:
        """The directory of the members' certificates."""
        return self.root / "certificates"

    def member(self, name: str) -> Path:
        """A member's directory."""
        return self.members / name

    def stop_mark(self, member: str) -> Path:
        """The file that says: a person stopped this member, and it stays down."""
        return self.member(member) / "stopped"

    def certificate(self, member: str) -> Path:
        """The directory of a member's certificate."""
        return self.certificates / member

    def socket(self, member: str) -> Path:
        """The member's Unix socket: in its directory, or in a short one where that path would be too long."""
        path = mysqld.socket_file(self.member(member))
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        return self.short_sockets / f"{hashlib.sha256(member.encode()).hexdigest()[:16]}.sock"

    @property
    def short_sockets(self) -> Path:
        """The private directory for sockets that would be too deep in the home.

        Not in TMPDIR: that may be deep itself, and is one place for the engine and another for who looks for it.
        """
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"flyball-{os.geteuid()}-{mark}"  # noqa: S108 - private, and checked to be so

    def prepare(self) -> None:
        """Make the directories that are missing.

        :raises EngineError: FOREIGN_DIRECTORY when the home belongs to another user, or others may enter it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(self.root)
        for directory in (self.secrets, self.members, self.certificates, self.logs):
            directory.mkdir(mode=0o700, exist_ok=True)

    def prepare_member(self, name: str) -> None:
        """Make the member's own directories.

        :raises EngineError: FOREIGN_DIRECTORY when its socket's short directory is not ours alone.
        """
        self.member(name).mkdir(mode=0o700, exist_ok=True)
        self.certificate(name).mkdir(mode=0o700, exist_ok=True)
        if self.socket(name).parent == self.short_sockets:
            self.short_sockets.mkdir(mode=0o700, exist_ok=True)
            _check_private(self.short_sockets)


def find_home(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Home:
    """The home that was given, else ``FLYBALL_HOME``, else ``~/.flyball``. Makes nothing."""
    place = given or Path(environ.get("FLYBALL_HOME") or Path.home() / ".flyball")
    return Home(Path(os.path.abspath(place.expanduser())))  # noqa: PTH100 - a link to a home stays what it is called


def _check_private(directory: Path) -> None:
    seen = directory.lstat()
    if not stat.S_ISDIR(seen.st_mode) and directory.is_dir():  # a link that leads to a directory
        seen = directory.stat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
        raise EngineError(
            Code.FOREIGN_DIRECTORY,
            f"{directory} must be a directory of this user alone (mode 0700), "
            f"but is of user {seen.st_uid} with mode {stat.S_IMODE(seen.st_mode):04o}",
            f"choose another home, or run `chmod 700 {directory}` if it is yours.",
        )
