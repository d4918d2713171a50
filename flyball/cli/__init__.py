"""The command line ``flyball``: one file a command or a group of commands, imported when it is used.

Commands read and write records and nothing else, so they need no server; what they ask for is done by the
controllers, and the commands watch it being done. ``main`` puts them together.
"""
