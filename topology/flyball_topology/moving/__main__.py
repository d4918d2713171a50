"""``python -m flyball_topology.moving``: a worker of a reshard; started by the topology service."""

import sys

from flyball_topology.moving.worker import main

if __name__ == "__main__":
    sys.exit(main())
