"""The texts that the topology service sends, as calls of procedures; and what each procedure does to the model."""

import re
from collections.abc import Callable

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball_topology import notes
from tests.simulation.server import Commit, Payload
from tests.unit.topology.world import World

Argument = str | int | float | bool | None

_CALL = re.compile(r"\s*CALL flyball\.`?(\w+)`?\(")
_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(TRUE|FALSE|NULL)|(-?\d+(?:\.\d+)?))\s*(,|\))", re.DOTALL)
_WORDS: dict[str, Argument] = {"TRUE": True, "FALSE": False, "NULL": None}
_ESCAPES = {"n": "\n", "r": "\r", "0": "\0", "Z": "\x1a"}


def parse(text: str) -> list[tuple[str, list[Argument]]]:
    """The procedures that a text calls, with their arguments; nothing for a text without any."""
    found, at = [], 0
    while match := _CALL.match(text, at):
        at = match.end()
        arguments: list[Argument] = []
        while True:
            token = _TOKEN.match(text, at)
            if token is None:
                raise ValueError(f"not a statement of the topology service: {text[at : at + 40]!r}")
            at = token.end()
            quoted, word, number, end = token.groups()
            if quoted is not None:
                arguments.append(re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), quoted, flags=re.DOTALL))
            elif word is not None:
                arguments.append(_WORDS[word])
            else:
                arguments.append(float(number) if "." in number else int(number))
            if end == ")":
                break
        found.append((match[1], arguments))
        at = text.find(";", at) + 1 or len(text)
    return found


def perform(world: World, name: str, procedure: str, arguments: list[Argument]) -> list[Commit]:
    """Do what the procedure does to member ``name``; return the commits that its end waits for."""
    act = _PROCEDURES.get(procedure)
    if act is None:
        raise MemberError(Code.MEMBER_REFUSED, f"PROCEDURE flyball.{procedure} does not exist")
    if procedure in _NOTED and not world[name].takes_notes:
        arguments = [*arguments, None]  # one more than its program has a parameter for is refused
    return act(world, name, *arguments) or []


_NOTED = frozenset({"follow", "catch_up", "promote", "admit"})
"""Whose last parameter is a note."""


def _follow(
    world: World,
    name: str,
    term: int,
    version: int,
    issue: str,
    host: str,
    port: int,
    _account: str,
    _password: str,
    acks: bool,
    note: str | None,
) -> None:
    world[name].follow(term, host, port, acks, version, issue, note and notes.parse(note))


def _catch_up(
    world: World, name: str, term: int, version: int, issue: str, _holds: str, _wait: float, note: str | None
) -> None:
    world[name].catch_up(term, version, issue, note and notes.parse(note))


def _promote(
    world: World,
    name: str,
    term: int,
    version: int,
    issue: str,
    holds: str,
    acks: int,
    ackers: str,
    note: str | None,
) -> None:
    by_account = {account: member for member, account in accounts(world).items()}
    named = tuple(by_account[account] for account in ackers.split(",") if account)
    world[name].promote(term, GtidSet.parse(holds), acks, named, version, issue, note and notes.parse(note))
    world.settle()


def _admit(world: World, name: str, term: int, version: int, issue: str, ackers: str, note: str | None) -> None:
    by_account = {account: member for member, account in accounts(world).items()}
    named = tuple(by_account[account] for account in ackers.split(",") if account)
    world[name].admit(term, named, version, issue, note and notes.parse(note))


def _account(world: World, name: str, term: int, account: str, *_: Argument) -> list[Commit]:
    world[name].must_be_open(term)
    return [world[name].write(Payload("account", account))]


def _database(world: World, name: str, term: int, database: str) -> list[Commit]:
    world[name].must_be_open(term)
    return [world[name].write(Payload("database", database))]


def _journal(world: World, name: str, term: int, _member: str, _mode: str) -> list[Commit]:
    commit = world[name].write_journal(term)
    return [commit] if commit else []


def _watch(world: World, name: str, term: int, _lease: int) -> None:
    world[name].must_be_open(term)


def accounts(world: World) -> dict[str, str]:
    """By member: the account that it replicates with."""
    return {name: replica_account(name) for name in world.servers}


Procedure = Callable[..., list[Commit] | None]

_PROCEDURES: dict[str, Procedure] = {
    "fence": lambda world, name, term, version, issue: world[name].fence(term, version, issue),
    "freeze": lambda world, name, term, _wait, _grace: world[name].freeze(term),
    "thaw": lambda world, name, term: world[name].thaw(term),
    "hold": lambda world, name, term, version, issue, _wait, _grace: world[name].hold(term, version, issue),
    "serve": lambda world, name, term, version, issue: world[name].serve(term, version, issue),
    "isolate": lambda world, name, term: world[name].isolate(term),
    "follow": _follow,
    "settle": lambda world, name, term: world[name].settle(term),
    "lend": lambda world, name, term, reader: world[name].lend(term, reader),
    "catch_up": _catch_up,
    "promote": _promote,
    "journal": _journal,
    "forget_source": lambda world, name, term: world[name].forget_source(term),
    "declare_gtids": lambda world, name, term, gtids: world[name].declare(term, GtidSet.parse(gtids)),
    "admit": _admit,
    "ensure_semi_sync": lambda world, name, term, version, issue, acks: world[name].ensure_semi_sync(
        term, acks, version, issue
    ),
    "establish": lambda world, name, term: world[name].establish(term),
    "ensure_replica_account": _account,
    "ensure_user": _account,
    "ensure_database": _database,
    "watch": _watch,
    "beat": lambda world, name, term, beat, _: [world[name].write_beat(term, beat)],
}
