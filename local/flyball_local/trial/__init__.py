"""Trials: a keyspace under writes, with a ledger that shows afterwards whether a single one was lost.

    ledger     what a writer was told about each of its writes, and what follows from that
    writer     the writer: a process of its own, one small write every few milliseconds
    changes    asking for a change of primary, and waiting until a shard is whole again
    place      a home for a trial, of which nothing is left afterwards
    audit      reading every member, and holding it against the ledger

The demo and the benchmarks are made of these.
"""
