"""A trial on a cluster: which images it takes, how it calls flyball, and what its application is told."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tools.kubernetes.build import Unavailable
from tools.kubernetes.trial import application, faults, stage
from tools.kubernetes.trial.stage import Stage, TrialError

PLACE = Stage(Path("kubeconfig"), Path("programs"), Path("shims"), "here", "flyball:1", "mysql:9.7", None, "node-0")


def test_images_of_another_cluster_have_to_be_named():
    with pytest.raises(Unavailable, match="FLYBALL_IMAGE"):
        stage._image_names({}, is_theirs=True)
    assert stage._image_names({"FLYBALL_IMAGE": "mine:1"}, is_theirs=True) == ("mine:1", "mysql:9.7")
    assert stage._image_names({}, is_theirs=False) == ("localhost/flyball:test", "localhost/mysql:9.7")


def test_kubectl_finds_flyball_as_a_plugin_of_this_tree(tmp_path: Path):
    stage._write_shim(tmp_path)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [tmp_path / "kubectl-flyball", "--version"], capture_output=True, text=True, check=True, env=clean, cwd="/"
    )
    assert done.stdout.startswith("flyball ")


def test_the_application_asks_no_name_server_and_runs_where_nothing_befalls_it():
    pod = application._pod(PLACE, ["s"], {"s-primary": "10.0.0.1"})
    assert pod["spec"]["nodeName"] == "node-0"
    assert pod["spec"]["hostAliases"] == [{"ip": "10.0.0.1", "hostnames": ["s-primary"]}]
    assert pod["spec"]["containers"][0]["command"][-1] == "s=s-primary"


def test_nobodys_own_cluster_is_harmed():
    with pytest.raises(Unavailable), faults.cut_off(PLACE, "node-1"):
        pass
    with pytest.raises(Unavailable), faults.without_api_server(PLACE):
        pass


def test_two_trials_do_not_have_one_cluster(tmp_path: Path):
    lock = tmp_path / "cluster.lock"
    with stage.turn(lock), pytest.raises(Unavailable, match="another trial"), stage.turn(lock, 0.0):
        pass
    with stage.turn(lock, 0.0):
        pass


def test_a_command_that_lost_the_api_server_is_given_again_and_one_that_was_refused_is_not(tmp_path: Path):
    kubectl = tmp_path / "kubectl"
    place = replace(PLACE, programs=tmp_path, shims=tmp_path)
    kubectl.write_text(
        f"#!/bin/sh\nif [ -e {tmp_path}/asked ]; then echo done; exit; fi\ntouch {tmp_path}/asked\n"
        "echo 'error: http2: client connection lost' >&2; exit 1\n"
    )
    kubectl.chmod(0o755)
    assert place.kubectl("get", "pods") == "done\n"
    kubectl.write_text("#!/bin/sh\necho x >> " + str(tmp_path / "times") + "\necho forbidden >&2; exit 1\n")
    with pytest.raises(TrialError, match="forbidden"):
        place.kubectl("get", "pods")
    assert (tmp_path / "times").read_text() == "x\n"
