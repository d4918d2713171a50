-- Everything that the topology service observes of a member, in one row. p_deep adds a primary's accounts and
-- databases, which cost milliseconds: an act inside the write pause leaves them out.

DROP PROCEDURE IF EXISTS flyball.probe $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.probe(IN p_deep BOOL)
BEGIN
  DECLARE v_journal BIGINT UNSIGNED DEFAULT NULL;
  DECLARE v_beat BIGINT UNSIGNED DEFAULT NULL;
  DECLARE v_databases JSON DEFAULT NULL;
  DECLARE v_accounts JSON DEFAULT NULL;
  DECLARE v_dumps JSON DEFAULT NULL;
  DECLARE v_waiting INT DEFAULT 0;
  DECLARE v_disk_full BOOL DEFAULT FALSE;
  DECLARE CONTINUE HANDLER FOR 1146, 1049 BEGIN END;
  SELECT MAX(term) INTO v_journal FROM flyball_shard.journal;
  SELECT beat INTO v_beat FROM flyball_shard.heartbeat WHERE id = 1;
  IF p_deep AND NOT @@GLOBAL.super_read_only THEN
    SELECT JSON_OBJECTAGG(user, account_locked = 'Y') INTO v_accounts FROM mysql.user WHERE host = '%';
    SELECT JSON_ARRAYAGG(schema_name) INTO v_databases FROM information_schema.schemata;
  END IF;
  SELECT TRUE INTO v_disk_full FROM performance_schema.threads
    WHERE processlist_state = 'Waiting for disk space' LIMIT 1;  -- mysqld tries again each minute
  IF NOT @@GLOBAL.super_read_only THEN
    SELECT JSON_ARRAYAGG(IF(processlist_command = 'Binlog Dump GTID', processlist_user, NULL)),
        COALESCE(SUM(processlist_command <> 'Binlog Dump GTID'), 0)
      INTO v_dumps, v_waiting FROM performance_schema.threads
      WHERE processlist_command = 'Binlog Dump GTID'
         OR (processlist_state = 'Waiting for semi-sync ACK from replica' AND processlist_time >= 1);
  END IF;
  SELECT
    @@GLOBAL.server_uuid AS server_uuid,
    @@GLOBAL.version AS version,
    @@GLOBAL.super_read_only AS super_read_only,
    @@GLOBAL.read_only AS read_only,
    @@GLOBAL.offline_mode AS offline_mode,
    @@GLOBAL.gtid_executed AS gtid_executed,
    @@GLOBAL.gtid_purged AS gtid_purged,
    @@GLOBAL.rpl_semi_sync_source_enabled AS semi_sync_source,
    @@GLOBAL.rpl_semi_sync_source_wait_for_replica_count AS semi_sync_acks,
    @@GLOBAL.rpl_semi_sync_source_timeout AS semi_sync_timeout,
    @@GLOBAL.rpl_semi_sync_replica_enabled AS semi_sync_replica,
    fence.server_uuid AS fence_uuid,
    fence.term AS fence_term,
    fence.opened AS opened,
    fence.reigned AS reigned,
    fence.version AS fence_version,
    fence.issue AS fence_issue,
    fence.note AS fence_note,
    configuration.host AS source_host,
    configuration.port AS source_port,
    receiver.source_uuid AS source_uuid,
    receiver.service_state AS receiver_state,
    receiver.last_error_number AS receiver_errno,
    receiver.last_error_message AS receiver_error,
    receiver.received_transaction_set AS received,
    receiver.count_received_heartbeats AS source_heartbeats,
    applier.service_state AS applier_state,
    worker.last_error_number AS applier_errno,
    worker.last_error_message AS applier_error,
    clone.state AS clone_state,
    clone.error_no AS clone_errno,
    clone.error_message AS clone_error,
    v_journal AS journal_term,
    v_beat AS beat,
    v_accounts AS accounts,
    v_databases AS `databases`,
    v_dumps AS dumps,
    v_waiting AS waiting,
    v_disk_full AS disk_full
  FROM (SELECT 1 AS one) AS unit
  LEFT JOIN flyball.fence ON fence.id = 1
  LEFT JOIN performance_schema.replication_connection_configuration AS configuration
    ON configuration.channel_name = '' AND configuration.host <> ''
  LEFT JOIN performance_schema.replication_connection_status AS receiver ON receiver.channel_name = ''
  LEFT JOIN performance_schema.replication_applier_status AS applier ON applier.channel_name = ''
  LEFT JOIN (
    SELECT last_error_number, last_error_message FROM performance_schema.replication_applier_status_by_worker
      WHERE channel_name = '' AND last_error_number <> 0 LIMIT 1) AS worker ON TRUE
  LEFT JOIN performance_schema.clone_status AS clone ON TRUE;
END $$
