"""Trials: a keyspace under writes, with a ledger that shows afterwards whether a single one was lost.

    ledger     what a writer was told about each of its writes, and what follows from that
    writer     the writer: a process of its own, one small write every few milliseconds
    changes    asking for a change of primary, and waiting until a shard is whole again
    place      a home for a trial, of which nothing is left afterwards
    network    hosts of their own for all parties, and partitions between them
    disks      small disks for members, to be filled
    janitor    what is left of a trial that was killed is cleaned up all the same
    audit      reading every member, and holding it against the ledger

The demo, the benchmarks and chaos are made of these.
"""
