"""``python -m flyball_topology``: run the topology service."""

import argparse
from pathlib import Path

from flyball_topology.service import Home, Settings, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="flyball_topology", description="Run the topology service.")
    parser.add_argument("--store", type=Path, required=True, help="the SQLite file of the records")
    parser.add_argument("--secrets", type=Path, required=True, help="the directory of the secrets")
    parser.add_argument("--listen", default="127.0.0.1:0", help="host:port of /healthz and /metrics")
    parser.add_argument("--identity", default="", help="who holds the lease")
    given = parser.parse_args()
    main(Settings(Home(given.store, given.secrets), given.listen, given.identity))
