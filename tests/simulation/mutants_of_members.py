"""Members that break a rule: procedures, or mysqld's options, as they are modelled, with something taken out.

Each mutant is what :func:`tests.simulation.patching.patched` takes, by its rule and its name.
"""

from collections.abc import Callable
from typing import Any

from tests.simulation.machine import Machine
from tests.simulation.server import Channel, Commit, Row, Server

Changes = dict[str, Any]

SERVER = "tests.simulation.server:Server"
MACHINE = "tests.simulation.machine:Machine"
REVOCATION = "flyball_topology.revocation"

_START, _FENCE, _BECOME, _LOG = Server.start, Server.fence, Server.become, Server._log
_CHECK_FLOOR = Server.check_floor


def before(method: Callable[..., Any], first: Callable[..., None]) -> Callable[..., Any]:
    """The method, with something done before it."""

    def both(self: Any, *args: Any, **kwargs: Any) -> Any:
        first(self, *args, **kwargs)
        return method(self, *args, **kwargs)

    return both


def after(method: Callable[..., Any], then: Callable[..., None]) -> Callable[..., Any]:
    """The method, with something done after it."""

    def both(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        then(self, *args, **kwargs)
        return result

    return both


def _answers_first(server: Server, term: int, *_: object) -> None:
    server.check_floor(term)
    if not server.read_only:
        for commit in server.commits:
            server.finish(commit)
        server.commits.clear()


def _forget_received(server: Server, *_: object) -> None:
    if server.channel is not None:
        server.channel.received = server.channel.received.intersect(server.executed)


def _forget_at_change(server: Server, _: int, host: str, port: int, *__: object) -> None:
    if server.channel is not None and (server.channel.host, server.channel.port) != (host, port):
        _forget_received(server)


def _start_as_it_was(server: Server) -> None:
    row, semi, acks = server.row, server.semi_source, server.semi_acks
    was_open = not (server.super_read_only or server.read_only or server.offline)
    _START(server)
    if was_open and row is not None and row.opened:
        server.row, server.semi_source, server.semi_acks = row, semi, acks
        server.super_read_only = server.read_only = server.offline = False


def _forget_row(server: Server) -> None:
    server.row = None


def _fence_and_receive_on(server: Server, term: int, *stamp: Any) -> None:
    channel = server.channel
    wanted, state = (channel.wanted, channel.state) if channel else (False, "OFF")
    _FENCE(server, term, *stamp)
    if channel is not None:
        channel.wanted, channel.state = wanted, state


def _note_and_stay_open(server: Server, term: int, *_: object) -> None:
    server.check_floor(term)
    server.row = Row(server.uuid, term, 0, server.reigned)
    if server.channel is not None:
        server.channel.stop()


def _become_and_stay(server: Server, donor: Server) -> None:
    uuid = server.uuid
    _BECOME(server, donor)
    server.uuid = uuid


def _freeze_at_once(server: Server, term: int) -> None:
    server.obey(term)
    server.must_be_open(term)
    server.super_read_only = server.read_only = True


def _unlock_all(server: Server, _: tuple[str, ...]) -> None:
    for account in server.accounts:
        server.accounts[account] = False


def _end_semi_sync(server: Server, *_: object) -> None:
    server.semi_source = False
    server._resolve()


def _log_and_finish(server: Server, *args: Any, **kwargs: Any) -> Commit:
    commit = _LOG(server, *args, **kwargs)
    if not commit.done:  # visible and acknowledged later: AFTER_COMMIT, or no semi-sync at all
        server.executed = server.executed.union(commit.gtid)
    return commit


def _promise_of_any_row(server: Server) -> int | None:
    return server.row.term if server.row else None


def _promised_and_closed(member: Any, term: int) -> bool:
    """``fenced``, without a look at the receiver."""
    seen = member.seen
    return seen is not None and (seen.promise or 0) >= term and seen.opened == 0 and seen.read_only


def _promised(member: Any, term: int) -> bool:
    """``fenced``, without a look at the doors."""
    channel: Channel | None = member.seen.channel if member.seen else None
    stopped = channel is None or getattr(channel, "receiver", "OFF") == "OFF"
    return member.seen is not None and (member.seen.promise or 0) >= term and stopped


def _check_no_version(server: Server, term: int, _: int | None = None, issue: str | None = None) -> None:
    _CHECK_FLOOR(server, term, None, issue)


def _check_no_name(server: Server, term: int, version: int | None = None, _: str | None = None) -> None:
    _CHECK_FLOOR(server, term, version)


NOTHING_CHECKED = {f"{SERVER}.check_floor": lambda *_: None, f"{SERVER}.check_term": lambda *_: None}

MEMBERS: dict[tuple[str, str], Changes] = {
    ("rule 1", "SIGTERM comes before offline"): {f"{MACHINE}.stop_in_order": Machine.terminate},
    ("rule 1", "a fence ends semi-sync before sessions"): {f"{SERVER}.fence": before(_FENCE, _answers_first)},
    ("rule 2", "a restart throws away what was received"): {f"{SERVER}.start": after(_START, _forget_received)},
    ("rule 2", "a change of source throws away what was received"): {
        f"{SERVER}.follow": before(Server.follow, _forget_at_change)
    },
    ("rule 3", "a primary starts as it was"): {f"{SERVER}.start": _start_as_it_was},
    ("rule 4", "nobody checks a term"): NOTHING_CHECKED,
    ("rule 4", "nobody checks a term, nor what a member is open under"): {
        **NOTHING_CHECKED,
        f"{SERVER}.must_be_open": lambda *_: None,
    },
    ("rule 4", "nobody checks a version"): {f"{SERVER}.check_floor": _check_no_version},
    ("rule 4", "issues have no names"): {f"{SERVER}.check_floor": _check_no_name},
    ("rule 5", "a fence forgets its term over a restart"): {f"{SERVER}.start": after(_START, _forget_row)},
    ("rule 5", "a fence does not stop the receiver"): {
        f"{SERVER}.fence": _fence_and_receive_on,
        f"{REVOCATION}:fenced": _promised_and_closed,
    },
    ("rule 5", "a fence leaves the primary open"): {
        f"{SERVER}.fence": _note_and_stay_open,
        f"{REVOCATION}:fenced": _promised,
    },
    ("rule 6", "a row that came with a clone is a promise"): {
        f"{SERVER}.promise": property(_promise_of_any_row),
        f"{SERVER}.check_term": Server.check_floor,
    },
    ("rule 6", "a member that was cloned keeps its uuid"): {f"{SERVER}.become": _become_and_stay},
    ("rule 9", "a freeze does not wait for commits"): {f"{SERVER}.freeze": _freeze_at_once},
    ("rule 11", "nobody is locked out"): {
        f"{SERVER}.set_ackers": _unlock_all,
        "flyball_topology.ackset:applied_on_primary": lambda *_: True,
    },
    ("durability", "a primary opens without semi-sync"): {
        f"{SERVER}.promote": after(Server.promote, _end_semi_sync),
        f"{SERVER}.ensure_semi_sync": lambda *_: None,
    },
    ("durability", "a commit is visible before it is acknowledged"): {f"{SERVER}._log": _log_and_finish},
    ("durability", "a promotion does not ask for what it needs"): {
        f"{SERVER}.has_applied": property(lambda _: True),
        "flyball_topology.promotion:line_of": lambda _, snapshot: snapshot.executed,
    },
    ("guard", "a primary does not guard itself"): {f"{MACHINE}.guard": lambda _: None},
}
