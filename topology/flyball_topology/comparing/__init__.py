"""Comparing the members of shards with one another: what ``flyball verify`` asks for. Nothing is changed by it.

shard.py     one shard, in a thread: its replicas against its primary at one GTID set, chunk by chunk; rows astray
readers.py   the account that may read all that, on every member, as long as one comparison lives
running.py   a person's Operations of that type: taken up, carried through, answered
"""
