"""The data plane of a reshard: rows from the sources to the targets, and the proof that they arrived.

``tables`` says how a value travels, ``definitions`` reads what there is, ``refusals`` says what forbids a move, and
``chunks`` cuts tables by their primary keys: these are pure. ``wire`` holds a blocking connection; ``snapshots``,
``copying`` and ``verifying`` work over it, in a process of their own (``worker``), because bytes pass through it.
``notes`` is what a target remembers of it, beside the rows.
"""
