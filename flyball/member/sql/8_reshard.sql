-- Acts of a reshard: channels between shards, the movers' account, guards, and what the way back needs. A channel of
-- a reshard is an *import*: any channel but the one that a replica has, whose name is ''. Only a primary imports.

-- The names of this member's imports, separated by commas.
DROP FUNCTION IF EXISTS flyball.imports $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.imports() RETURNS LONGTEXT READS SQL DATA
BEGIN
  RETURN (
    SELECT COALESCE(GROUP_CONCAT(channel_name ORDER BY channel_name), '')
      FROM performance_schema.replication_connection_configuration WHERE channel_name <> '');
END $$

-- Goes on only with a name that an import may have.
DROP PROCEDURE IF EXISTS flyball.must_be_import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_be_import(IN p_channel VARCHAR(64))
BEGIN
  IF NOT COALESCE(REGEXP_LIKE(p_channel, '^[a-z0-9][a-z0-9_-]*$', 'c'), FALSE) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 that is no name of an import';
  END IF;
END $$

-- Stop one import: nothing of it is received or applied any more, or the act is refused (error 33002).
DROP PROCEDURE IF EXISTS flyball.stop_import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.stop_import(IN p_channel VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR 1875, 1876 SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
    MESSAGE_TEXT = 'FB3002 an import was told to stop, and ends with the long transaction that it is applying';
  CALL flyball.run_text(CONCAT('STOP REPLICA FOR CHANNEL ', QUOTE(p_channel)));
END $$

-- Forget one, and what was received of it: its source has it still.
DROP PROCEDURE IF EXISTS flyball.forget_import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.forget_import(IN p_channel VARCHAR(64))
BEGIN
  CALL flyball.stop_import(p_channel);
  CALL flyball.run_text(CONCAT('RESET REPLICA ALL FOR CHANNEL ', QUOTE(p_channel)));
END $$

-- Stop them all.
DROP PROCEDURE IF EXISTS flyball.stop_imports $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.stop_imports()
BEGIN
  DECLARE v_rest LONGTEXT DEFAULT flyball.imports();
  WHILE v_rest <> '' DO
    CALL flyball.stop_import(SUBSTRING_INDEX(v_rest, ',', 1));
    SET v_rest = SUBSTRING(v_rest, CHAR_LENGTH(SUBSTRING_INDEX(v_rest, ',', 1)) + 2);
  END WHILE;
END $$

-- Forget them all. Then nothing is IDEMPOTENT any more, the replica's own applier included, which knows of it from its
-- next start on (rule 22).
DROP PROCEDURE IF EXISTS flyball.drop_imports $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.drop_imports()
BEGIN
  DECLARE v_rest LONGTEXT DEFAULT flyball.imports();
  WHILE v_rest <> '' DO
    CALL flyball.forget_import(SUBSTRING_INDEX(v_rest, ',', 1));
    SET v_rest = SUBSTRING(v_rest, CHAR_LENGTH(SUBSTRING_INDEX(v_rest, ',', 1)) + 2);
  END WHILE;
  CALL flyball.be_strict();
END $$

DROP PROCEDURE IF EXISTS flyball.be_strict $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.be_strict()
BEGIN
  IF @@GLOBAL.replica_exec_mode <> 'STRICT' THEN
    SET GLOBAL replica_exec_mode = 'STRICT';
    SET GLOBAL log_error_verbosity = 2;
    IF flyball.has_source() AND flyball.applies() THEN
      CALL flyball.stop_applier();
      START REPLICA SQL_THREAD FOR CHANNEL '';
    END IF;
  END IF;
END $$

-- Replicate the tables of one database from the primary of another shard. What was received of another source and not
-- applied is thrown away: that source may have been the only one that had it (rule 19). The filter is set at each
-- start: a restart of mysqld forgets it. An import never acknowledges: its source would count this server among its own
-- replicas, and answer clients for what only another shard holds.
DROP PROCEDURE IF EXISTS flyball.import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.import(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_channel VARCHAR(64), IN p_host VARCHAR(255), IN p_port INT UNSIGNED,
  IN p_user VARCHAR(32), IN p_password VARCHAR(255), IN p_database VARCHAR(64))
BEGIN
  DECLARE v_same BOOL DEFAULT FALSE;
  DECLARE v_filter VARCHAR(255) DEFAULT CONCAT(REPLACE(p_database, '_', '\\_'), '.%');
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_open(p_term);
  CALL flyball.must_be_import(p_channel);
  CALL flyball.must_be_free(p_database);
  IF @@GLOBAL.super_read_only THEN  -- an applier would go on all the same, and hold up who holds still for a clone
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 this member holds still: nothing is imported';
  END IF;
  SET v_same = EXISTS (
    SELECT 1 FROM mysql.slave_master_info WHERE channel_name = p_channel AND host = p_host AND port = p_port
      AND user_name = p_user AND user_password = p_password AND ssl_ca = @@GLOBAL.ssl_ca);
  IF NOT v_same OR @@GLOBAL.replica_exec_mode <> 'IDEMPOTENT' OR @@GLOBAL.rpl_semi_sync_replica_enabled
    OR NOT EXISTS (
      SELECT 1 FROM performance_schema.replication_applier_filters
        WHERE channel_name = p_channel AND filter_name = 'REPLICATE_WILD_DO_TABLE' AND filter_rule = v_filter) THEN
    IF FIND_IN_SET(p_channel, flyball.imports()) THEN
      CALL flyball.stop_import(p_channel);
    END IF;
    SET GLOBAL rpl_semi_sync_replica_enabled = OFF;
    SET GLOBAL log_error_verbosity = 1;  -- a line for each row that is not there would fill the disk
    SET GLOBAL replica_exec_mode = 'IDEMPOTENT';
    IF NOT v_same THEN
      CALL flyball.run_text(CONCAT(
        'CHANGE REPLICATION SOURCE TO SOURCE_HOST=', QUOTE(p_host), ', SOURCE_PORT=', p_port,
        ', SOURCE_USER=', QUOTE(p_user), ', SOURCE_PASSWORD=', QUOTE(p_password), ', SOURCE_AUTO_POSITION=1',
        ', SOURCE_HEARTBEAT_PERIOD=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=0',
        ', SOURCE_SSL=1, SOURCE_SSL_VERIFY_SERVER_CERT=0, SOURCE_SSL_CA=', QUOTE(@@GLOBAL.ssl_ca),
        ' FOR CHANNEL ', QUOTE(p_channel)));
    END IF;
    CALL flyball.run_text(CONCAT(
      'CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE=(', QUOTE(v_filter), ') FOR CHANNEL ', QUOTE(p_channel)));
  END IF;
  CALL flyball.run_text(CONCAT('START REPLICA FOR CHANNEL ', QUOTE(p_channel)));
  CALL flyball.unlock_fence();
END $$

-- Stop applying an import, once p_gtids are applied if they are given; it goes on receiving.
DROP PROCEDURE IF EXISTS flyball.pause_import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.pause_import(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_channel VARCHAR(64), IN p_gtids LONGTEXT)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_open(p_term);
  CALL flyball.must_be_import(p_channel);
  CALL flyball.run_text(CONCAT('STOP REPLICA SQL_THREAD FOR CHANNEL ', QUOTE(p_channel)));
  IF p_gtids <> '' AND NOT GTID_SUBSET(p_gtids, @@GLOBAL.gtid_executed) THEN
    CALL flyball.run_text(CONCAT(
      'START REPLICA SQL_THREAD UNTIL SQL_AFTER_GTIDS = ', QUOTE(p_gtids), ' FOR CHANNEL ', QUOTE(p_channel)));
  END IF;
  CALL flyball.unlock_fence();
END $$

-- Forget one import; with the last one, STRICT again.
DROP PROCEDURE IF EXISTS flyball.end_import $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.end_import(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_channel VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  IF FIND_IN_SET(p_channel, flyball.imports()) THEN
    CALL flyball.forget_import(p_channel);
  END IF;
  IF flyball.imports() = '' THEN
    CALL flyball.be_strict();
  END IF;
  CALL flyball.unlock_fence();
END $$

-- Wait at most p_wait seconds until p_gtids are executed here. Changes nothing.
DROP PROCEDURE IF EXISTS flyball.await $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.await(IN p_gtids LONGTEXT, IN p_wait DOUBLE)
BEGIN
  DO WAIT_FOR_EXECUTED_GTID_SET(p_gtids, p_wait);
END $$

-- One unlogged statement on a member that may be under super_read_only (rule 5). It gives up on a table that is in use
-- after a second. Called with the lock held.
DROP PROCEDURE IF EXISTS flyball.run_unlogged $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.run_unlogged(IN p_text TEXT)
BEGIN
  DECLARE v_frozen INT DEFAULT @@GLOBAL.super_read_only;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION sql_log_bin = 1;
    IF v_frozen THEN CALL flyball.refreeze(); END IF;
    RESIGNAL;
  END;
  SET SESSION lock_wait_timeout = 1;
  SET SESSION sql_log_bin = 0;
  IF v_frozen THEN SET GLOBAL super_read_only = OFF; END IF;
  CALL flyball.run_text(p_text);
  SET SESSION sql_log_bin = 1;
  IF v_frozen THEN CALL flyball.refreeze(); END IF;
END $$

-- Goes on only with a name that a movers' account may have.
DROP PROCEDURE IF EXISTS flyball.must_be_mover $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_be_mover(IN p_user VARCHAR(32))
BEGIN
  IF NOT COALESCE(REGEXP_LIKE(p_user, '^flyball_m_[a-z0-9]+$', 'c'), FALSE) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 that is no account of movers';
  END IF;
END $$

-- The account that moves rows while a workflow lives. It reads and writes the keyspace's tables, unlogged or under a tag
-- where it writes, on either side: a way back is compared and mended too. It has notes of its own beside what it copied.
-- It cannot change a server's settings: two that its work needs (it reads rows from its client, and makes what has a
-- body) are set here, and unset by drop_mover. On every member, never binlogged.
DROP PROCEDURE IF EXISTS flyball.ensure_mover $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_mover(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_user VARCHAR(32), IN p_password VARCHAR(255), IN p_database VARCHAR(64))
BEGIN
  DECLARE v_account VARCHAR(128) DEFAULT CONCAT(QUOTE(p_user), '@''%''');
  DECLARE v_where VARCHAR(256) DEFAULT CONCAT(
    ' ON `', IF(@@GLOBAL.partial_revokes, p_database, REPLACE(p_database, '_', '\\_')), '`.* TO ');
  DECLARE v_notes VARCHAR(256) DEFAULT CONCAT(
    ' ON `', IF(@@GLOBAL.partial_revokes, 'flyball_moving', 'flyball\\_moving'), '`.* TO ');
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_mover(p_user);
  CALL flyball.must_be_free(p_database);
  CALL flyball.run_unlogged(CONCAT(
    'CREATE USER IF NOT EXISTS ', v_account, ' IDENTIFIED BY ', QUOTE(p_password), ' REQUIRE SSL'));
  CALL flyball.run_unlogged(CONCAT(
    'GRANT REPLICATION SLAVE, REPLICATION CLIENT, CONNECTION_ADMIN, SESSION_VARIABLES_ADMIN, TRANSACTION_GTID_TAG,',
    ' SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SHOW_ROUTINE ON *.* TO ', v_account));
  CALL flyball.run_unlogged(CONCAT(
    'GRANT SELECT, INSERT, UPDATE, DELETE, LOCK TABLES, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW,',
    ' CREATE ROUTINE, ALTER ROUTINE, EXECUTE, TRIGGER, EVENT', v_where, v_account));
  CALL flyball.run_unlogged(CONCAT('GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP', v_notes, v_account));
  SET GLOBAL local_infile = ON;
  SET GLOBAL log_bin_trust_function_creators = ON;  -- without SUPER MySQL takes triggers and functions only so
  CALL flyball.unlock_fence();
END $$

-- Take it away again, and whoever uses it.
DROP PROCEDURE IF EXISTS flyball.drop_mover $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.drop_mover(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_user VARCHAR(32))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_mover(p_user);
  SET GLOBAL local_infile = OFF;
  SET GLOBAL log_bin_trust_function_creators = OFF;
  IF EXISTS (SELECT 1 FROM mysql.user WHERE user = p_user AND host = '%') THEN
    CALL flyball.run_unlogged(CONCAT('DROP USER ', QUOTE(p_user), '@''%'''));
  END IF;
  CALL flyball.kill_sessions(p_user);
  CALL flyball.unlock_fence();
END $$

-- Let the movers make, or take away, the guards of this member: triggers against what would take a row out of its shard.
-- MySQL takes no CREATE TRIGGER in a prepared statement, so it is the movers' own, armed as CLONE is (ADR 0004).
-- They are made unlogged on each member, since each may become the one where clients write; that needs super_read_only
-- off meanwhile; read_only stays as it is.
DROP PROCEDURE IF EXISTS flyball.arm_guards $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.arm_guards(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  SET GLOBAL super_read_only = OFF;
  CALL flyball.unlock_fence();
END $$

-- That is over: a member that is no primary is under super_read_only again.
DROP PROCEDURE IF EXISTS flyball.disarm_guards $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.disarm_guards(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  IF NOT EXISTS (SELECT 1 FROM flyball.fence WHERE opened > 0 AND server_uuid = @@GLOBAL.server_uuid) THEN
    CALL flyball.refreeze();
  END IF;
  CALL flyball.unlock_fence();
END $$

-- Count transactions of another shard as executed, though no binary log here has them: what they did is here already,
-- or belongs elsewhere. Without it the way back stops with error 1236 (rule 21). Not replicated: said to each member.
DROP PROCEDURE IF EXISTS flyball.declare_foreign $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.declare_foreign(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64), IN p_gtids LONGTEXT)
BEGIN
  DECLARE v_missing LONGTEXT DEFAULT '';
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  SET v_missing = GTID_SUBTRACT(p_gtids, @@GLOBAL.gtid_executed);
  IF v_missing LIKE CONCAT('%', @@GLOBAL.server_uuid, '%') THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
      MESSAGE_TEXT = 'FB3002 these are transactions of this member itself, which it lacks: they are not declared away';
  END IF;
  IF v_missing <> '' THEN
    SET @@GLOBAL.gtid_purged = CONCAT('+', v_missing);
  END IF;
  CALL flyball.unlock_fence();
END $$

-- What the workflow proves before the routing is swapped: a row of its own, with the shard's real durability (rule 23).
DROP PROCEDURE IF EXISTS flyball.journal_move $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.journal_move(
  IN p_term BIGINT UNSIGNED, IN p_workflow VARCHAR(63), IN p_step VARCHAR(32))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION gtid_next = 'AUTOMATIC';
    RESIGNAL;
  END;
  CALL flyball.must_be_open(p_term);
  SET SESSION gtid_next = 'AUTOMATIC:flyball';
  IF NOT EXISTS (
    SELECT 1 FROM information_schema.tables WHERE table_schema = 'flyball_shard' AND table_name = 'moves') THEN
    CREATE TABLE IF NOT EXISTS flyball_shard.moves (
      workflow VARCHAR(63) NOT NULL,
      step VARCHAR(32) NOT NULL,
      term BIGINT UNSIGNED NOT NULL,
      at DATETIME(6) NOT NULL,
      PRIMARY KEY (workflow, step)
    );
  END IF;
  IF p_step = '' THEN
    DELETE FROM flyball_shard.moves WHERE workflow = p_workflow;
  ELSE
    REPLACE INTO flyball_shard.moves (workflow, step, term, at)
      VALUES (p_workflow, p_step, p_term, UTC_TIMESTAMP(6));
  END IF;
  SET SESSION gtid_next = 'AUTOMATIC';
END $$

-- End the sessions of applications: their shard does not serve any more.
DROP PROCEDURE IF EXISTS flyball.part $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.part(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE v_session BIGINT UNSIGNED DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  CALL flyball.must_be_open(p_term);
  IF @@GLOBAL.read_only THEN
    each_session: LOOP
      SELECT MIN(processlist_id) INTO v_session FROM performance_schema.threads
        WHERE type = 'FOREGROUND' AND processlist_id > v_session
          AND processlist_user NOT LIKE 'flyball\_%' AND processlist_user NOT IN ('root', 'event_scheduler');
      IF v_session IS NULL THEN LEAVE each_session; END IF;
      CALL flyball.run_text(CONCAT('KILL ', v_session));
    END LOOP;
  END IF;
END $$

-- What a reshard observes of a member besides the probe, in one row.
DROP PROCEDURE IF EXISTS flyball.probe_reshard $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.probe_reshard(
  IN p_workflow VARCHAR(63), IN p_user VARCHAR(32), IN p_database VARCHAR(64))
BEGIN
  DECLARE v_moves JSON DEFAULT NULL;
  DECLARE v_imports JSON DEFAULT NULL;
  DECLARE CONTINUE HANDLER FOR 1146, 1049 BEGIN END;
  SELECT JSON_OBJECTAGG(step, term) INTO v_moves FROM flyball_shard.moves WHERE workflow = p_workflow;
  SELECT JSON_ARRAYAGG(JSON_OBJECT(
      'channel', configuration.channel_name, 'host', configuration.host, 'port', configuration.port,
      'source', receiver.source_uuid, 'receiver', receiver.service_state, 'received', receiver.received_transaction_set,
      'applier', applier.service_state,
      'error', COALESCE(NULLIF(receiver.last_error_message, ''), worker.message, coordinator.last_error_message, ''),
      'behind', TIMESTAMPDIFF(MICROSECOND, newest.at, NOW(6)) / 1e6,
      'filtered', EXISTS (
        SELECT 1 FROM performance_schema.replication_applier_filters AS filters
          WHERE filters.channel_name = configuration.channel_name)))
    INTO v_imports
    FROM performance_schema.replication_connection_configuration AS configuration
    JOIN performance_schema.replication_connection_status AS receiver USING (channel_name)
    JOIN performance_schema.replication_applier_status AS applier USING (channel_name)
    LEFT JOIN performance_schema.replication_applier_status_by_coordinator AS coordinator USING (channel_name)
    LEFT JOIN (
      SELECT channel_name, MAX(last_error_message) AS message
        FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0 GROUP BY channel_name)
      AS worker USING (channel_name)
    LEFT JOIN (
      SELECT channel_name, MAX(last_applied_transaction_original_commit_timestamp) AS at
        FROM performance_schema.replication_applier_status_by_worker GROUP BY channel_name)
      AS newest USING (channel_name)
    WHERE configuration.channel_name <> '';
  SELECT
    @@GLOBAL.server_uuid AS server_uuid,
    @@GLOBAL.gtid_executed AS gtid_executed,
    @@GLOBAL.gtid_purged AS gtid_purged,
    @@GLOBAL.read_only AS read_only,
    @@GLOBAL.super_read_only AS super_read_only,
    @@GLOBAL.offline_mode AS offline_mode,
    @@GLOBAL.replica_exec_mode AS exec_mode,
    @@GLOBAL.rpl_semi_sync_replica_enabled AS semi_sync_replica,
    flyball.has_open_transactions() AS transactions_open,
    (SELECT opened FROM flyball.fence WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid) AS opened,
    EXISTS (SELECT 1 FROM mysql.user WHERE user = p_user AND host = '%') AS has_mover,
    @@GLOBAL.local_infile AND @@GLOBAL.log_bin_trust_function_creators AS mover_may_write,
    (SELECT JSON_ARRAYAGG(trigger_name) FROM information_schema.triggers
      WHERE trigger_schema = p_database AND trigger_name LIKE 'flyball\_guard\_%') AS guards,
    v_moves AS moves,
    v_imports AS imports;
END $$
