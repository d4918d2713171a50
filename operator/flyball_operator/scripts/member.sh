#!/bin/bash
# The first process of a member's container. It needs bash, mysqld and mysql, which the public MySQL image has.
#
#   member.sh prepare OPTION…   makes an empty data directory, once; one that is there is left alone
#   member.sh run OPTION…       runs mysqld, and stops it without lying to a client
#
# A mysqld that gets SIGTERM answers OK to a commit that still waits for its acknowledgement (rule 1). So mysqld never
# gets the pod's SIGTERM: this process does, cuts the clients off first, looks until none is left, and kills mysqld where
# that cannot be had. A killed server answers nobody. When this process itself is killed, so is mysqld with it.
set -u -o pipefail

home=${FLYBALL_VOLUME:-/var/lib/mysql}
given=${FLYBALL_GIVEN:-/etc/flyball}
data=$home/data
socket=${FLYBALL_SOCKET:-/run/mysqld/mysqld.sock}
pid_file=${FLYBALL_PID_FILE:-/run/mysqld/mysqld.pid}
mysqld=
told_to_end=
loaded=
failed=
server_id=

say() { printf 'flyball: %s\n' "$*" >&2; }

prepare() {
  if [ -f "$data/mysql.ibd" ]; then
    say "the data directory is there"
    return 0
  fi
  if [ -e "$data" ]; then
    say "$data is there and holds no data directory of MySQL: nothing is touched; look at it, and move it away"
    return 1
  fi
  rm -rf "$home/data.new"
  mysqld --no-defaults "$@" --datadir="$home/data.new" --initialize-insecure --log-error=stderr || return 1
  sync && mv "$home/data.new" "$data" && sync
}

# Empty directories that a clone left when it was broken off; mysqld would stumble over them (flyball/member/leftovers.py).
remove_leftovers() {
  [ -d "$data/flyball" ] && [ -z "$(ls -A "$data/flyball")" ] || return 0
  local directory
  for directory in "$data"/*/; do
    directory=${directory%/}
    case ${directory##*/} in
      '#'* | mysql | performance_schema | sys) ;;
      *) [ -L "$directory" ] || rmdir "$directory" 2>/dev/null ;;
    esac
  done
  say "a clone was broken off, and its empty schemas are removed"
}

# 1 in progress, 2 complete and started, 3 failed; nothing without a clone
clone_state() { head -c 1 "$data/#clone/#view_status" 2>/dev/null; }

has_procedures() { [ -d "$data/flyball" ] && [ -n "$(ls -A "$data/flyball")" ]; }

complete_clone() {
  [ -f "$data/#clone/#status_fix" ] && [ ! -e "$data/#clone/#status_error" ] &&
    [ ! -e "$data/#clone/#status_in_progress" ]
}

# A member that a clone made anew, or emptied, is another server (flyball/member/cloned.py).
forget_identity() {
  local emptied=
  case $(clone_state) in 1 | 3) has_procedures || emptied=yes ;; esac
  if [ -n "$emptied" ] || complete_clone; then
    rm -f "$data/auto.cnf"
    say "the member was cloned: it starts as another server"
  fi
}

# A server with a new uuid gets a new id, too: a replica skips what its own id has written, and would never get back what
# it wrote in a former life. The last four bits stay the member's own, so members of a shard never share one.
choose_server_id() {
  local file=$home/server-id option own=1
  if [ ! -s "$file" ] || [ ! -f "$data/auto.cnf" ]; then
    for option in "$@"; do
      case $option in --server-id=*) own=${option#*=} ;; esac
    done
    printf '%s\n' $((($(od -An -N4 -tu4 /dev/urandom) & 0xFFFFFFF0) | (own & 15))) >"$file.new"
    sync && mv "$file.new" "$file"
  fi
  server_id=$(cat "$file")
}

# Whether mysqld runs without accounts and procedures, since a clone was broken off or failed: one more start mends it.
stumbled() {
  local view=$data/#clone/#view_status
  [ -f "$view" ] && [ -f "$pid_file" ] || return 1
  if [ "$view" -ot "$pid_file" ]; then
    [ -d "$data/flyball" ] && ! has_procedures
  else
    [ "$view" -nt "$pid_file" ] && [ "$(clone_state)" = 3 ]
  fi
}

# --- talking to mysqld ---------------------------------------------------------------------------------------

# One session, kept until the end of this process: it holds the lock that every act takes.
open_session() {
  coproc CLIENT {
    exec mysql --defaults-file="$given/start/engine.cnf" --socket="$socket" --connect-timeout=3 \
      --batch --skip-column-names --unbuffered 2>/dev/null
  }
}

# ask STATEMENT SECONDS: the first line of its answer in $answer
ask() {
  answer=
  [ -n "${CLIENT_PID:-}" ] || return 1
  printf '%s\n' "$1" >&"${CLIENT[1]}" 2>/dev/null || return 1
  IFS= read -r -t "$2" answer <&"${CLIENT[0]}" 2>/dev/null
}

quieten() {
  open_session
  ask "SET GLOBAL offline_mode = ON; SELECT 'offline';" 6 && [ "$answer" = offline ] || return 1
  ask "SELECT GET_LOCK('flyball.fence', 6);" 9 && [ "$answer" = 1 ] || return 1
  ask "SET GLOBAL offline_mode = ON; SELECT 'offline';" 6 && [ "$answer" = offline ] || return 1
  local left=100 stragglers
  stragglers=$(tr '\n' ' ' <"$given/program/stragglers.sql")
  while [ "$left" -gt 0 ]; do
    ask "$stragglers;" 3 || return 1
    [ "$answer" = 0 ] && return 0
    left=$((left - 1))
    ask "DO SLEEP(0.05); SELECT 'rested';" 3 || return 1
  done
  return 1
}

reload_certificates() {
  local seen
  seen=$(cat "$given"/tls/ca.crt "$given"/tls/tls.crt "$given"/tls/tls.key 2>/dev/null | cksum)
  [ "$seen" = "$loaded" ] && return
  if mysql --defaults-file="$given/start/engine.cnf" --socket="$socket" --connect-timeout=3 --batch \
    -e 'ALTER INSTANCE RELOAD TLS' 2>/dev/null; then
    say "the certificate was loaded anew"
    loaded=$seen failed=
  elif [ "$failed" != "$seen" ]; then
    say "the certificate cannot be loaded; the one before it stays in use"
    failed=$seen
  fi
}

# --- running mysqld ------------------------------------------------------------------------------------------

is_running() { [ -n "$mysqld" ] && kill -0 "$mysqld" 2>/dev/null; }

stop() {
  is_running || return
  if quieten; then
    kill -TERM "$mysqld" 2>/dev/null
    local left=300
    while [ "$left" -gt 0 ] && is_running; do
      sleep 0.2
      left=$((left - 1))
    done
    is_running || { say "mysqld shut down"; return; }
  fi
  kill -KILL "$mysqld" 2>/dev/null
  say "mysqld was killed: clients could not be cut off in order, and a killed server tells nobody anything untrue"
}

run() {
  trap 'told_to_end=yes' TERM INT QUIT
  mkdir -p "$home/tmp" && rm -rf "${home:?}/tmp"/*
  while [ -z "$told_to_end" ]; do
    remove_leftovers
    forget_identity
    rm -f "$socket.lock" "$pid_file"
    loaded=$(cat "$given"/tls/ca.crt "$given"/tls/tls.crt "$given"/tls/tls.key 2>/dev/null | cksum)
    choose_server_id "$@"
    mysqld --no-defaults "$@" --server-id="$server_id" &
    mysqld=$!
    local beats=0 again=
    while is_running && [ -z "$told_to_end" ]; do
      sleep "${FLYBALL_BEAT:-1}" &
      wait -n "$mysqld" $! 2>/dev/null
      if stumbled; then
        say "a clone failed and left no accounts: mysqld is started once more"
        kill -KILL "$mysqld" 2>/dev/null
        again=yes
        break
      fi
      beats=$((beats + 1))
      [ $((beats % 5)) -eq 0 ] && is_running && reload_certificates
    done
    [ -n "$told_to_end" ] && stop
    wait "$mysqld"
    local ended=$?
    mysqld=
    # After a clone mysqld ends and wants to be started: no need to leave the container for that.
    [ -z "$told_to_end$again" ] && ! complete_clone && { say "mysqld ended by itself: $ended"; return "$ended"; }
  done
  return 0
}

command=$1
shift
case $command in
  prepare) prepare "$@" ;;
  run) run "$@" ;;
  *) say "unknown: $command"; exit 2 ;;
esac
