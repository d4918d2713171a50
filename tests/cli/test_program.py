"""The program as a whole: exit codes, help, what becomes of failures, and the reference that is generated."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

import flyball as package
from flyball.cli import exits
from flyball.cli.program import COMMANDS, GROUPS, app
from flyball.errors import TREE, Code, StoreError

ROOT = Path(__file__).resolve().parents[2]


def test_every_code_leads_to_an_exit_code_of_its_branch():
    for code in Code:
        number = exits.exit_code_of(code)
        of_its_branch = {6: 8}.get(int(code.number[2]), 1 + int(code.number[2]))
        assert number == (7 if code is Code.TIMED_OUT else of_its_branch)
    numbers = [each.number for each in exits.EXIT_CODES]
    assert len(set(numbers)) == len(numbers)


def test_an_error_in_a_record_becomes_the_same_error():
    for code in Code:
        error = exits.error_of(code.number, "because")
        assert (error.code, error.message) == (code, "because")
        assert code.number.startswith(TREE[type(error)])
    assert exits.error_of("FB9999", "").code is Code.NOT_DONE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(flyball, command):
    done = flyball(command, "--help")
    assert done.code == 0
    if command not in GROUPS:
        assert "Example" in done.out


def test_help_lists_every_command(flyball):
    for words in ((), ("--help",)):
        done = flyball(*words)
        assert done.code == 0
        assert all(command in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_says_what_the_command_says_itself(command):
    known = get_group(app).get_command(None, command)
    assert known.help.split("\n\n")[0] == COMMANDS[command].summary


def test_the_list_imports_none_of_the_commands():
    script = "import sys; from flyball.cli.program import app, COMMANDS\n"
    script += "try: app(['--help'])\nfinally: print([w.module for w in COMMANDS.values() if w.module in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_is_a_usage_error(refused):
    refused("FB1011", 2, "stauts")
    refused("FB1011", 2, "--verbose")


def test_a_failure_that_nobody_foresaw_shows_no_traceback(flyball, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("flyball.cli.status.report", fail)
    done = flyball("status")
    assert done.code == 1
    assert "error: unexpected ZeroDivisionError: division by zero" in done.err
    assert "FLYBALL_TRACEBACK=1" in done.err


def test_an_error_inside_a_group_is_told_as_itself(flyball, monkeypatch):
    def fail(*_):
        raise ExceptionGroup("tasks", [ValueError(), StoreError(Code.STORE_AWAY, "gone", "look")])

    monkeypatch.setattr("flyball.cli.status.report", fail)
    done = flyball("status")
    assert (done.code, done.err) == (3, "error FB2005: gone\nnext: Look\n")


def test_ctrl_c_is_no_error(flyball, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("flyball.cli.status.report", stop)
    done = flyball("status")
    assert (done.code, done.err) == (130, "")


def test_the_version_is_told_without_importing_much():
    script = (
        "import sys; sys.argv[1:] = ['--version']\n"
        "from flyball.cli.main import run\n"
        "try:\n    run()\nfinally:\n"
        "    heavy = {'typer', 'rich', 'pydantic', 'asyncio'} & set(sys.modules)\n    assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, f"flyball {package.__version__}\n"), done.stderr


def test_the_version_option_works_beside_others(flyball, store):
    assert flyball("--home", str(store.home), "--version").out == f"flyball {package.__version__}\n"


def test_the_generated_reference_is_current():
    done = subprocess.run(
        [sys.executable, "tools/generate_reference.py", "--check"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_reference_names_every_code_and_exit_code():
    errors = (ROOT / "docs/reference/errors.md").read_text()
    assert all(f"| `{code.number}` | {code.meaning} |" in errors for code in Code)
    cli = (ROOT / "docs/reference/cli.md").read_text()
    assert all(f"| {each.number} |" in cli and each.meaning in cli for each in exits.EXIT_CODES)
    assert all(f"## flyball {command}" in cli for command in COMMANDS)
