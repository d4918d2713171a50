"""Editing: a person's new spec for a record whose status somebody else keeps writing.

Every field has one writer, and a record one revision: an edit that was begun before the engine wrote the next status
meets a conflict, though nobody touched the spec. Its premise, the spec as it was read, still holds then; so it is
made again on the record as it is now.
"""

from typing import TypeVar

from flyball.records import Record
from flyball.store.port import ConflictError, Records

R = TypeVar("R", bound=Record)

TRIES = 20
"""Tries before the conflict is told: a status is written a few times a second at most."""


async def edit(records: Records, read: R, wanted: R) -> R:
    """Put the spec and the labels of ``wanted`` in the place of what was ``read``; return the record as stored.

    :raises ConflictError: the spec was changed, or the record deleted or made anew, since it was read.
    """
    edited, tries = read, 0
    while True:
        tries += 1
        try:
            edited = await records.replace_spec(edited.model_copy(update={"spec": dict(wanted)["spec"]}))
            if edited.metadata.labels == wanted.metadata.labels:
                return edited
            metadata = edited.metadata.model_copy(update={"labels": wanted.metadata.labels})
            return await records.replace_metadata(edited.model_copy(update={"metadata": metadata}))
        except ConflictError as error:
            current = error.current
            if tries == TRIES or not isinstance(current, type(read)) or not _is_as_read(edited, current):
                raise
            edited = current


def _is_as_read(read: Record, current: Record) -> bool:
    """Whether nothing but its status is another."""
    before, now = read.metadata, current.metadata
    return (before.uid, before.generation, before.deletion_requested) == (
        now.uid,
        now.generation,
        now.deletion_requested,
    )
