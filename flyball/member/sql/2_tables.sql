-- What a member remembers for itself: never binlogged, and copied by CLONE, hence the server_uuid.

CREATE DATABASE IF NOT EXISTS flyball;

-- term: the highest that this server has promised to. opened: the term under which it takes writes, 0 when it does
-- not. reigned: the same, kept through a restart, until it settles: what it wrote last may be unacknowledged.
-- issue: the name of the issue of that term, '' where no act has told it yet. version: the highest version of the
-- record that an act which depends on it was decided on; older ones are refused. serves: whether applications may write
-- here while it is open; a reshard decides otherwise (rule 18).
-- note: the reign that this server has attached to, or begun, as the acts that did it told it: whose it is, what its
-- line is, whose acknowledgements count (topology/flyball_topology/notes.py). Of an older term than was promised, maybe.
-- watched_until: how long, by this server's own clock, the topology service is known to watch.
-- A row of another server_uuid came with a clone and promises nothing.
CREATE TABLE IF NOT EXISTS flyball.fence (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY CHECK (id = 1),
  server_uuid CHAR(36) CHARACTER SET ascii NOT NULL,
  term BIGINT UNSIGNED NOT NULL,
  opened BIGINT UNSIGNED NOT NULL DEFAULT 0,
  reigned BIGINT UNSIGNED NOT NULL DEFAULT 0,
  version BIGINT UNSIGNED NOT NULL DEFAULT 0,
  issue VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '',
  serves BOOL NOT NULL DEFAULT TRUE,
  note LONGTEXT CHARACTER SET ascii NULL,
  watched_until DATETIME(6) NULL
);

-- The table of a member that was made before there were versions, names of issues, shards that do not serve, and notes.
SET @flyball_text = IF(
  EXISTS (
    SELECT 1 FROM information_schema.columns
      WHERE table_schema = 'flyball' AND table_name = 'fence' AND column_name = 'version'),
  'DO 0', 'ALTER TABLE flyball.fence ADD COLUMN version BIGINT UNSIGNED NOT NULL DEFAULT 0 AFTER reigned');
PREPARE flyball_statement FROM @flyball_text;
EXECUTE flyball_statement;
SET @flyball_text = IF(
  EXISTS (
    SELECT 1 FROM information_schema.columns
      WHERE table_schema = 'flyball' AND table_name = 'fence' AND column_name = 'issue'),
  'DO 0', 'ALTER TABLE flyball.fence ADD COLUMN issue VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '''' AFTER version');
PREPARE flyball_statement FROM @flyball_text;
EXECUTE flyball_statement;
SET @flyball_text = IF(
  EXISTS (
    SELECT 1 FROM information_schema.columns
      WHERE table_schema = 'flyball' AND table_name = 'fence' AND column_name = 'serves'),
  'DO 0', 'ALTER TABLE flyball.fence ADD COLUMN serves BOOL NOT NULL DEFAULT TRUE AFTER issue');
PREPARE flyball_statement FROM @flyball_text;
EXECUTE flyball_statement;
SET @flyball_text = IF(
  EXISTS (
    SELECT 1 FROM information_schema.columns
      WHERE table_schema = 'flyball' AND table_name = 'fence' AND column_name = 'note'),
  'DO 0', 'ALTER TABLE flyball.fence ADD COLUMN note LONGTEXT CHARACTER SET ascii NULL AFTER serves');
PREPARE flyball_statement FROM @flyball_text;
EXECUTE flyball_statement;
DEALLOCATE PREPARE flyball_statement;

-- A member starts closed, whatever it was before.
UPDATE flyball.fence SET opened = 0;
