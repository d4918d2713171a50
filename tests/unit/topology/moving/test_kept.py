"""Sessions are kept from one look to the next, and replaced where they are lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from flyball.errors import Code
from flyball.keyrange import EVERYTHING
from flyball.session import Login, ServerError, SessionLostError, Target
from flyball_topology.moving.job import Place
from flyball_topology.moving.kept import KEPT_FOR, KeptLinks

HERE, THERE = Target("127.0.0.1", 3306, "a"), Target("127.0.0.1", 3307, "b")


@dataclass
class FakeLink:
    lost: bool = False
    closed: bool = False
    limit: float | None = None

    def run(self) -> str:
        if self.lost:
            raise SessionLostError.of(HERE, OSError("gone"))
        return "told"

    def answers_within(self, seconds: float) -> None:
        self.limit = seconds

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeJob:
    """Opens a link for each place, and remembers them."""

    login: Login = field(default_factory=lambda: Login("movers", "secret"))
    opened: list[FakeLink] = field(default_factory=list)

    def source(self, _: Place) -> FakeLink:
        self.opened.append(FakeLink())
        return self.opened[-1]


@pytest.fixture
def job() -> FakeJob:
    return FakeJob()


@pytest.fixture
def look(job: FakeJob) -> Callable[..., str]:
    now = [0.0]
    kept: Any = KeptLinks(lambda: now[0])

    def use(target: Target = HERE, do: Callable[[FakeLink], str] = FakeLink.run) -> str:
        return kept.use(job, Place("s", EVERYTHING, target), do)

    use.kept, use.now = kept, now  # type: ignore[attr-defined]
    return use


def test_the_next_look_needs_no_login(job: FakeJob, look: Callable[..., str]):
    assert [look(), look(), look(THERE)] == ["told"] * 3
    assert len(job.opened) == 2


def test_a_look_holds_the_server_to_a_limit(job: FakeJob, look: Callable[..., str]):
    look()
    assert job.opened[0].limit is not None


def test_two_looks_at_once_have_a_session_each(job: FakeJob, look: Callable[..., str]):
    look(do=lambda _: look())
    assert len(job.opened) == 2


def test_one_that_was_lost_in_between_is_replaced(job: FakeJob, look: Callable[..., str]):
    look()
    job.opened[0].lost = True
    assert look() == "told"
    assert [link.closed for link in job.opened] == [True, False]


def test_a_server_that_is_gone_is_told_as_such(job: FakeJob, look: Callable[..., str]):
    def lose(link: FakeLink) -> str:
        link.lost = True
        return link.run()

    look()
    with pytest.raises(SessionLostError):
        look(do=lose)
    assert all(link.closed for link in job.opened)


def test_one_that_was_refused_something_is_not_kept(job: FakeJob, look: Callable[..., str]):
    def refuse(_: FakeLink) -> str:
        raise ServerError(Code.MEMBER_REFUSED, "no such table")

    with pytest.raises(ServerError):
        look(do=refuse)
    assert job.opened[0].closed
    look()
    assert len(job.opened) == 2


def test_none_outlives_its_service(job: FakeJob, look: Callable[..., str]):
    look()
    look.kept.close()  # type: ignore[attr-defined]
    look()
    assert all(link.closed for link in job.opened)


def test_one_that_nobody_uses_is_not_kept_for_long(job: FakeJob, look: Callable[..., str]):
    look()
    look.now[0] += KEPT_FOR + 1  # type: ignore[attr-defined]
    look(THERE)
    assert [link.closed for link in job.opened] == [True, False]
