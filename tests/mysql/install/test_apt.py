"""The real apt and dpkg, with a small archive of the test's own: what is not signed is not unpacked."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from flyball.errors import Code, EngineError
from flyball_local.apt_sources import Archive
from flyball_local.mysql_debian import PACKAGES, SUITE, unpack_mysql

TOOLS = ("apt-get", "dpkg", "dpkg-deb", "gpg")
pytestmark = pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}")


def run(*command: str | Path, **more: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, **more)  # type: ignore[call-overload]
    return str(done.stdout)


def make_key(home: Path, keyring: Path) -> None:
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    run(*gpg, "--passphrase", "", "--quick-generate-key", "archive@mirror.test", "rsa3072", "sign", "never")
    run(*gpg, "--output", keyring, "--export")


def make_package(archive: Path, name: str) -> str:
    """Build a package with one file; returns its paragraph of the index."""
    tree = archive / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/sbin").mkdir(parents=True)
    (tree / f"usr/sbin/{name}").write_text("a program")
    control = f"Package: {name}\nVersion: 9.7.4-1\nArchitecture: all\nMaintainer: T <t@mirror.test>\nDescription: t\n"
    (tree / "DEBIAN/control").write_text(control)
    package = archive / f"{name}.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, package)
    shutil.rmtree(tree)
    content = package.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control}Filename: {package.name}\nSize: {len(content)}\nSHA256: {digest}\n"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed archive in mirror/, its key in key.gpg, and a stranger's in stranger.gpg."""
    root = tmp_path_factory.mktemp("apt")
    archive = root / "mirror"
    suite = archive / f"dists/{SUITE}"
    architecture = run("dpkg", "--print-architecture").strip()
    index = suite / f"main/binary-{architecture}/Packages"
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(make_package(archive, name) for name in PACKAGES))
    content = index.read_bytes()
    (suite / "Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nComponents: main\nArchitectures: {architecture}\n"
        f"Date: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n"
        f" {hashlib.sha256(content).hexdigest()} {len(content)} {index.relative_to(suite)}\n"
    )
    make_key(root / "gnupg", root / "key.gpg")
    make_key(root / "stranger", root / "stranger.gpg")
    gpg = ["gpg", "--homedir", str(root / "gnupg"), "--batch", "--quiet"]
    run(*gpg, "--clearsign", "--output", suite / "InRelease", suite / "Release")
    (suite / "Release").unlink()
    for home in ("gnupg", "stranger"):
        subprocess.run(["gpgconf", "--homedir", str(root / home), "--kill", "all"], check=False)
    return root


def unpack(mirror: Path, archive: str, keyring: str, work: Path) -> Path:
    work.mkdir()
    source = Archive(f"file:{mirror / archive}", (SUITE,), ("main",), str(mirror / keyring))
    return unpack_mysql(work, [source], lambda _: None, pause=lambda _: None)


def test_a_signed_archive_is_unpacked_whole(mirror: Path, tmp_path: Path):
    prefix = unpack(mirror, "mirror", "key.gpg", tmp_path / "work")
    assert sorted(p.name for p in (prefix / "usr/sbin").iterdir()) == sorted(PACKAGES)


def test_an_archive_that_another_key_signed_is_refused(mirror: Path, tmp_path: Path):
    with pytest.raises(EngineError, match="signature cannot be verified") as caught:
        unpack(mirror, "mirror", "stranger.gpg", tmp_path / "work")
    assert caught.value.code is Code.NO_MYSQL
    assert not (tmp_path / "work/prefix").exists()


def test_a_package_that_was_changed_after_signing_is_refused(mirror: Path, tmp_path: Path):
    shutil.copytree(mirror / "mirror", mirror / "tampered")
    package = mirror / f"tampered/{PACKAGES[0]}.deb"
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineError, match=r"incomplete or damaged.*3 times"):
        unpack(mirror, "tampered", "key.gpg", tmp_path / "work")
    assert not (tmp_path / "work/prefix").exists()


def test_an_archive_without_the_suite_is_told_so(mirror: Path, tmp_path: Path):
    (mirror / "empty").mkdir()
    with pytest.raises(EngineError, match=f"no suite {SUITE}"):
        unpack(mirror, "empty", "key.gpg", tmp_path / "work")
