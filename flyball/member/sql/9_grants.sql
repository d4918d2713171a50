-- What the topology service may call: the acts, each of which checks its term, and the probe. Their parts, some of
-- which would do anything that they are told, are for the acts alone.

GRANT EXECUTE ON PROCEDURE flyball.probe TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.fence TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.freeze TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.thaw TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.follow TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.lend TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.settle TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.catch_up TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.promote TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.forget_source TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.journal TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.isolate TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.arm_clone TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.declare_gtids TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.establish TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.ensure_database TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.ensure_user TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.ensure_replica_account TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.admit TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.ensure_semi_sync TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.watch TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.beat TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.hold TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.import TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.pause_import TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.end_import TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.await TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.ensure_mover TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.drop_mover TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.declare_foreign TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.journal_move TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.part TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.probe_reshard TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.serve TO 'flyball_topology'@'%' $$
GRANT EXECUTE ON PROCEDURE flyball.promote_closed TO 'flyball_topology'@'%' $$
