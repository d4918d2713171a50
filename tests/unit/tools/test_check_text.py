"""What belongs to one machine is found in a text, and what only looks like it is not."""

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "tools/check_text.py"
spec = importlib.util.spec_from_file_location("check_text", SOURCE)
assert spec is not None
assert spec.loader is not None
check_text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_text)


def kinds(text: str, name: str = "docs/a.md") -> list[str]:
    return [kind for _, kind in check_text.findings_in(name, text)]


@pytest.mark.parametrize(
    "host", ["py" + "pi.org", "files.py" + "thonhosted.org", "deb.deb" + "ian.org", "registry.k8" + "s.io"]
)
def test_a_registrys_host_is_found_with_and_without_a_scheme(host: str):
    assert kinds(f"see {host}/x") == ["a registry's host"]
    assert kinds(f"https://{host}/x") == ["a registry's host"]


@pytest.mark.parametrize(
    "text",
    [
        "http://mirror.test/debian",
        "the Debian archive, PyPI",
        "archive.uri, files.append(name), index.io_loop, flyball.dev/v1alpha1",
        "~/.cache/flyball and $HOME/work/x, docs/work/notes.md, https://host.example/home/page",
        "HOME is /home/me",
        "--no-emit-index" + "-url",
        "apiVersion: rbac.authorization.k8s.io/v1, k8s.io/kubernetes/cmd",
    ],
)
def test_what_only_looks_like_it_is_let_through(text: str):
    assert kinds(text) == []


def test_an_option_that_names_an_index_is_found():
    assert kinds("pip install --find" + "-links x") == ["an option that names an index"]


def test_a_path_below_somebodys_home_is_found():
    assert kinds("cd /home" + "/anna/flyball") == ["a path on one machine"]
    assert kinds("'/ro" + "ot/x'") == ["a path on one machine"]


@pytest.mark.parametrize("line", ["a @ file:x", "a @ https://host.example/a.whl", "-e x", "--pre x"])
def test_a_lock_holds_names_versions_and_hashes_only(line: str):
    assert kinds(line, "requirements.lock")
    assert not kinds("a==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n# Written by us", "requirements.lock")


def test_an_init_file_in_a_plain_folder_is_found():
    names = {"operator/__init__.py", "local/flyball_local/__init__.py", "flyball/__init__.py"}
    assert check_text.misplaced(names) == ["operator/__init__.py"]


def test_the_repository_itself_passes(capsys: pytest.CaptureFixture[str]):
    assert check_text.main() == 0, capsys.readouterr().out


def test_what_a_go_module_is_called_is_no_host_where_modules_are_pinned():
    module = "\tgol" + "ang.org/x/crypto v0.36.0"
    assert kinds(module, "go.mod") == []
    assert kinds(module, "docs/a.md") == ["a registry's host"]
    assert kinds("proxy.gol" + "ang.org/x", "go.mod") == ["a registry's host"]
