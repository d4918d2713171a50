-- The accounts that live in every member, whatever it replicates: made at each start, never binlogged.

-- Owns the procedures and the events. Nobody can log in as it.
CREATE USER IF NOT EXISTS 'flyball_definer'@'localhost' IDENTIFIED BY RANDOM PASSWORD ACCOUNT LOCK;
GRANT ALL ON *.* TO 'flyball_definer'@'localhost' WITH GRANT OPTION;

-- The topology service. CONNECTION_ADMIN lets it in while offline_mode keeps everybody else out, and CLONE_ADMIN
-- starts a clone, which needs a donor that only flyball.arm_clone can name. It changes nothing by itself;
-- 9_grants.sql says what it may call. The number of its connections takes the place of max_user_connections, which is
-- for applications.
CREATE USER IF NOT EXISTS 'flyball_topology'@'%' IDENTIFIED BY {topology_password} REQUIRE SSL;
ALTER USER 'flyball_topology'@'%' IDENTIFIED BY {topology_password} REQUIRE SSL WITH MAX_USER_CONNECTIONS 1000;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'flyball_topology'@'%';
GRANT CONNECTION_ADMIN, CLONE_ADMIN ON *.* TO 'flyball_topology'@'%';

-- Its statements carry passwords (ensure_user, follow, CLONE): performance_schema keeps none of them. Which sessions
-- there are, and what each waits for, it shows all the same.
DELETE FROM performance_schema.setup_actors WHERE user = 'flyball_topology';
INSERT INTO performance_schema.setup_actors (host, user, role, enabled, history)
  VALUES ('%', 'flyball_topology', '%', 'NO', 'NO');

-- The engine beside the member, over the socket alone: it takes a member offline before it stops it (rule 1).
CREATE USER IF NOT EXISTS 'flyball_engine'@'localhost' IDENTIFIED BY {engine_password};
ALTER USER 'flyball_engine'@'localhost' IDENTIFIED BY {engine_password} WITH MAX_USER_CONNECTIONS 1000;
GRANT SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, PROCESS, SHUTDOWN ON *.* TO 'flyball_engine'@'localhost';
GRANT SELECT ON performance_schema.* TO 'flyball_engine'@'localhost';
ALTER USER 'root'@'localhost' ACCOUNT LOCK;

-- What a member that is made anew reads its donor with.
CREATE USER IF NOT EXISTS 'flyball_clone'@'%' IDENTIFIED BY {clone_password} REQUIRE SSL;
ALTER USER 'flyball_clone'@'%' IDENTIFIED BY {clone_password} REQUIRE SSL;
GRANT BACKUP_ADMIN ON *.* TO 'flyball_clone'@'%';
