"""The parts of the cluster for tests that need no cluster: its images, its certificates, its processes."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.kubernetes import cluster, images, pki, processes
from tools.kubernetes.archive import pack_files
from tools.kubernetes.build import Unavailable
from tools.kubernetes.layout import HERE, SERVICE_OF_DNS, Layout

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = [
    sys.executable,
    "-c",
    (
        "import subprocess,sys,time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open(sys.argv[1], 'w').write(str(c.pid)); time.sleep(600)"
    ),
]


def started(tmp_path: Path, command: list[str]) -> Path:
    note = tmp_path / "note"
    processes.start(note, command, tmp_path / "log", os.environ)
    return note


def test_a_process_is_found_by_its_note_until_it_is_ended(tmp_path: Path):
    note = started(tmp_path, SLEEPER)
    assert processes.running(note) is not None
    processes.end(note)
    assert processes.running(note) is None
    assert not note.exists()


def test_the_children_of_a_process_end_with_it(tmp_path: Path):
    child = tmp_path / "child"
    note = started(tmp_path, [*PARENT, str(child)])
    while not child.exists() or not child.read_text():
        assert processes.running(note), (tmp_path / "log").read_text()
    processes.end(note)
    assert is_gone(int(child.read_text()))


def is_gone(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_a_process_that_got_a_number_later_is_left_alone(tmp_path: Path):
    with subprocess.Popen(SLEEPER) as other:
        note = tmp_path / "note"
        note.write_text(f"{other.pid} 1\n")
        assert processes.running(note) is None
        processes.end(note)
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)


def test_a_note_that_is_not_there_is_no_process(tmp_path: Path):
    processes.end(tmp_path / "none")
    assert processes.running(tmp_path / "none") is None


@pytest.fixture
def packed(tmp_path: Path):
    def pack(name: str) -> bytes:
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        archive = tmp_path / f"{name}.tar"
        pack_files(archive, "localhost/x:1", {"bin/x": program}, "amd64", ["/bin/x"], fixed=True)
        return archive.read_bytes()

    return pack


def test_an_archive_says_what_it_is_and_what_it_runs(packed):
    with tarfile.open(fileobj=io.BytesIO(packed("a"))) as archive:
        [manifest] = json.load(archive.extractfile("manifest.json"))
        assert manifest["RepoTags"] == ["localhost/x:1"]
        assert json.load(archive.extractfile(manifest["Config"]))["config"]["Entrypoint"] == ["/bin/x"]
        with tarfile.open(fileobj=archive.extractfile(manifest["Layers"][0])) as layer:
            [file] = layer.getmembers()
            assert (file.name, file.mode, file.uid) == ("bin/x", 0o755, 0)


def test_an_archive_of_the_same_files_has_the_same_bytes_whenever_it_is_made(packed):
    assert packed("a") == packed("b")


def test_every_certificate_is_of_the_one_authority_and_every_component_has_what_it_is_started_with(tmp_path: Path):
    place = Layout(nodes=2, state=tmp_path)
    pki.make(place)
    authority = x509.load_pem_x509_certificate((place.pki / "ca.crt").read_bytes())
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for file in place.pki.glob("*.crt"):
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        certificate.verify_directly_issued_by(authority)
    assert {file.stem for file in place.pki.glob("*.kubeconfig")} == {
        *("admin", "controller-manager", "scheduler", "proxy"),
        *("node-0", "node-1"),
    }
    assert all(file.stat().st_mode & 0o077 == 0 for file in place.pki.glob("*.k*"))


def test_the_api_server_is_named_for_the_machine_and_for_pods(tmp_path: Path):
    pki.make(Layout(nodes=1, state=tmp_path))
    certificate = x509.load_pem_x509_certificate((tmp_path / "pki/apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_pods_ask_the_name_server_that_is_installed():
    objects = yaml.safe_load_all((HERE / "manifests/dns.yaml").read_text())
    [service] = [one for one in objects if one["kind"] == "Service"]
    assert service["spec"]["clusterIP"] == SERVICE_OF_DNS


def test_a_kubeconfig_that_the_user_named_comes_first_and_the_clusters_own_is_no_other(tmp_path: Path):
    place = Layout(state=tmp_path)
    assert cluster.users_own(place, {"KUBECONFIG": "/etc/theirs"}) == Path("/etc/theirs")
    assert cluster.users_own(place, {"KUBECONFIG": str(place.kubeconfig)}) is None
    assert cluster.users_own(place, {}) is None


def test_a_process_that_is_not_to_outlive_its_maker_is_killed_with_it(tmp_path: Path):
    note = tmp_path / "note"
    script = (
        "import os, sys, time; from pathlib import Path; from tools.kubernetes import processes;"
        f"note, log = Path({str(note)!r}), Path({str(tmp_path / 'log')!r});"
        f"processes.start(note, {SLEEPER!r}, log, os.environ, outlives_us=False);"
        "print('started', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=HERE.parents[1], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"started\n"
        number = processes.running(note)
        assert number is not None
        maker.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not is_gone(number) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_gone(number)


def test_a_machine_says_what_it_lacks_for_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="root"):
        cluster.check_machine(Layout(state=tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster, "TOOLS", ("no-such-tool",))
    with pytest.raises(Unavailable, match="no-such-tool"):
        cluster.check_machine(Layout(state=tmp_path))


def test_memory_that_is_available_is_read_in_bytes():
    assert cluster._available_memory("MemTotal: 9 kB\nMemAvailable:    2048 kB\nCached: 1 kB\n") == 2 << 20


def test_of_each_image_the_archives_that_were_used_last_are_kept(tmp_path: Path):
    def archive(name: str, digest: int, used: int) -> Path:
        file = tmp_path / f"{name}-{digest:012x}.tar"
        file.touch()
        os.utime(file, (used, used))
        return file

    ours = [archive("flyball-test", number, 100 + number) for number in range(images.KEPT + 2)]
    others = [archive("base-flyball-test", 1, 1), archive("mysql-9.7", 1, 1)]
    images.forget(tmp_path, "flyball:test")
    assert sorted(tmp_path.iterdir()) == sorted([*ours[-images.KEPT :], *others])
