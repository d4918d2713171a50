"""flyball runs sharded MySQL: declare a keyspace, and feedback controllers keep it as declared.

This package is the vocabulary that every component shares: key ranges, keyspace ids, GTID sets,
durability predicates, records and their stores, the loop, the MySQL session. It starts nothing by itself.
"""

__version__ = "0.1.0"
