"""The parts of the cluster for tests that need no cluster: its images, its certificates, its processes."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.kubernetes import cluster, pki, processes
from tools.kubernetes.archive import pack_files
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
