"""What a report holds, and how secrets are kept out of it.

``redaction.py`` takes secrets out of texts, ``archive.py`` writes the texts down, ``cluster.py`` gathers them from a
Kubernetes namespace. Which records and logs there are beside that is the command's to say (``flyball.cli.report``).
"""
