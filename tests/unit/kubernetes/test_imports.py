"""What a laptop without a cluster pays for the store in one: nothing."""

import subprocess
import sys


def test_the_store_loads_no_client_before_it_connects() -> None:
    program = (
        "import sys, flyball.cli.place, flyball_topology.service, flyball.store.kubernetes\n"
        "print(*sorted({'kubernetes', 'urllib3', 'kopf'} & sys.modules.keys()))"
    )
    path = [entry for entry in sys.path if entry]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
