-- A primary guards itself: one that the topology service no longer watches, and whose writes nobody acknowledges,
-- goes offline by itself (stale reads should not be served either). An outage of the topology service alone changes
-- nothing: the pulse is acknowledged, so nobody waits.

-- Renews the lease: the topology service watches, and knows what it does.
DROP PROCEDURE IF EXISTS flyball.watch $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.watch(
  IN p_term BIGINT UNSIGNED, IN p_lease INT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION sql_log_bin = 1;
    RESIGNAL;
  END;
  CALL flyball.must_be_open(p_term);
  SET SESSION sql_log_bin = 0;
  UPDATE flyball.fence SET watched_until = NOW(6) + INTERVAL p_lease SECOND WHERE id = 1;
  SET SESSION sql_log_bin = 1;
END $$

-- Renews the lease, then writes the heartbeat through the same path that writes take.
DROP PROCEDURE IF EXISTS flyball.beat $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.beat(
  IN p_term BIGINT UNSIGNED, IN p_beat BIGINT UNSIGNED, IN p_lease INT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION gtid_next = 'AUTOMATIC';
    RESIGNAL;
  END;
  CALL flyball.must_be_open(p_term);
  CALL flyball.watch(p_term, p_lease);
  SET SESSION gtid_next = 'AUTOMATIC:flyball';
  REPLACE INTO flyball_shard.heartbeat (id, term, beat) VALUES (1, p_term, p_beat);
  SET SESSION gtid_next = 'AUTOMATIC';
END $$

DROP EVENT IF EXISTS flyball.pulse $$
CREATE DEFINER='flyball_definer'@'localhost' EVENT flyball.pulse ON SCHEDULE EVERY 1 SECOND DO
BEGIN
  DECLARE v_expired BOOL DEFAULT FALSE;
  SELECT TRUE INTO v_expired FROM flyball.fence
    WHERE watched_until < NOW(6) AND opened > 0 AND server_uuid = @@GLOBAL.server_uuid;
  IF v_expired THEN
    CALL flyball.evict('flyball.pulse');
  END IF;
  IF v_expired AND GET_LOCK('flyball.pulse', 0) THEN
    SET SESSION gtid_next = 'AUTOMATIC:flyball';
    REPLACE INTO flyball_shard.pulse (id, at) VALUES (1, UTC_TIMESTAMP(6));
    SET SESSION gtid_next = 'AUTOMATIC';
    DO RELEASE_LOCK('flyball.pulse');
  END IF;
END $$

DROP EVENT IF EXISTS flyball.guard $$
CREATE DEFINER='flyball_definer'@'localhost' EVENT flyball.guard ON SCHEDULE EVERY 1 SECOND DO
BEGIN
  DECLARE v_expired BOOL DEFAULT FALSE;
  SELECT TRUE INTO v_expired FROM flyball.fence
    WHERE watched_until < NOW(6) AND opened > 0 AND server_uuid = @@GLOBAL.server_uuid;
  IF v_expired AND NOT @@GLOBAL.offline_mode AND EXISTS (
    SELECT 1 FROM performance_schema.threads
      WHERE processlist_state = 'Waiting for semi-sync ACK from replica' AND processlist_time >= 1) THEN
    SET GLOBAL offline_mode = ON;
  END IF;
END $$
