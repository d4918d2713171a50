"""Write docs/reference/ from the code: error codes, exit codes, commands, records, findings, metrics,
conditions and rights.

With ``--check`` nothing is written; it ends with 1 when a file is not what would be written.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "topology"), str(ROOT / "operator"), str(ROOT / "local"), str(ROOT / "tools")]

import reference_conditions  # noqa: E402 - the path comes first
import reference_findings  # noqa: E402
import reference_metrics  # noqa: E402
import reference_records  # noqa: E402
import reference_rights  # noqa: E402
import typer  # noqa: E402

from flyball.cli.exits import EXIT_CODES  # noqa: E402
from flyball.cli.program import app  # noqa: E402
from flyball.errors import TREE, Code  # noqa: E402

_NOTE = "<!-- Written by tools/generate_reference.py from the code; edits here are lost. -->"
_ABOUT_ERRORS = (
    "Every error that a user can cause has a code that never changes its meaning. The command line prints it as "
    "`error FB1009: …`, followed by `next: …`, what can be done now; records carry it in `status.code`."
)
_ABOUT_OUTPUT = (
    "Results go to standard output, progress and errors to standard error. `-o json` and `-o yaml` print what "
    "machines read; keys are stable."
)


def errors() -> str:
    """The page of error codes."""
    lines = [
        "# Errors",
        _NOTE,
        _ABOUT_ERRORS,
    ]
    for kind, prefix in TREE.items():
        rows = [f"| `{code.number}` | {code.meaning} |" for code in Code if code.number.startswith(prefix)]
        story = (kind.__doc__ or "").strip()
        lines += [f"## {prefix}xxx: {kind.__name__}", story, "\n".join(["| code | meaning |", "| --- | --- |", *rows])]
    return "\n\n".join(lines) + "\n"


def cli() -> str:
    """The page of commands and exit codes."""
    codes = [
        f"| {each.number} | {each.meaning} | {', '.join(_shown(code) for code in each.codes)} |" for each in EXIT_CODES
    ]
    lines = [
        "# The command line",
        _NOTE,
        _ABOUT_OUTPUT,
        "## Exit codes",
        "\n".join(["| exit code | meaning | errors |", "| --- | --- | --- |", *codes]),
        "`flyball sql` ends with the exit code of the `mysql` client.",
    ]
    program = typer.main.get_command(app)
    context = program.make_context("flyball", [], resilient_parsing=True)
    lines += _commands(program, context, "flyball")
    return "\n\n".join(lines) + "\n"


def _shown(prefix: str) -> str:
    """``FB1xxx`` for a branch, ``FB4008`` for one code."""
    return f"`{prefix}`" if len(prefix) == 6 else f"`{prefix}xxx`"


def _commands(group: Any, context: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer's own classes
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"## {path} {name}"
        yield " ".join((command.help or "").split())
        if hasattr(command, "list_commands"):
            yield from _commands(command, context, f"{path} {name}")
            continue
        words = [_argument(each) for each in command.params if each.param_type_name == "argument"]
        yield f"```text\n{' '.join([path, name, *words, '[OPTIONS]'])}\n```"
        options = [_option(each) for each in command.params if each.param_type_name == "option"]
        if options:
            yield "\n".join(["| option | meaning |", "| --- | --- |", *options])
        if command.epilog:
            examples = command.epilog.partition(":")[2].split("  |  ")
            yield "Examples:\n\n```console\n" + "\n".join(f"$ {each.strip()}" for each in examples) + "\n```"


def _argument(parameter: Any) -> str:  # noqa: ANN401
    if parameter.metavar:
        return str(parameter.metavar)
    name = parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> str:  # noqa: ANN401
    names = ", ".join(f"`{name}`" for name in (*reversed(parameter.opts), *parameter.secondary_opts))
    return f"| {names} | {(parameter.help or '').replace('|', chr(92) + '|')} |"


PAGES = {
    "errors.md": errors,
    "cli.md": cli,
    "records.md": reference_records.page,
    "findings.md": reference_findings.page,
    "metrics.md": reference_metrics.page,
    "conditions.md": reference_conditions.page,
    "rights.md": reference_rights.page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them; returns the exit code."""
    stale = []
    for name, page in PAGES.items():
        path, text = ROOT / "docs" / "reference" / name, page()
        if "--check" in arguments:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not current: run tools/generate_reference.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
