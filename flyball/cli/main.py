"""The console script's entry: answers ``--version`` by itself, and imports the rest only when it is needed.

Importing typer and what it brings takes longer than most commands.
"""

import importlib
import sys
from pathlib import Path

from flyball import __version__


def run() -> None:
    """Run the program with the words of this process; ends it with the exit code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"flyball {__version__}\n")
        sys.exit(0)
    called = Path(sys.argv[0]).name  # kubectl finds the program by this name
    importlib.import_module("flyball.cli.program").app(prog_name=called.replace("kubectl-", "kubectl "))


if __name__ == "__main__":
    run()
