"""The Kubernetes API as components see it: one port of eight verbs, its adapter, and what a watch needs beside it.

``port.py`` says what may be asked, ``resources.py`` of which objects, ``answers.py`` reads a refusal into a coded
error, ``following.py`` makes lists and watches into one stream that does not end. ``client.py`` is the adapter; it is
the only one that knows HTTP, and only it loads the ``kubernetes`` package, when it connects.
"""

from flyball.kubernetes.following import Found, Gone, News, Synced, everything, follow
from flyball.kubernetes.port import Api, Change, Changed, Object, Page, Resource

__all__ = [
    "Api",
    "Change",
    "Changed",
    "Found",
    "Gone",
    "News",
    "Object",
    "Page",
    "Resource",
    "Synced",
    "everything",
    "follow",
]
