-- What a primary holds for everybody: the shard's own schema, the database, the accounts. Binlogged, so that the
-- replicas get it the ordinary way. What may wait for an acknowledgement does so without the fence's lock: a newer
-- term must never wait behind it.

-- Make an empty member writable for the topology service alone (offline_mode stays ON), and give it the shard's
-- schema. Semi-sync comes with promote. A member that holds the schema, and no journal row in it, is empty but for this
-- same act, cut off halfway here or on the member that it received it from: the act goes on. What it writes belongs to
-- the shard's line, so it is no housekeeping: half of it is a tail like any other.
DROP PROCEDURE IF EXISTS flyball.establish $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.establish(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  IF @@GLOBAL.gtid_executed <> '' AND NOT flyball.is_half_established() THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 34007, MESSAGE_TEXT = 'FB4007 this member is not empty';
  END IF;
  IF flyball.has_source() AND NOT flyball.has_applied() THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
      MESSAGE_TEXT = 'FB3002 this member has not applied yet what it received';
  END IF;
  CALL flyball.note(p_term, NULL, NULL, p_term, p_term, NULL);
  SET GLOBAL super_read_only = OFF;
  CREATE DATABASE IF NOT EXISTS flyball_shard;
  CREATE TABLE IF NOT EXISTS flyball_shard.journal (
    term BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    member VARCHAR(63) NOT NULL,
    server_uuid CHAR(36) CHARACTER SET ascii NOT NULL,
    mode VARCHAR(32) NOT NULL,
    at DATETIME(6) NOT NULL
  );
  CREATE TABLE IF NOT EXISTS flyball_shard.heartbeat (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY CHECK (id = 1),
    term BIGINT UNSIGNED NOT NULL,
    beat BIGINT UNSIGNED NOT NULL
  );
  CREATE TABLE IF NOT EXISTS flyball_shard.pulse (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY CHECK (id = 1),
    at DATETIME(6) NOT NULL
  );
  -- Everybody holds these rows from the first day: later they are only replaced, which no stray copy of them can break.
  INSERT IGNORE INTO flyball_shard.heartbeat (id, term, beat) VALUES (1, p_term, 0);
  INSERT IGNORE INTO flyball_shard.pulse (id, at) VALUES (1, UTC_TIMESTAMP(6));
  CALL flyball.unlock_fence();
END $$

-- Whether the shard's schema is here, and no reign has begun in it.
DROP FUNCTION IF EXISTS flyball.is_half_established $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.is_half_established() RETURNS BOOL READS SQL DATA
BEGIN
  DECLARE v_journal BIGINT UNSIGNED DEFAULT NULL;
  DECLARE CONTINUE HANDLER FOR 1146, 1049 BEGIN END;  -- the schema is made before its tables
  SELECT MAX(term) INTO v_journal FROM flyball_shard.journal;
  RETURN v_journal IS NULL
    AND EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = 'flyball_shard');
END $$

-- Goes on only with the name of a schema that a keyspace may have: neither MySQL's nor flyball's own, whose procedures
-- would do for an account what they do for the topology service.
DROP PROCEDURE IF EXISTS flyball.must_be_free $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_be_free(IN p_database VARCHAR(64))
BEGIN
  IF NOT COALESCE(REGEXP_LIKE(p_database, '^[a-z0-9][a-z0-9_]*$', 'c'), FALSE) OR p_database LIKE 'flyball%'
    OR p_database IN ('mysql', 'sys', 'performance_schema', 'information_schema', 'ndbinfo') THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 the name of the database is reserved';
  END IF;
END $$

-- The database, and an account that lives in it. Repeating changes nothing but the password.
DROP PROCEDURE IF EXISTS flyball.ensure_database $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_database(
  IN p_term BIGINT UNSIGNED, IN p_database VARCHAR(64))
BEGIN
  CALL flyball.must_be_open(p_term);
  CALL flyball.must_be_free(p_database);
  CALL flyball.run_text(CONCAT('CREATE DATABASE IF NOT EXISTS `', REPLACE(p_database, '`', '``'), '`'));
END $$

DROP PROCEDURE IF EXISTS flyball.ensure_user $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_user(
  IN p_term BIGINT UNSIGNED, IN p_user VARCHAR(32), IN p_password VARCHAR(255),
  IN p_database VARCHAR(64), IN p_ddl BOOL)
BEGIN
  DECLARE v_account VARCHAR(128) DEFAULT CONCAT(QUOTE(p_user), '@''%''');
  DECLARE v_where VARCHAR(256) DEFAULT CONCAT(  -- GRANT takes _ for a wildcard, unless partial_revokes is ON
    ' ON `', IF(@@GLOBAL.partial_revokes, p_database, REPLACE(p_database, '_', '\\_')), '`.* TO ');
  CALL flyball.must_be_open(p_term);
  CALL flyball.must_be_free(p_database);
  IF NOT COALESCE(REGEXP_LIKE(p_user, '^[A-Za-z0-9_-]+$', 'c'), FALSE) OR p_user LIKE 'flyball%'
    OR p_user IN ('root', 'mysql') THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 the name of the account is reserved';
  END IF;
  CALL flyball.run_text(CONCAT(
    'CREATE USER IF NOT EXISTS ', v_account, ' IDENTIFIED BY ', QUOTE(p_password), ' REQUIRE SSL'));
  CALL flyball.run_text(CONCAT('ALTER USER ', v_account, ' IDENTIFIED BY ', QUOTE(p_password)));
  CALL flyball.run_text(CONCAT(
    'GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES, LOCK TABLES, SHOW VIEW', v_where, v_account));
  IF p_ddl THEN
    CALL flyball.run_text(CONCAT(
      'GRANT CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, TRIGGER, EVENT',
      v_where, v_account));
  END IF;
END $$

-- The account that one member replicates with, so that it can be locked out alone.
DROP PROCEDURE IF EXISTS flyball.ensure_replica_account $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_replica_account(
  IN p_term BIGINT UNSIGNED, IN p_user VARCHAR(32), IN p_password VARCHAR(255))
BEGIN
  DECLARE v_account VARCHAR(128) DEFAULT CONCAT(QUOTE(p_user), '@''%''');
  CALL flyball.must_be_open(p_term);
  IF p_user NOT LIKE 'flyball\_r\_%' THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 that is no account of a replica';
  END IF;
  CALL flyball.run_text(CONCAT(
    'CREATE USER IF NOT EXISTS ', v_account, ' IDENTIFIED BY ', QUOTE(p_password), ' REQUIRE SSL'));
  CALL flyball.run_text(CONCAT('GRANT REPLICATION SLAVE ON *.* TO ', v_account));
END $$

-- Locks the replication accounts that are not in p_ackers (names, separated by commas), unlocks those that are.
-- Not binlogged: each primary applies the record's set when it opens. Called where writes are possible.
DROP PROCEDURE IF EXISTS flyball.set_ackers $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.set_ackers(IN p_ackers LONGTEXT)
BEGIN
  DECLARE v_done BOOL DEFAULT FALSE;
  DECLARE v_user VARCHAR(32);
  DECLARE v_locked CHAR(1);
  DECLARE v_accounts CURSOR FOR
    SELECT user, account_locked FROM mysql.user WHERE user LIKE 'flyball\_r\_%';
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = TRUE;
  SET SESSION sql_log_bin = 0;
  OPEN v_accounts;
  each_account: LOOP
    FETCH v_accounts INTO v_user, v_locked;
    IF v_done THEN LEAVE each_account; END IF;
    IF FIND_IN_SET(v_user, p_ackers) AND v_locked = 'Y' THEN
      CALL flyball.run_text(CONCAT('ALTER USER ', QUOTE(v_user), '@''%'' ACCOUNT UNLOCK'));
    ELSEIF NOT FIND_IN_SET(v_user, p_ackers) AND v_locked = 'N' THEN
      CALL flyball.run_text(CONCAT('ALTER USER ', QUOTE(v_user), '@''%'' ACCOUNT LOCK'));
    END IF;
    IF NOT FIND_IN_SET(v_user, p_ackers) THEN
      CALL flyball.kill_sessions(v_user);
    END IF;
  END LOOP;
  CLOSE v_accounts;
  SET SESSION sql_log_bin = 1;
END $$

-- Ends the sessions of an account, and looks again until none is left (rule 11). A session takes a moment to notice;
-- one that does not within a second or two might acknowledge still, and whoever asked must not go on.
DROP PROCEDURE IF EXISTS flyball.kill_sessions $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.kill_sessions(IN p_user VARCHAR(32))
BEGIN
  DECLARE v_session BIGINT UNSIGNED DEFAULT 0;
  DECLARE v_looks INT DEFAULT 0;
  DECLARE v_text VARCHAR(128);
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  each_look: LOOP
    SELECT MIN(processlist_id) INTO v_session FROM performance_schema.threads
      WHERE processlist_user = p_user AND type = 'FOREGROUND';
    IF v_session IS NULL THEN LEAVE each_look; END IF;
    IF v_looks >= 20 THEN
      SET v_text = CONCAT('FB3002 session ', v_session, ' of ', p_user, ' was killed and has not ended yet');
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = v_text;
    END IF;
    WHILE v_session IS NOT NULL DO
      CALL flyball.run_text(CONCAT('KILL ', v_session));
      SELECT MIN(processlist_id) INTO v_session FROM performance_schema.threads
        WHERE processlist_user = p_user AND type = 'FOREGROUND' AND processlist_id > v_session;
    END WHILE;
    DO SLEEP(0.05);
    SET v_looks = v_looks + 1;
  END LOOP;
END $$

-- The ack set of the reigning primary changes: notes it, and applies p_ackers there.
DROP PROCEDURE IF EXISTS flyball.admit $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.admit(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_ackers LONGTEXT,
  IN p_note LONGTEXT)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.must_be_open(p_term);
  CALL flyball.attach(p_term, p_version, p_issue, p_note);
  CALL flyball.set_ackers(p_ackers);
  CALL flyball.unlock_fence();
END $$

-- Semi-sync as the durability asks. The number of acknowledgements is never lowered while commits may wait: a
-- lower one is applied by the next promotion (rule 1). None at all ends the waiting: that durability promises nothing.
DROP PROCEDURE IF EXISTS flyball.ensure_semi_sync $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_semi_sync(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_acks INT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.must_be_open(p_term);
  CALL flyball.obey(p_term, p_version, p_issue);
  IF p_acks > 0 THEN
    IF p_acks > @@GLOBAL.rpl_semi_sync_source_wait_for_replica_count THEN
      SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = p_acks;
    END IF;
    SET GLOBAL rpl_semi_sync_source_timeout = 4294967295;
    SET GLOBAL rpl_semi_sync_source_enabled = ON;
  ELSE
    SET GLOBAL rpl_semi_sync_source_enabled = OFF;
  END IF;
  CALL flyball.unlock_fence();
END $$
