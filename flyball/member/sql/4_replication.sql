-- Acts on a member's replication and its doors. Each carries its term; each is safe to repeat.

-- Promise p_term and take part in nothing older: no client of a former primary here can hear "ok" any more, and
-- nothing more is received. Clients are cut first (offline_mode answers nothing to a commit that waits for its
-- acknowledgement); only then may semi-sync end, which would have answered them (rule 1). A frozen primary has no
-- commit that waits, and keeps semi-sync until it follows: turning it off takes up to a second. One whose shard does
-- not serve is read_only for clients alone, so it is closed like an open one, and its imports end.
-- A member that was opened under p_term itself is left alone: a term is one member's, so this fence was sent before
-- that one was chosen, and came late. Whoever wants it closed has a newer term.
DROP PROCEDURE IF EXISTS flyball.fence $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.fence(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.check_floor(p_term, p_version, p_issue);
  IF NOT EXISTS (SELECT 1 FROM flyball.fence WHERE opened = p_term AND server_uuid = @@GLOBAL.server_uuid) THEN
    SET GLOBAL clone_valid_donor_list = DEFAULT;
    IF NOT @@GLOBAL.read_only
      OR (NOT @@GLOBAL.super_read_only AND EXISTS (SELECT 1 FROM flyball.fence WHERE opened > 0)) THEN
      SET GLOBAL offline_mode = ON;
      SET GLOBAL rpl_semi_sync_source_enabled = OFF;
      SET SESSION lock_wait_timeout = 3;
      SET GLOBAL super_read_only = ON;
    END IF;
    IF EXISTS (SELECT 1 FROM flyball.fence WHERE opened > 0) THEN
      SET GLOBAL offline_mode = ON;
      CALL flyball.note(p_term, p_version, p_issue, 0, NULL, NULL);
      CALL flyball.refreeze();
    ELSEIF NOT flyball.has_noted(p_term, p_version, p_issue) THEN
      CALL flyball.note(p_term, p_version, p_issue, NULL, NULL, NULL);
    END IF;
    CALL flyball.stop_imports();
    IF flyball.has_source() THEN
      CALL flyball.stop_receiver();
    END IF;
  END IF;
  CALL flyball.unlock_fence();
END $$

-- Stop receiving, or refuse where the receiver does not end within rpl_stop_replica_timeout: it is writing an event to
-- a disk that does not take it, say. It has been told, and ends after that.
DROP PROCEDURE IF EXISTS flyball.stop_receiver $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.stop_receiver()
BEGIN
  DECLARE EXIT HANDLER FOR 1876 SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
    MESSAGE_TEXT = 'FB3002 the receiver was told to stop, and still writes what it received last: its disk holds it up';
  STOP REPLICA IO_THREAD FOR CHANNEL '';
END $$

-- Stop applying, likewise: what is applied just now may be an ALTER TABLE of an hour, and the applier ends after that.
DROP PROCEDURE IF EXISTS flyball.stop_applier $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.stop_applier()
BEGIN
  DECLARE EXIT HANDLER FOR 1875 SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
    MESSAGE_TEXT = 'FB3002 the applier was told to stop, and ends with the long transaction that it is applying';
  STOP REPLICA SQL_THREAD FOR CHANNEL '';
END $$

-- Whether a source is configured here.
DROP FUNCTION IF EXISTS flyball.has_source $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.has_source() RETURNS BOOL READS SQL DATA
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM performance_schema.replication_connection_configuration WHERE channel_name = '' AND host <> '');
END $$

-- A member that a failed clone emptied: what its channel says was received is gone with all the rest.
DROP PROCEDURE IF EXISTS flyball.forget_what_is_gone $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.forget_what_is_gone()
BEGIN
  IF @@GLOBAL.gtid_executed = '' AND flyball.has_source() AND NOT EXISTS (SELECT 1 FROM flyball.fence) THEN
    RESET REPLICA ALL;
  END IF;
END $$
CALL flyball.forget_what_is_gone() $$

-- Everything received has been executed.
DROP FUNCTION IF EXISTS flyball.has_applied $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.has_applied() RETURNS BOOL READS SQL DATA
BEGIN
  DECLARE v_received LONGTEXT DEFAULT '';
  SELECT received_transaction_set INTO v_received
    FROM performance_schema.replication_connection_status WHERE channel_name = '';
  RETURN GTID_SUBSET(v_received, @@GLOBAL.gtid_executed);
END $$

-- Every one of p_gtids is received or executed.
DROP FUNCTION IF EXISTS flyball.holds $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.holds(p_gtids LONGTEXT) RETURNS BOOL READS SQL DATA
BEGIN
  DECLARE v_received LONGTEXT DEFAULT '';
  SELECT received_transaction_set INTO v_received
    FROM performance_schema.replication_connection_status WHERE channel_name = '';
  RETURN GTID_SUBSET(GTID_SUBTRACT(p_gtids, v_received), @@GLOBAL.gtid_executed);
END $$

-- A client's transaction has changed rows and goes on: refusing writes now would fail its COMMIT. A statement in
-- autocommit does not count, since what runs ends by itself. (INNODB_TRX alone knows of changed rows, and may be 0.1 s
-- old; the events are exact.)
DROP FUNCTION IF EXISTS flyball.has_open_transactions $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.has_open_transactions() RETURNS BOOL READS SQL DATA
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM performance_schema.events_transactions_current AS going
      JOIN performance_schema.threads AS session ON session.thread_id = going.thread_id
      JOIN information_schema.innodb_trx AS changing ON changing.trx_mysql_thread_id = session.processlist_id
    WHERE going.state = 'ACTIVE' AND going.autocommit = 'NO' AND changing.trx_rows_modified > 0
      AND session.processlist_user NOT LIKE 'flyball\_%');
END $$

-- The planned way to stop writes: what runs ends and is acknowledged, what comes is refused as read-only. Open
-- transactions get p_grace seconds to end before that. Then it waits at most p_wait seconds for statements and commits
-- in flight; after that nothing has changed (error 1205).
DROP PROCEDURE IF EXISTS flyball.freeze $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.freeze(
  IN p_term BIGINT UNSIGNED, IN p_wait INT UNSIGNED, IN p_grace DOUBLE)
BEGIN
  DECLARE v_looks INT DEFAULT FLOOR(p_grace / 0.005);
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  WHILE v_looks > 0 AND flyball.has_open_transactions() DO
    DO SLEEP(0.005);
    SET v_looks = v_looks - 1;
  END WHILE;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  CALL flyball.must_be_open(p_term);
  CALL flyball.stop_imports();
  SET SESSION lock_wait_timeout = p_wait;
  SET GLOBAL super_read_only = ON;
  CALL flyball.unlock_fence();
END $$

-- Stop serving, and go on as a primary: applications are refused as read-only, while imports, the movers and
-- housekeeping may write. The planned way, as freeze is. It notes that, and the version under which it was decided, so
-- nothing that was decided before lets applications in again (rule 18).
DROP PROCEDURE IF EXISTS flyball.hold $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.hold(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_wait INT UNSIGNED, IN p_grace DOUBLE)
BEGIN
  DECLARE v_looks INT DEFAULT FLOOR(p_grace / 0.005);
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  WHILE v_looks > 0 AND NOT @@GLOBAL.read_only AND flyball.has_open_transactions() DO
    DO SLEEP(0.005);
    SET v_looks = v_looks - 1;
  END WHILE;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_open(p_term);
  SET SESSION lock_wait_timeout = p_wait;
  SET GLOBAL read_only = ON;
  SET GLOBAL super_read_only = OFF;
  CALL flyball.note_serves(FALSE);
  CALL flyball.watch(p_term, 10);
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
END $$

-- Let applications in again after hold, or for the first time. It notes the version, so a hold that comes late is refused.
DROP PROCEDURE IF EXISTS flyball.serve $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.serve(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_open(p_term);
  SET GLOBAL super_read_only = OFF;
  CALL flyball.note_serves(TRUE);
  CALL flyball.watch(p_term, 10);
  SET GLOBAL read_only = OFF;
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
END $$

-- Undo freeze, for the primary that reigns under p_term and for nobody else. Applications stay out where they were told
-- to: see hold.
DROP PROCEDURE IF EXISTS flyball.thaw $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.thaw(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  CALL flyball.must_be_open(p_term);
  SET GLOBAL super_read_only = OFF;
  CALL flyball.watch(p_term, 10);  -- else a commit that waits still would have the guard close it again at once
  IF flyball.may_serve() THEN
    SET GLOBAL read_only = OFF;
  END IF;
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
END $$

-- The applier runs, and nothing has stopped it or is about to.
DROP FUNCTION IF EXISTS flyball.applies $$
CREATE DEFINER='flyball_definer'@'localhost' FUNCTION flyball.applies() RETURNS BOOL READS SQL DATA
BEGIN
  RETURN EXISTS (
      SELECT 1 FROM performance_schema.replication_applier_status WHERE channel_name = '' AND service_state = 'ON')
    AND NOT EXISTS (
      SELECT 1 FROM performance_schema.replication_applier_status_by_coordinator
        WHERE channel_name = '' AND (service_state <> 'ON' OR last_error_number <> 0))
    AND NOT EXISTS (
      SELECT 1 FROM performance_schema.replication_applier_status_by_worker
        WHERE channel_name = '' AND last_error_number <> 0);
END $$

-- Goes on only where another source may be named: once everything received is applied, or while the applier runs.
-- Else CHANGE REPLICATION SOURCE throws away what was received and acknowledged (rule 2). An applier that was stopped
-- is started, and gets a second to show that it goes on: one that failed fails again at the same transaction.
DROP PROCEDURE IF EXISTS flyball.must_keep_received $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_keep_received()
BEGIN
  DECLARE v_executed LONGTEXT DEFAULT @@GLOBAL.gtid_executed;
  DECLARE v_looks INT DEFAULT 0;
  IF NOT flyball.applies() THEN
    START REPLICA SQL_THREAD FOR CHANNEL '';
    WHILE v_looks < 20 AND flyball.applies() AND NOT flyball.has_applied() AND @@GLOBAL.gtid_executed = v_executed DO
      DO SLEEP(0.05);
      SET v_looks = v_looks + 1;
    END WHILE;
  END IF;
  IF NOT flyball.has_applied() AND NOT flyball.applies() THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
      MESSAGE_TEXT = 'FB3002 the applier does not run, and what was received is not applied: its source stays as it is';
  END IF;
END $$

-- Replicate from a source, and serve reads. What was received and not yet applied is kept (rule 2): where the source is
-- right already it is not named again, else the receiver alone is stopped while the applier runs. Refused where this
-- server takes writes. The receiver knows of p_acks from its next start on. p_note: the reign that it acknowledges under
-- from here on; NULL where it follows somebody for another reason, and stays attached as it was.
DROP PROCEDURE IF EXISTS flyball.follow $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.follow(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_host VARCHAR(255), IN p_port INT UNSIGNED,
  IN p_user VARCHAR(32), IN p_password VARCHAR(255), IN p_acks BOOL, IN p_note LONGTEXT)
BEGIN
  DECLARE v_first VARCHAR(64) DEFAULT '';
  DECLARE v_receiver VARCHAR(16) DEFAULT 'OFF';
  DECLARE v_received LONGTEXT DEFAULT '';
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.check_term(p_term, p_version, p_issue);
  IF NOT @@GLOBAL.read_only THEN
    CALL flyball.obey(p_term, p_version, p_issue);
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 this member takes writes: fence it first';
  END IF;
  CALL flyball.attach(p_term, p_version, p_issue, p_note);
  CALL flyball.refreeze();
  IF @@GLOBAL.rpl_semi_sync_source_enabled THEN
    SET GLOBAL rpl_semi_sync_source_enabled = OFF;
  END IF;
  CALL flyball.drop_imports();  -- only a primary imports; and no import may ever acknowledge
  IF EXISTS (
    SELECT 1 FROM mysql.slave_master_info WHERE channel_name = '' AND host = p_host AND port = p_port
      AND user_name = p_user AND user_password = p_password AND ssl_ca = @@GLOBAL.ssl_ca) THEN
    SELECT service_state INTO v_receiver
      FROM performance_schema.replication_connection_status WHERE channel_name = '';
    IF v_receiver <> 'ON' OR @@GLOBAL.rpl_semi_sync_replica_enabled <> p_acks THEN
      CALL flyball.stop_receiver();
      SET GLOBAL rpl_semi_sync_replica_enabled = p_acks;
    END IF;
  ELSE
    IF flyball.has_source() THEN
      CALL flyball.must_keep_received();
      CALL flyball.stop_receiver();
      CALL flyball.must_keep_received();  -- of what came in the meantime, too
      SELECT received_transaction_set INTO v_received
        FROM performance_schema.replication_connection_status WHERE channel_name = '';
    ELSE  -- auto-position is kept from then on; setting it again would need the applier stopped
      SET v_first = ', SOURCE_AUTO_POSITION=1';
    END IF;
    SET GLOBAL rpl_semi_sync_replica_enabled = p_acks;
    -- The source's certificate must be of the keyspace's own authority. It need not name the address: a pod's is not known
    -- when its certificate is made, and is another one after each restart.
    CALL flyball.run_text(CONCAT(
      'CHANGE REPLICATION SOURCE TO SOURCE_HOST=', QUOTE(p_host), ', SOURCE_PORT=', p_port,
      ', SOURCE_USER=', QUOTE(p_user), ', SOURCE_PASSWORD=', QUOTE(p_password), v_first,
      ', SOURCE_HEARTBEAT_PERIOD=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=0',
      ', SOURCE_SSL=1, SOURCE_SSL_VERIFY_SERVER_CERT=0, SOURCE_SSL_CA=', QUOTE(@@GLOBAL.ssl_ca), ' FOR CHANNEL '''''));
    IF NOT flyball.holds(v_received) THEN  -- the applier ended in the moment between: nothing to undo, but known
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
        MESSAGE_TEXT = 'FB3002 transactions that were received and not applied are lost here: the applier ended just then';
    END IF;
  END IF;
  START REPLICA FOR CHANNEL '';
  IF EXISTS (SELECT 1 FROM flyball.fence WHERE opened > 0) THEN
    CALL flyball.note(p_term, p_version, p_issue, 0, NULL, NULL);
  END IF;
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
END $$

-- Forget that it reigned: what it wrote is known to be on the line. Until then whatever of it is not there is told
-- apart as a tail that nobody acknowledged, also on a member that follows already.
DROP PROCEDURE IF EXISTS flyball.settle $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.settle(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  IF NOT @@GLOBAL.read_only OR EXISTS (SELECT 1 FROM flyball.fence WHERE opened > 0) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 this member takes writes: fence it first';
  END IF;
  CALL flyball.note(p_term, NULL, NULL, 0, 0, NULL);
  CALL flyball.unlock_fence();
END $$

-- Apply what was received, and let readers in: a source that is offline could not be followed. Then wait at most
-- p_wait seconds for p_gtids, without holding the lock. p_note: as in follow.
DROP PROCEDURE IF EXISTS flyball.catch_up $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.catch_up(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_gtids LONGTEXT, IN p_wait DOUBLE, IN p_note LONGTEXT)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.attach(p_term, p_version, p_issue, p_note);
  IF flyball.has_source() THEN
    START REPLICA SQL_THREAD FOR CHANNEL '';
  END IF;
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
  DO WAIT_FOR_EXECUTED_GTID_SET(p_gtids, p_wait);
END $$

-- Let p_reader replicate from here, whatever this server is otherwise: it stays closed for writes. Only what it has
-- executed can be read, so it applies what it received. A lock on the account came with a clone, or stems from a reign
-- of this server; it is lifted here alone, unlogged.
DROP PROCEDURE IF EXISTS flyball.lend $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.lend(
  IN p_term BIGINT UNSIGNED, IN p_reader VARCHAR(32))
BEGIN
  DECLARE v_frozen INT DEFAULT @@GLOBAL.super_read_only;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    IF v_frozen THEN CALL flyball.refreeze(); END IF;
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  IF NOT @@GLOBAL.read_only THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 this member takes writes: fence it first';
  END IF;
  IF EXISTS (SELECT 1 FROM mysql.user WHERE user = p_reader AND host = '%' AND account_locked = 'Y') THEN
    SET SESSION sql_log_bin = 0;
    IF v_frozen THEN SET GLOBAL super_read_only = OFF; END IF;
    CALL flyball.run_text(CONCAT('ALTER USER ', QUOTE(p_reader), '@''%'' ACCOUNT UNLOCK'));
    SET SESSION sql_log_bin = 1;
    IF v_frozen THEN CALL flyball.refreeze(); END IF;
  END IF;
  IF flyball.has_source() THEN
    START REPLICA SQL_THREAD FOR CHANNEL '';
  END IF;
  SET GLOBAL offline_mode = OFF;
  CALL flyball.unlock_fence();
END $$

-- Take writes under p_term. Refused unless everything received is applied and p_holds is held. Semi-sync is on
-- before the first write can come; whoever is not among p_ackers is locked out before that too: members outside the ack
-- set (rule 11), and those that have not attached to this reign (rule 7). The receiver
-- stops first; the idle applier is left for forget_source, outside of the write pause.
DROP PROCEDURE IF EXISTS flyball.promote $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.promote(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_holds LONGTEXT, IN p_acks INT UNSIGNED, IN p_ackers LONGTEXT, IN p_note LONGTEXT)
BEGIN
  CALL flyball.take_over(p_term, p_version, p_issue, p_holds, p_acks, p_ackers, p_note, TRUE);
END $$

-- The same where the shard does not serve: imports, movers and housekeeping write, applications stay out (rule 18).
DROP PROCEDURE IF EXISTS flyball.promote_closed $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.promote_closed(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_holds LONGTEXT, IN p_acks INT UNSIGNED, IN p_ackers LONGTEXT, IN p_note LONGTEXT)
BEGIN
  CALL flyball.take_over(p_term, p_version, p_issue, p_holds, p_acks, p_ackers, p_note, FALSE);
END $$

DROP PROCEDURE IF EXISTS flyball.take_over $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.take_over(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_holds LONGTEXT, IN p_acks INT UNSIGNED, IN p_ackers LONGTEXT,
  IN p_note LONGTEXT, IN p_serves BOOL)
BEGIN
  DECLARE v_opened BIGINT UNSIGNED DEFAULT 0;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.refreeze();
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.check_term(p_term, p_version, p_issue);
  SELECT opened INTO v_opened FROM flyball.fence WHERE id = 1 AND server_uuid = @@GLOBAL.server_uuid;
  IF v_opened <> p_term OR @@GLOBAL.super_read_only OR @@GLOBAL.offline_mode
    OR (p_serves AND @@GLOBAL.read_only) THEN
    IF flyball.has_source() THEN
      CALL flyball.stop_receiver();
    END IF;
    IF NOT GTID_SUBSET(p_holds, @@GLOBAL.gtid_executed) OR NOT flyball.has_applied() THEN
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002,
        MESSAGE_TEXT = 'FB3002 this member lacks transactions that its promotion needs';
    END IF;
    SET GLOBAL super_read_only = OFF;
    CALL flyball.set_ackers(p_ackers);  -- refuses while somebody else might acknowledge still
    CALL flyball.note(p_term, p_version, p_issue, p_term, p_term, p_note);
    CALL flyball.note_serves(p_serves);
    IF p_acks > 0 THEN
      SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = p_acks;
      SET GLOBAL rpl_semi_sync_source_enabled = ON;
    ELSEIF @@GLOBAL.rpl_semi_sync_source_enabled THEN
      SET GLOBAL rpl_semi_sync_source_enabled = OFF;
    END IF;
    IF p_serves THEN
      SET GLOBAL read_only = OFF;
    END IF;
    SET GLOBAL offline_mode = OFF;
  END IF;
  CALL flyball.unlock_fence();
END $$

-- A primary replicates from nobody: drop the source that it had. Nothing is left in its relay log.
DROP PROCEDURE IF EXISTS flyball.forget_source $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.forget_source(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  CALL flyball.must_be_open(p_term);
  IF flyball.has_source() AND flyball.has_applied() THEN
    CALL flyball.stop_receiver();
    CALL flyball.stop_applier();
    RESET REPLICA ALL FOR CHANNEL '';
  END IF;
  CALL flyball.unlock_fence();
END $$

-- The first row of a reign: once it is visible, the new durability set has proven to work.
DROP PROCEDURE IF EXISTS flyball.journal $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.journal(
  IN p_term BIGINT UNSIGNED, IN p_member VARCHAR(63), IN p_mode VARCHAR(32))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET SESSION gtid_next = 'AUTOMATIC';
    RESIGNAL;
  END;
  CALL flyball.must_be_open(p_term);
  SET SESSION gtid_next = 'AUTOMATIC:flyball';
  INSERT IGNORE INTO flyball_shard.journal (term, member, server_uuid, mode, at)
    VALUES (p_term, p_member, @@GLOBAL.server_uuid, p_mode, UTC_TIMESTAMP(6));
  SET SESSION gtid_next = 'AUTOMATIC';
END $$

-- Keep a member out: no replication, no clients. What it holds stays for whoever wants to look.
DROP PROCEDURE IF EXISTS flyball.isolate $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.isolate(IN p_term BIGINT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  SET GLOBAL offline_mode = ON;
  IF @@GLOBAL.rpl_semi_sync_source_enabled THEN
    SET GLOBAL rpl_semi_sync_source_enabled = OFF;
  END IF;
  SET SESSION lock_wait_timeout = 3;
  SET GLOBAL super_read_only = ON;
  CALL flyball.note(p_term, NULL, NULL, 0, NULL, NULL);
  CALL flyball.stop_imports();
  IF flyball.has_source() THEN
    CALL flyball.stop_receiver();
    BEGIN  -- it need not have ended yet: nothing waits for a member that is kept out
      DECLARE CONTINUE HANDLER FOR 1875 BEGIN END;
      STOP REPLICA SQL_THREAD FOR CHANNEL '';
    END;
  END IF;
  CALL flyball.unlock_fence();
END $$

-- Name the donor that a clone may come from. CLONE itself takes no variables, so it is the topology service's own
-- statement; without this act it finds no valid donor, and a fence takes the donor away again (rule 4). CLONE refuses
-- to run under super_read_only; read_only and offline_mode stay ON.
DROP PROCEDURE IF EXISTS flyball.arm_clone $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.arm_clone(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_host VARCHAR(255), IN p_port INT UNSIGNED)
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  IF NOT @@GLOBAL.read_only THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 this member takes writes: fence it first';
  END IF;
  SET GLOBAL offline_mode = ON;
  IF flyball.has_source() THEN
    CALL flyball.stop_receiver();
    CALL flyball.stop_applier();
  END IF;
  CALL flyball.stop_imports();
  SET GLOBAL clone_valid_donor_list = CONCAT(p_host, ':', p_port);
  SET GLOBAL super_read_only = OFF;
  CALL flyball.unlock_fence();
END $$

-- Commit empty transactions in the place of GTIDs that only another member holds: housekeeping that a former primary
-- wrote and nobody received, say (rule 13). p_gtids: single GTIDs, separated by commas.
DROP PROCEDURE IF EXISTS flyball.declare_gtids $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.declare_gtids(
  IN p_term BIGINT UNSIGNED, IN p_gtids LONGTEXT)
BEGIN
  DECLARE v_rest LONGTEXT DEFAULT p_gtids;
  DECLARE v_one VARCHAR(128);
  DECLARE v_frozen INT DEFAULT @@GLOBAL.super_read_only;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    IF v_frozen THEN CALL flyball.refreeze(); END IF;
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, NULL, NULL);
  IF v_frozen THEN
    SET GLOBAL super_read_only = OFF;
  ELSE
    CALL flyball.must_be_open(p_term);
    CALL flyball.unlock_fence();
  END IF;
  WHILE v_rest <> '' DO
    SET v_one = SUBSTRING_INDEX(v_rest, ',', 1);
    SET v_rest = SUBSTRING(v_rest, CHAR_LENGTH(v_one) + 2);
    IF NOT GTID_SUBSET(v_one, @@GLOBAL.gtid_executed) THEN
      SET SESSION gtid_next = v_one;
      COMMIT;
      SET SESSION gtid_next = 'AUTOMATIC';
    END IF;
  END WHILE;
  IF v_frozen THEN CALL flyball.refreeze(); END IF;
  CALL flyball.unlock_fence();
END $$
