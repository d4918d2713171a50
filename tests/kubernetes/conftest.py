"""One API server for all of these tests, our definitions in it, and a namespace for each."""

import itertools
import subprocess
from pathlib import Path

import pytest

from flyball.kubernetes.client import connect
from flyball.kubernetes.resources import NAMESPACES
from tests.contract.api import Place
from tests.kubernetes.running import api_server
from tools.kubernetes.build import BUILD_LIMIT, Part, Unavailable, binaries

ROOT = Path(__file__).resolve().parent.parent.parent
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of these tests may have to build Kubernetes."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours[:1]:
        item.add_marker(pytest.mark.timeout(BUILD_LIMIT))


@pytest.fixture(scope="session")
def programs() -> Path:
    """etcd, kube-apiserver and kubectl: those of KUBEBUILDER_ASSETS, or built here; minutes the first time."""
    try:
        return binaries(Part.API)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kubeconfig(programs: Path, tmp_path_factory: pytest.TempPathFactory):
    with api_server(programs, tmp_path_factory.mktemp("api-server")) as path:
        yield path


@pytest.fixture(scope="session")
def kubectl(programs: Path, kubeconfig: Path):
    """Run kubectl; gives its output, standard error behind it."""

    def run(*words: str | Path, given: str = "", succeeds: bool = True) -> str:
        done = subprocess.run(
            [programs / "kubectl", "--kubeconfig", kubeconfig, *words],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def definitions(kubectl) -> None:
    """Our custom resource definitions, served."""
    kubectl("apply", "--server-side", "-f", ROOT / "crds")
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", ROOT / "crds")


@pytest.fixture
async def place(kubeconfig: Path):
    """An API and an empty namespace."""
    api, _ = await connect(kubeconfig)
    namespace = f"test-{next(_numbers)}"
    await api.create(NAMESPACES, {"metadata": {"name": namespace}})
    yield Place(api, namespace)
    await api.close()
