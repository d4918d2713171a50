-- Readers: an account that compares the keyspace's rows with those of other members, while one `flyball verify` lives.
-- It reads tables and their definitions, holds them still for the moment of a snapshot, and can change nothing.

-- Goes on only with a name that a readers' account may have.
DROP PROCEDURE IF EXISTS flyball.must_be_reader $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.must_be_reader(IN p_user VARCHAR(32))
BEGIN
  IF NOT COALESCE(REGEXP_LIKE(p_user, '^flyball_v_[a-z0-9]+$', 'c'), FALSE) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 33002, MESSAGE_TEXT = 'FB3002 that is no account of readers';
  END IF;
END $$

-- Take away every account of readers but one: whoever compared before may have died over it.
DROP PROCEDURE IF EXISTS flyball.forget_readers $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.forget_readers(IN p_keep VARCHAR(32))
BEGIN
  DECLARE v_user VARCHAR(32);
  DECLARE v_done BOOL DEFAULT FALSE;
  DECLARE v_accounts CURSOR FOR
    SELECT user FROM mysql.user WHERE user LIKE 'flyball\_v\_%' AND host = '%' AND user <> p_keep;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = TRUE;
  OPEN v_accounts;
  FETCH v_accounts INTO v_user;
  WHILE NOT v_done DO
    CALL flyball.run_unlogged(CONCAT('DROP USER IF EXISTS ', QUOTE(v_user), '@''%'''));
    CALL flyball.kill_sessions(v_user);
    SET v_done = FALSE;
    FETCH v_accounts INTO v_user;
  END WHILE;
  CLOSE v_accounts;
END $$

DROP PROCEDURE IF EXISTS flyball.ensure_reader $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.ensure_reader(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64),
  IN p_user VARCHAR(32), IN p_password VARCHAR(255), IN p_database VARCHAR(64))
BEGIN
  DECLARE v_account VARCHAR(128) DEFAULT CONCAT(QUOTE(p_user), '@''%''');
  DECLARE v_where VARCHAR(256) DEFAULT CONCAT(
    ' ON `', IF(@@GLOBAL.partial_revokes, p_database, REPLACE(p_database, '_', '\\_')), '`.* TO ');
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.must_be_reader(p_user);
  CALL flyball.must_be_free(p_database);
  CALL flyball.forget_readers(p_user);
  CALL flyball.run_unlogged(CONCAT(
    'CREATE USER IF NOT EXISTS ', v_account, ' IDENTIFIED BY ', QUOTE(p_password), ' REQUIRE SSL'));
  CALL flyball.run_unlogged(CONCAT('GRANT SELECT, LOCK TABLES', v_where, v_account));
  CALL flyball.unlock_fence();
END $$

-- Take them away again, and whoever uses them.
DROP PROCEDURE IF EXISTS flyball.drop_readers $$
CREATE DEFINER='flyball_definer'@'localhost' PROCEDURE flyball.drop_readers(
  IN p_term BIGINT UNSIGNED, IN p_version BIGINT UNSIGNED, IN p_issue VARCHAR(64))
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    CALL flyball.unlock_fence();
    RESIGNAL;
  END;
  CALL flyball.lock_fence();
  CALL flyball.obey(p_term, p_version, p_issue);
  CALL flyball.forget_readers('');
  CALL flyball.unlock_fence();
END $$
