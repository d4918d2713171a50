"""Record stores: one port, one adapter a file, one contract test for all of them."""

from flyball.store.port import (
    ALL,
    Added,
    ConflictError,
    Deleted,
    Event,
    Lease,
    Modified,
    Records,
    Selector,
    Synced,
    Unreadable,
)

__all__ = [
    "ALL",
    "Added",
    "ConflictError",
    "Deleted",
    "Event",
    "Lease",
    "Modified",
    "Records",
    "Selector",
    "Synced",
    "Unreadable",
]
