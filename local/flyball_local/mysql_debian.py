"""MySQL from Debian's own packages, into a private prefix, without installing anything on the machine.

Debian's unstable suite carries the current long-term MySQL; the stable ones do not. So apt is run with a
state, a cache and a source list of its own: the same archive that the machine uses, another suite, verified
with the same keyring. It believes that nothing is installed and therefore fetches the whole closure, C
library included, and the prefix runs on any Debian-like machine, whatever is installed there.

    describe   write apt's configuration and source list into the working directory
    update     fetch the package lists             } tried again, with a growing pause,
    download   fetch the packages, verified        } while the fault may pass by itself
    unpack     ``dpkg -x``, one package after the other

The machine's own apt configuration is read first, for its proxies and certificates, and its hooks are taken
out: an update here must not set off what an update of the machine sets off.
"""

import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

from flyball.errors import Code, EngineError
from flyball_local.apt_sources import Archive, as_deb822, read_archives, serving_suite

SUITE = "sid"
PACKAGES = ("mysql-server-core", "mysql-client-core")
ATTEMPTS = 3
PAUSE = 2.0
"""Seconds before the second attempt; doubled before each further one, and jittered."""
COMMAND_LIMIT = 1800.0
"""Seconds that one command may take: 80 MB over a slow line."""

_CONFIGURATION = """\
Dir::State "{work}/state";
Dir::State::lists "{work}/state/lists";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
Dir::Cache::archives "{work}/cache/archives";
Dir::Log "{work}/log";
Dir::Etc::SourceList "{work}/flyball.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
  flatMetaKey "Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
  flatDescription "$(RELEASE) Packages";
  Optional "no";
}};
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command ended with: its exit code and all it printed."""

    code: int
    output: str


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(self, command: Sequence[str], /) -> Ran:
        """Run it; a failure is in the result, never an exception."""


class Fault(Enum):
    """What kept apt or dpkg from finishing, and whether another attempt can help."""

    DISK_FULL = "the disk is full"
    UNSIGNED = "the archive's signature cannot be verified"
    NO_NETWORK = "the network or the archive cannot be reached"
    NO_SUITE = f"the archive has no suite {SUITE}"
    NO_PACKAGE = f"the archive has no MySQL in {SUITE} for this machine"
    BROKEN = "the download is incomplete or damaged"


_SIGNS: tuple[tuple[Fault, str], ...] = (
    (Fault.DISK_FULL, r"no space left on device|don't have enough free space|disk quota exceeded"),
    (Fault.UNSIGNED, r"NO_PUBKEY|is not signed|couldn't be verified|BADSIG|invalid signature|EXPKEYSIG"),
    (
        Fault.NO_NETWORK,
        r"(could not|failure) resolv|(could not|unable to) connect|no route|unreachable|timed out|refused",
    ),
    (Fault.NO_SUITE, r"does not have a release file|404 +not found|file not found"),
    (Fault.NO_PACKAGE, r"unable to locate package|has no installation candidate"),
)
_PASSING = frozenset({Fault.NO_NETWORK, Fault.BROKEN})

_NEXT_STEPS = {
    Fault.DISK_FULL: "free about 1 GiB there, or set XDG_CACHE_HOME to a directory on a larger disk.",
    Fault.UNSIGNED: "update the package debian-archive-keyring, so that the suite can be verified.",
    Fault.NO_NETWORK: "check the network and apt's proxy, then try again.",
    Fault.NO_SUITE: "install MySQL 8.4 or newer by other means, and put it on PATH or name it with "
    "FLYBALL_MYSQL_PREFIX.",
    Fault.NO_PACKAGE: "install MySQL 8.4 or newer by other means, and put it on PATH or name it with "
    "FLYBALL_MYSQL_PREFIX.",
    Fault.BROKEN: "try again; if it stays so, run apt-get update on this machine and look at its errors.",
}


def diagnose(output: str) -> Fault:
    """The fault that apt's or dpkg's output (in the C locale) speaks of."""
    for fault, sign in _SIGNS:
        if re.search(sign, output, re.IGNORECASE):
            return fault
    return Fault.BROKEN


def run_command(command: Sequence[str], /) -> Ran:
    """Run a command in the C locale with no input, within :data:`COMMAND_LIMIT`."""
    try:
        done = subprocess.run(
            ["env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(124, f"{command[0]}: connection timed out after {COMMAND_LIMIT:.0f} s")
    return Ran(done.returncode, done.stdout)


def machine_archives(run: Run = run_command) -> list[Archive]:
    """The archives of this machine that may carry the suite.

    :raises EngineError: when the machine has no apt and dpkg, or its apt names no archive of Debian.
    """
    missing = [tool for tool in ("apt-get", "apt-config", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise EngineError(
            Code.NO_MYSQL,
            f"this system has no {' and no '.join(missing)}, so Debian's packages cannot be fetched",
            "install MySQL 8.4 or newer, and put it on PATH or name it with FLYBALL_MYSQL_PREFIX.",
        )
    said = run(["apt-config", "shell", "MAIN", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"])
    places = dict(re.findall(r"^(MAIN|PARTS)='([^']*)'", said.output, re.MULTILINE))
    main = Path(places.get("MAIN", "/etc/apt/sources.list"))
    parts = Path(places.get("PARTS", "/etc/apt/sources.list.d"))
    archives = serving_suite(read_archives(main, parts), SUITE)
    if not archives:
        raise EngineError(
            Code.NO_MYSQL,
            f"apt on this machine names no archive with the component main (looked in {main} and {parts})",
            "add Debian's archive to apt's sources, or install MySQL 8.4 or newer by other means.",
        )
    return archives


def unpack_mysql(
    work: Path,
    archives: Sequence[Archive],
    report: Callable[[str], None],
    run: Run = run_command,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch and unpack MySQL below ``work``; returns the prefix.

    Each attempt tries the archives in their order. Only a fault that may pass by itself is tried again.

    :raises EngineError: when it cannot be had, with what was seen; DISK_FULL when the disk is full.
    """
    for attempt in range(1, ATTEMPTS + 1):
        seen: list[tuple[Fault, str]] = []
        for archive in archives:
            failure = _try_archive(work, archive, report, run)
            if failure is None:
                return work / "prefix"
            seen.append(failure)
            if failure[0] is Fault.DISK_FULL:
                break
        # The most telling one: a full disk, then what may pass, then what the last archive said.
        fault, detail = min(seen, key=lambda it: (it[0] is not Fault.DISK_FULL, it[0] not in _PASSING))
        if fault not in _PASSING or attempt == ATTEMPTS:
            code = Code.DISK_FULL if fault is Fault.DISK_FULL else Code.NO_MYSQL
            times = "once" if attempt == 1 else f"{attempt} times"
            raise EngineError(code, f"{fault.value} (tried {times}): {detail}", _NEXT_STEPS[fault])
        seconds = PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter is no secret
        report(f"{fault.value}; trying again in {seconds:.0f} s")
        pause(seconds)
    raise AssertionError("the last attempt returns or raises")


def _try_archive(work: Path, archive: Archive, report: Callable[[str], None], run: Run) -> tuple[Fault, str] | None:
    """One attempt at one archive; None when the prefix is whole."""
    apt = ["apt-get", "-q", "-c", str(_describe(work, archive, run))]
    report(f"fetching MySQL from {archive} {SUITE}: about 80 MB")
    for command in ([*apt, "update"], [*apt, "-y", "--download-only", "install", *PACKAGES]):
        ran = run(command)
        if ran.code != 0:
            return diagnose(ran.output), f"{archive}: {_last_words(ran.output)}"
    packages = sorted((work / "cache/archives").glob("*.deb"))
    if not packages:
        return Fault.BROKEN, f"{archive}: apt fetched no package"
    report(f"unpacking {len(packages)} packages")
    prefix = work / "prefix"
    shutil.rmtree(prefix, ignore_errors=True)
    prefix.mkdir()
    for package in packages:
        ran = run(["dpkg", "-x", str(package), str(prefix)])
        if ran.code != 0:
            package.unlink(missing_ok=True)  # a damaged one is fetched again
            return diagnose(ran.output), f"{package.name}: {_last_words(ran.output)}"
    return None


def _describe(work: Path, archive: Archive, run: Run) -> Path:
    """Write what apt needs to know; returns its configuration file."""
    for directory in ("state/lists/partial", "cache/archives/partial", "log"):
        (work / directory).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    # Of an archive on this disk, apt would use the packages where they lie; "copy" brings them to its cache.
    here = replace(archive, uri=re.sub("^file:", "copy:", archive.uri))
    (work / "flyball.sources").write_text(as_deb822(here), encoding="utf-8")
    architecture = run(["dpkg", "--print-architecture"]).output.strip()
    configuration = work / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(work=work, architecture=architecture), encoding="utf-8")
    return configuration


def _last_words(output: str) -> str:
    """The errors among apt's many lines, or its last line; no logins."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line for line in lines if line.startswith(("E:", "Err:", "dpkg"))]
    return re.sub(r"//[^/@\s]+@", "//", "; ".join(errors[:2] or lines[-1:]))[:400]
