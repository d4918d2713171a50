"""The demo without the command line: ``python -m flyball_local.demo``."""

import argparse
import sys

from flyball_local.demo.program import demo, wishes_to_keep


def main() -> int:
    """The process's entry; returns its exit code."""
    parser = argparse.ArgumentParser(prog="flyball local demo", description="A sharded MySQL here, with real data.")
    parser.add_argument("--keep", action="store_true", default=wishes_to_keep(), help="leave it running")
    parser.add_argument("--flights", type=int, help="load only so many flights")
    given = parser.parse_args()
    return demo(keep=given.keep, flights=given.flights)


if __name__ == "__main__":
    sys.exit(main())
