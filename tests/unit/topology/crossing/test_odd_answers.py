"""What a member answers in its last moments is no reason to see nothing at all."""

from typing import Any

import pytest

from flyball.errors import Code, MemberError
from flyball_topology.crossing.sql_crossing import SqlCrossing
from tests.unit.topology.resharding.views import LOWER, view_at


class Sessions:
    async def topology(self, *_: object) -> list[dict[str, str]]:
        return []


async def test_a_member_that_answers_with_nothing_is_as_good_as_away():
    crossing: Any = SqlCrossing(None, None, lambda: 0.0)  # type: ignore[arg-type] - neither is asked
    crossing._sessions = Sessions()
    with pytest.raises(MemberError) as caught:
        await crossing.look(view_at().move, LOWER)
    assert caught.value.code is Code.MEMBER_UNREACHABLE
