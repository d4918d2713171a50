"""CLONE: a member made anew from another one. It takes time, and can break on either side of the point of no return.

A clone that breaks before the data is dropped leaves the member as it was; one that breaks after leaves it empty, with
an identity and no memory. At the end mysqld ends itself, and whoever supervises it starts it again.
"""

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.machine import Machine
from tests.simulation.server import refused

if TYPE_CHECKING:
    from tests.simulation.world import World


async def clone(world: "World", machine: Machine, donor: Machine) -> None:
    """The recipient's statement; :raises MemberError: when it broke."""
    server = machine.server
    if server.donor != donor.name:
        raise refused("3862 the donor is not in the list of valid donors")
    server.begin_clone()
    duration = world.random.uniform(0.2, 2.0)
    drops_at = duration * world.random.uniform(0.1, 0.9)
    process, spent, step = donor.process, 0.0, 0.1
    while spent < duration:
        try:
            await asyncio.sleep(step)
        except asyncio.CancelledError:  # killed in the middle: its next start finds a clone that failed
            _break(machine, empty=spent > drops_at)
            raise
        spent += step
        alive = donor.is_up and donor.process is process and world.network.both(machine.name, donor.name)
        if not alive or server.donor != donor.name or world.breaks_clones:
            _break(machine, empty=spent > drops_at)
            raise refused("3862 the clone broke")
    while donor.server.commits:  # it takes the backup lock, which commits in flight hold up
        await donor.until(lambda: not donor.server.commits, 1.0)
        if not donor.is_up:
            _break(machine, empty=True)
            raise refused("3862 the clone broke")
    server.become(donor.server)
    world.told.cloned(machine)
    world.restart(machine)


def _break(machine: Machine, *, empty: bool) -> None:
    server = machine.server
    server.clone_state = "Failed"
    server.super_read_only = True
    if empty:
        server.lose_data()
    machine.changed()
