"""What lives inside a member: accounts, the fence, and the procedures that are the only way to change it.

A member's mysqld reads one init file at every start (``--init-file``). It makes, without binlogging, the schema
``flyball``: the member's promise (the fence), the acts that carry a term and refuse an older one, the guard, and
the probe. The SQL stands in ``sql/``, one concern a file; this package puts it together, and names the options
that mysqld starts with. It opens no connection and starts no process.
"""
