"""Resharding: rows move from one set of shards to another while the application writes.

view.py     what was observed: the records, what the data plane and the members of both sides tell
decide.py   pure: the next step, or why none
steps.py    what a decision can choose, as data
port.py     what is asked of the data plane (``moving/``) and of the members of both sides
controller  the loop's four functions
"""
