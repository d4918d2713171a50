"""Kubernetes is built once, by one process, whole or not at all; and who cannot have it is told why."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.kubernetes.build import Part, Unavailable, binaries, directory, is_built

GO = """#!/bin/sh
# A compiler that makes a file of each command that it is asked for, and notes that it was asked.
echo "$@" >>{asked}
[ "$1" = list ] && {{ printf 'v1.34.4\\nv3.19.5\\n'; exit; }}
[ -e {broken} ] && {{ echo "no such module" >&2; exit 1; }}
while [ "$1" != -o ]; do shift; done
target=$2; shift 2
for package in "$@"; do
  name=$(basename "${{package%/v3}}"); [ "$package" = . ] && name=flyball-coredns
  printf '#!/bin/sh\\n' >"$target$name"; chmod +x "$target$name"
done
"""
CC = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nprintf x >"$2"; chmod +x "$2"\n'


class Machine:
    """A cache, and a PATH with a compiler."""

    def __init__(self, root: Path):
        self.asked, self.broken = root / "asked", root / "broken"
        self.tools = root / "bin"
        self.tools.mkdir()
        self.put("go", GO.format(asked=self.asked, broken=self.broken))
        self.put("cc", CC)
        self.environ = {"PATH": f"{self.tools}:/usr/bin:/bin", "XDG_CACHE_HOME": str(root / "cache")}

    def put(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def builds(self) -> int:
        return sum(line.startswith("build") for line in self.asked.read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr("tools.kubernetes.build.SPACE_NEEDED", 1)
    return Machine(tmp_path)


def test_a_part_is_built_once_and_found_from_then_on(machine: Machine):
    home = binaries(Part.API, environ=machine.environ)
    assert {"etcd", "kube-apiserver", "kubectl"} <= {file.name for file in home.iterdir()}
    assert binaries(Part.API, environ=machine.environ, build=False) == home
    assert machine.builds() == 1


def test_all_parts_leave_nothing_that_was_only_needed_for_building(machine: Machine):
    home = binaries(*Part, environ=machine.environ)
    programs = {program for part in Part for program in part.value}
    assert {file.name for file in home.iterdir()} == {*programs, ".api-complete", ".cluster-complete"}


def test_a_build_that_failed_says_what_the_compiler_said_and_is_made_again(machine: Machine):
    machine.broken.touch()
    with pytest.raises(Unavailable, match="no such module"):
        binaries(Part.API, environ=machine.environ)
    machine.broken.unlink()
    assert is_built(binaries(Part.API, environ=machine.environ), Part.API)


def test_a_part_that_lacks_a_program_is_built_again(machine: Machine):
    home = binaries(Part.API, environ=machine.environ)
    (home / "etcd").unlink()
    assert (binaries(Part.API, environ=machine.environ) / "etcd").exists()


def test_without_a_compiler_the_reason_is_that_there_is_none(machine: Machine):
    (machine.tools / "go").unlink()
    with pytest.raises(Unavailable, match="no Go on PATH"):
        binaries(Part.API, environ={**machine.environ, "PATH": str(machine.tools)})


def test_what_is_not_built_is_not_built_by_who_only_asks(machine: Machine):
    with pytest.raises(Unavailable, match="make kubernetes"):
        binaries(Part.API, environ=machine.environ, build=False)


def test_the_users_own_binaries_come_first_and_a_lack_in_them_is_named(machine: Machine, tmp_path: Path):
    assets = tmp_path / "assets"
    assets.mkdir()
    environ = {**machine.environ, "KUBEBUILDER_ASSETS": str(assets)}
    with pytest.raises(Unavailable, match=r"KUBEBUILDER_ASSETS is .* no etcd, kube-apiserver, kubectl"):
        binaries(Part.API, environ=environ)
    for name in Part.API.value:
        (assets / name).touch(mode=0o755)
    assert binaries(Part.API, environ=environ) == assets


@pytest.fixture
def holder(machine: Machine):
    """Another process that holds the lock until it is told to let go."""
    home = directory(machine.environ)
    home.mkdir(parents=True)
    code = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    command = [sys.executable, "-c", code, str(home.with_suffix(".lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_another_processs_build_is_waited_for_within_the_limit(machine: Machine, holder):
    with pytest.raises(Unavailable, match="another process is still building"):
        binaries(Part.API, environ=machine.environ, limit=0)


def test_a_part_is_used_while_its_builder_is_at_the_next_one(machine: Machine, holder):
    home = directory(machine.environ)

    def built_meanwhile(_: str) -> None:
        for name in Part.API.value:
            (home / name).touch(mode=0o755)
        (home / ".api-complete").touch()

    assert binaries(Part.API, environ=machine.environ, report=built_meanwhile) == home
    assert holder.poll() is None


def test_the_lock_of_a_builder_that_died_binds_nobody(machine: Machine, holder):
    holder.kill()
    holder.wait()
    assert is_built(binaries(Part.API, environ=machine.environ, limit=30), Part.API)
