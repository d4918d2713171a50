"""What the operator wants to exist, as plain objects of the Kubernetes API. Pure: records in, dictionaries out.

A pod is made once and never changed, so what the user asked for when it was made is noted on it as a digest
(``wishes``); what else the operator's own version writes into a pod, defaults among it, is not part of it, and an
upgrade of the operator therefore restarts nothing. Everything else is applied whenever its own digest differs.
"""
