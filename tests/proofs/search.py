"""Every state that a small world can get into, and the shortest way to the first one that must not be.

Breadth first, so a way that is found is a shortest one: what a person reads first when a rule is missing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Steps = Callable[[tuple], Iterator[tuple[str, tuple]]]
"""From a state to each act that may come next, in words, and the state after it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the search saw: how many states, and the acts that lead to a broken one."""

    states: int
    broken: str = ""
    way: tuple[str, ...] = ()


def search(
    starts: Iterable[tuple],
    steps: Steps,
    broken: Callable[[tuple], str],
    *,
    most: int,
    fold: Callable[[tuple], tuple] = lambda state: state,
) -> Found:
    """All states reachable from ``starts``, each looked at once.

    :param fold: gives states that differ in names alone the same one; the way is then told in changing names.
    :param broken: what is wrong with a state; nothing when it is as it must be.
    :raises AssertionError: when there are more than ``most`` states, for then nothing is proven.
    """
    before: dict[tuple, tuple[str, tuple] | None] = dict.fromkeys(starts)
    layer = list(before)
    while layer:
        following = []
        for state in layer:
            for act, found in steps(state):
                after = fold(found)
                if after in before:
                    continue
                before[after] = (act, state)
                if wrong := broken(after):
                    return Found(len(before), wrong, _way(before, after))
                following.append(after)
        assert len(before) <= most, f"more than {most} states: the world is too large to be searched"
        layer = following
    return Found(len(before))


def _way(before: dict[tuple, tuple[str, tuple] | None], state: tuple) -> tuple[str, ...]:
    acts = []
    while (step := before[state]) is not None:
        act, state = step
        acts.append(act)
    return tuple(reversed(acts))
