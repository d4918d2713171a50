"""The data plane of a reshard: rows from the sources to the targets, and the proof that they arrived.

``tables`` says how a value travels, ``definitions`` reads what there is, ``refusals`` says what forbids a move,
``chunks`` cuts tables by their primary keys, and ``throttle`` says how fast a source may be read: these are pure.
``wire`` is a blocking connection of a worker, for bytes that nobody looks at.
"""
