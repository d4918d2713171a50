-- The promise: a member obeys no term below the highest that it has seen (rules 4 to 6).
-- Every act locks, obeys, acts and unlocks; two acts never overlap in one member.

DROP PROCEDURE IF EXISTS flyball.lock_fence $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.lock_fence()
BEGIN
  DECLARE v_locked INT DEFAULT 0;
  DECLARE v_tries INT DEFAULT 0;
  SET SESSION autocommit = ON;  -- sql_log_bin cannot be changed inside a transaction
  WHILE NOT v_locked AND v_tries < 3 DO
    CALL flyball.evict('flyball.fence');
    SET v_locked = COALESCE(GET_LOCK('flyball.fence', 1), 0);
    SET v_tries = v_tries + 1;
  END WHILE;
  IF NOT v_locked THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 another act holds this member';
  END IF;
END $$

-- Ends whoever holds one of flyball's locks and is not flyball: any account may take any lock by its name, and would
-- hold up a failover. For a second at most: an ended session takes a moment to let go, and others may be in line.
DROP PROCEDURE IF EXISTS flyball.evict $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.evict(IN p_lock VARCHAR(64))
BEGIN
  DECLARE v_session BIGINT UNSIGNED;
  DECLARE v_user VARCHAR(32);
  DECLARE v_looks INT DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  each_look: WHILE v_looks < 100 DO
    SET v_session = IS_USED_LOCK(p_lock);
    SET v_user = (
      SELECT MAX(processlist_user) FROM performance_schema.threads WHERE processlist_id = v_session);
    IF v_user IS NULL OR v_user IN ('flyball_topology', 'flyball_engine', 'flyball_definer') THEN
      LEAVE each_look;
    END IF;
    CALL flyball.run_text(CONCAT('KILL ', v_session));
    DO SLEEP(0.01);
    SET v_looks = v_looks + 1;
  END WHILE;
END $$

DROP PROCEDURE IF EXISTS flyball.unlock_fence $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.unlock_fence()
BEGIN
  SET SESSION sql_log_bin = 1;
  SET SESSION gtid_next = 'AUTOMATIC';
  SET SESSION lock_wait_timeout = DEFAULT;  -- the topology service keeps its sessions
  DO RELEASE_LOCK('flyball.fence');
END $$

-- Refuses a lower term, be it another server's that came with a clone; another issue of the term that was promised, and
-- a lower version of the record (NULL: an act that does not depend on it). Called with the lock held, like the five below.
DROP PROCEDURE IF EXISTS flyball.check_floor $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.check_floor(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE v_promised BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_version BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_issue VARCHAR(64) DEFAULT '';
  DECLARE v_text VARCHAR(128);
  SELECT term, version, issue INTO v_promised, v_version, v_issue FROM flyball.fence WHERE id = 1;
  IF v_promised > p_term THEN
    SET v_text = CONCAT('FB3003 term ', p_term, ' is below the fence ', v_promised);
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33003, MESSAGE_TEXT = v_text;
  END IF;
  IF v_promised = p_term AND v_issue <> '' AND v_issue <> p_issue THEN
    SET v_text = CONCAT('FB3003 this member has promised another issue of term ', p_term, ': ', v_issue);
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33003, MESSAGE_TEXT = v_text;
  END IF;
  IF v_version > p_version THEN
    SET v_text = CONCAT('FB3006 version ', p_version, ' of the record is below ', v_version, ', which is noted here');
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33006, MESSAGE_TEXT = v_text;
  END IF;
END $$

-- The same, and refuses a member that was cloned and has promised nothing since: it obeys a fence alone (rule 6). A
-- member that never promised and is no clone is new, and obeys.
DROP PROCEDURE IF EXISTS flyball.check_term $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.check_term(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  CALL flyball.check_floor(p_term, p_version, p_issue);
  IF EXISTS (SELECT 1 FROM flyball.fence WHERE server_uuid <> @@GLOBAL.server_uuid) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33003,
      MESSAGE_TEXT = 'FB3003 this member was cloned and has promised nothing: fence it first';
  END IF;
END $$

-- Refuses a lower term or version, remembers a higher one.
DROP PROCEDURE IF EXISTS flyball.obey $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.obey(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  CALL flyball.check_term(p_term, p_version, p_issue);
  IF NOT flyball.has_noted(p_term, p_version, p_issue) THEN
    CALL flyball.note(p_term, p_version, p_issue, NULL, NULL, NULL);
  END IF;
END $$

-- The same, and notes the reign that this server attaches to (NULL: it stays attached as it was). One write.
DROP PROCEDURE IF EXISTS flyball.attach $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.attach(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_note LONGTEXT)
BEGIN
  CALL flyball.check_term(p_term, p_version, p_issue);
  IF NOT flyball.has_noted(p_term, p_version, p_issue) OR NOT flyball.is_attached(p_note) THEN
    CALL flyball.note(p_term, p_version, p_issue, NULL, NULL, p_note);
  END IF;
END $$

-- Whether the fence row has that note already.
DROP FUNCTION IF EXISTS flyball.is_attached $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.is_attached(p_note LONGTEXT) RETURNS BOOL READS SQL DATA
BEGIN
  RETURN p_note IS NULL OR EXISTS (
    SELECT 1 FROM flyball.fence WHERE server_uuid = @@GLOBAL.server_uuid AND note = CONVERT(p_note USING ascii));
END $$

-- Whether the fence row says so already.
DROP FUNCTION IF EXISTS flyball.has_noted $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.has_noted(
  p_term BIGINT UNSIGNED, p_version BIGINT UNSIGNED, p_issue VARCHAR(64)) RETURNS BOOL READS SQL DATA
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM flyball.fence
      WHERE server_uuid = @@GLOBAL.server_uuid AND term = p_term
        AND version >= COALESCE(p_version, 0) AND issue = COALESCE(p_issue, issue));
END $$

-- Back to super_read_only on a member that is read_only. Only what its applier executes can hold that up: no client
-- writes under read_only, so a promise does not wait for it, be it an ALTER TABLE of an hour. A repair tries again.
DROP PROCEDURE IF EXISTS flyball.refreeze $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.refreeze()
BEGIN
  DECLARE CONTINUE HANDLER FOR 1205 BEGIN END;
  IF @@GLOBAL.read_only AND NOT @@GLOBAL.super_read_only THEN
    SET SESSION lock_wait_timeout = 1;
    SET GLOBAL super_read_only = ON;
  END IF;
END $$

-- Writes the fence row, and takes a donor away that was named for a clone before (rule 4); NULL keeps what the row of
-- this server says. super_read_only refuses even an unlogged write, so it is off for that one write; read_only and
-- offline_mode stay as they are.
DROP PROCEDURE IF EXISTS flyball.note $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.note(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_opened BIGINT UNSIGNED, IN p_reigned BIGINT UNSIGNED, IN p_note LONGTEXT)
BEGIN
  DECLARE v_frozen INT DEFAULT @@GLOBAL.super_read_only;
  DECLARE v_opened BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_reigned BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_version BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_term BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_issue VARCHAR(64) DEFAULT '';
  DECLARE v_serves BOOL DEFAULT TRUE;
  DECLARE v_note LONGTEXT DEFAULT NULL;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    IF v_frozen THEN CALL flyball.refreeze(); END IF;
    RESIGNAL;
  END;
  SELECT opened, reigned, version, term, issue, serves, note
    INTO v_opened, v_reigned, v_version, v_term, v_issue, v_serves, v_note
    FROM flyball.fence WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid;
  SET GLOBAL clone_valid_donor_list = DEFAULT;
  SET SESSION sql_log_bin = 0;
  IF v_frozen THEN SET GLOBAL super_read_only = OFF; END IF;
  REPLACE INTO flyball.fence (id, server_uuid, term, opened, reigned, version, issue, serves, note, watched_until)
    VALUES (1, @@GLOBAL.server_uuid, p_term, COALESCE(p_opened, v_opened), COALESCE(p_reigned, v_reigned),
            COALESCE(p_version, v_version), COALESCE(p_issue, IF(v_term = p_term, v_issue, '')),
            v_serves, COALESCE(p_note, v_note), NOW(6) + INTERVAL 10 SECOND);
  SET SESSION sql_log_bin = 1;
  IF v_frozen THEN CALL flyball.refreeze(); END IF;
END $$

-- Whether applications may write here while it is open. Called where flyball itself can write.
DROP PROCEDURE IF EXISTS flyball.note_serves $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.note_serves(IN p_serves BOOL)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION sql_log_bin = 1;
    RESIGNAL;
  END;
  SET SESSION sql_log_bin = 0;
  UPDATE flyball.fence SET serves = p_serves WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid;
  SET SESSION sql_log_bin = 1;
END $$

DROP FUNCTION IF EXISTS flyball.may_serve $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.may_serve() RETURNS BOOL READS SQL DATA
BEGIN
  RETURN EXISTS (SELECT 1 FROM flyball.fence WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid AND serves);
END $$

-- Runs one statement that has to be put together from text.
DROP PROCEDURE IF EXISTS flyball.run_text $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.run_text(IN p_text TEXT)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET @flyball_text = NULL;
    RESIGNAL;
  END;
  SET @flyball_text = p_text;
  PREPARE flyball_statement FROM @flyball_text;
  EXECUTE flyball_statement;
  DEALLOCATE PREPARE flyball_statement;
  SET @flyball_text = NULL;
END $$

-- Goes on only where this server takes writes under p_term. Called with the lock held.
DROP PROCEDURE IF EXISTS flyball.must_be_open $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_be_open(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE v_opened BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_text VARCHAR(128);
  SELECT opened INTO v_opened FROM flyball.fence WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid;
  IF v_opened <> p_term THEN
    SET v_text = CONCAT('FB3003 this member is open under term ', v_opened, ', not ', p_term);
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33003, MESSAGE_TEXT = v_text;
  END IF;
END $$
