"""The page of a Keyspace's conditions: every reason that an engine gives, and what can be done about it.

The reasons are read from the code, the sentences for people are here; one that is missing, or left over, is an error.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from flyball.conditions import in_words
from flyball.errors import Code

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("flyball/conditions.py", "operator/flyball_operator/conditions.py", "local/flyball_local/conditions.py")

_CONDITIONS = {
    "Ready": "every shard has a primary, and all its members replicate",
    "MembersRunning": "every member's mysqld runs and accepts connections",
    "Following": "what the user asked for is so everywhere (on Kubernetes)",
    "Orphans": "there are volumes that nobody uses and that hold data still (on Kubernetes)",
    "ConfigInEffect": "every mysqld was started with the `mysql.config` that is declared (on this machine)",
}

_MEANT = {
    "Serving": ("all is well", "nothing"),
    "AllRunning": ("all is well", "nothing"),
    "AsDeclared": ("all is well", "nothing"),
    "AllStartedWithIt": ("all is well", "nothing"),
    "None": ("there are none", "nothing"),
    "Provisioning": ("a shard is being made", "wait; then see `MembersStarting`"),
    "MembersStarting": ("members are awaited", "`kubectl describe pod`, or the member's log, where it lasts"),
    "MemberStopped": ("a person stopped a member", "`flyball local start` brings it back"),
    "PodWaits": (
        "a pod cannot run, for the reason that Kubernetes gives; or its volume is an earlier keyspace's",
        "mend what it names; a foreign volume is taken over with `storage.adopt: true`",
    ),
    "AwaitingPrimary": ("a shard has no primary", "[no primary](../runbooks/no-primary.md)"),
    "AwaitingReplicas": (
        "a member does not replicate yet",
        "`flyball explain`; [replication](../runbooks/replication.md)",
    ),
    "MembersLeaving": ("members that are not declared any more leave", "wait; `flyball explain` says for whom"),
    "Deleting": ("the keyspace comes down", "wait; a node that does not answer holds it up for three minutes at most"),
    "Paused": ("a person paused the keyspace", "`paused: false`, when it may go on"),
    "Awaits": ("what the message names is awaited", "wait; `flyball explain` tells more"),
    "MemberLeaves": ("a member leaves, so that its pod or volume can be replaced", "wait; the message says for what"),
    "Waits": ("a wish waits for a calm shard", "see what the message names, `flyball explain` of that shard first"),
    "Changing": ("a change is under way", "wait"),
    "PasswordAwaited": ("the Secret that an account names is not there", "make it, with the key that is named"),
    "PasswordDiffers": (
        "the Secret was changed after the account was made",
        "put the former password back, or change the account's by hand and its Secret to the same",
    ),
    "VolumesKept": (
        "volumes of members that are no more",
        "`kubectl delete pvc`, once their data is not needed any more",
    ),
    "RestartNeeded": ("other options are in force than declared", "restart the members that it names, a primary last"),
    "EngineFailed": ("the engine met an error that has no code", "its log; [report it](../how-to/report-a-problem.md)"),
}

_ABOUT = (
    "What stands in `Keyspace.status.conditions`. A condition is `Unknown` where the engine could not look. Its "
    "message names the object; it changes only when the state does. A Shard's condition `Healthy` has a "
    "[finding](findings.md) as its reason."
)


def reasons() -> set[str]:
    """Every reason that stands in the code as a text."""
    found: set[str] = set()
    for source in SOURCES:
        found |= set(_texts(ast.parse((ROOT / source).read_text(encoding="utf-8"))))
    return found


def page() -> str:
    """The page.

    :raises ValueError: a reason has no sentence, or a sentence no reason.
    """
    if (odd := reasons() ^ _MEANT.keys()) != set():
        raise ValueError(f"tools/reference_conditions.py: reasons without a sentence, or the reverse: {sorted(odd)}")
    rows = [f"| `{reason}` | {meaning} | {step} |" for reason, (meaning, step) in sorted(_MEANT.items())]
    codes = [f"| `{in_words(code)}` | `{code.number}` | {code.meaning} |" for code in sorted(Code, key=in_words)]
    lines = [
        "# Conditions",
        "<!-- Written by tools/generate_reference.py from the code; edits here are lost. -->",
        _ABOUT,
        "\n".join(
            ["| condition | holds where |", "| --- | --- |", *(f"| `{k}` | {v} |" for k, v in _CONDITIONS.items())]
        ),
        "## Reasons",
        "\n".join(["| reason | meaning | what to do |", "| --- | --- | --- |", *rows]),
        "## Reasons that are errors",
        "An engine that cannot go on gives the error's name as the reason of `Ready`, and tries again after a rest.",
        "\n".join(["| reason | code | meaning |", "| --- | --- | --- |", *codes]),
    ]
    return "\n\n".join(lines) + "\n"


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Yield(value=ast.Tuple(elts=[first, *_])):
                yield from _constants(first)
            case ast.keyword(arg="reason", value=value):
                yield from _constants(value)
            case ast.Call(func=ast.Name(id="condition"), args=[_, _, good, *_]):
                yield from _constants(good)
            case ast.Assign(targets=[ast.Name(id="reason")], value=value):
                yield from _constants(value)


def _constants(value: ast.AST) -> Iterator[str]:
    """The texts that an expression may be; what it compares or calls is none."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _constants(body)
            yield from _constants(orelse)
