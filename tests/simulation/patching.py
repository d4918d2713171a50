"""The product, or the model, with something taken out: how the simulator itself is tested.

    with patched({"flyball_topology.promotion:unrevoked": lambda view, term: ()}):
        verdict = of_seed("7")

A name is ``module:attribute`` or ``module:Class.attribute``. A function that other modules have imported by name is
replaced in all of them. What stands in a table (``REMEDIES``, say) is replaced by replacing the table.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

OURS = ("flyball", "tests.simulation")


@contextmanager
def patched(changes: Mapping[str, Any]) -> Iterator[None]:
    """Replace what is named, everywhere, for a while."""
    before: list[tuple[object, str, Any]] = []
    try:
        for name, wanted in changes.items():
            module, _, path = name.partition(":")
            owner: Any = import_module(module)
            *classes, attribute = path.split(".")
            for step in classes:
                owner = getattr(owner, step)
            there = vars(owner)[attribute]
            places = [owner] if classes else _modules_with(attribute, there)
            for place in places:
                before.append((place, attribute, there))
                setattr(place, attribute, wanted)
        yield
    finally:
        for place, attribute, there in reversed(before):
            setattr(place, attribute, there)


def _modules_with(attribute: str, there: object) -> list[object]:
    ours = [module for name, module in sys.modules.items() if name.startswith(OURS)]
    return [module for module in ours if vars(module).get(attribute) is there]
