"""Sessions with a MySQL server over TLS, waiting in the event loop.

``packets`` knows the bytes, ``wire`` holds one connection, ``literal`` turns values into SQL. Watching a thousand
members takes a thousand connections that mostly wait; a thread each, or a pool, would cost more than the work.
"""

from flyball.session.literal import call, literal, quote_name
from flyball.session.wire import Answer, Login, ServerError, Session, SessionLostError, Target

__all__ = ["Answer", "Login", "ServerError", "Session", "SessionLostError", "Target", "call", "literal", "quote_name"]
