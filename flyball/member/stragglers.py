"""Who must be gone from a member before it gets SIGTERM (rule 1)."""

STRAGGLERS = """
SELECT COUNT(*) FROM performance_schema.threads
WHERE type = 'FOREGROUND' AND processlist_id IS NOT NULL AND processlist_id <> CONNECTION_ID() AND (
  processlist_state LIKE 'Waiting for semi-sync ACK%'
  OR (processlist_user IS NOT NULL AND processlist_user NOT LIKE 'flyball\\_%'
      AND processlist_user NOT IN ('event_scheduler', 'system user', 'unauthenticated user')))
"""
"""Sessions that a SIGTERM could tell something untrue: clients', and whatever waits for an acknowledgement."""
