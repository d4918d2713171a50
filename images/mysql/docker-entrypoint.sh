#!/bin/bash
# What the public MySQL image documents of its entry point, as far as tests use it:
#
#   mysqld OPTION…, or only options    makes an empty data directory first, then becomes mysqld
#   anything else                      becomes that command
#   MYSQL_ROOT_PASSWORD, MYSQL_ALLOW_EMPTY_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD, MYSQL_ROOT_HOST,
#   each with _FILE for what lies in a file; *.sql and *.sh of /docker-entrypoint-initdb.d at the first start
set -euo pipefail

[ $# -gt 0 ] && [ "${1:0:1}" != - ] || set -- mysqld "$@"
[ "$1" = mysqld ] || exec "$@"

value() {
  local name=$1 file="${1}_FILE"
  if [ -n "${!file:-}" ]; then cat "${!file}"; else printf %s "${!name:-}"; fi
}

# As it stands between quotes in SQL.
quoted() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\'\'}"; }
named() { printf '`%s`' "${1//\`/\`\`}"; }

folder=/var/lib/mysql
socket=/var/run/mysqld/first.sock
ask() { mysql --no-defaults --protocol=socket --socket="$socket" --user=root --batch "$@"; }

accounts() {
  local root host user password database
  root=$(value MYSQL_ROOT_PASSWORD) host=$(value MYSQL_ROOT_HOST)
  user=$(value MYSQL_USER) password=$(value MYSQL_PASSWORD) database=$(value MYSQL_DATABASE)
  [ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS $(named "$database");"
  if [ -n "$user" ]; then
    echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
    [ -z "$database" ] || echo "GRANT ALL ON $(named "$database").* TO $(quoted "$user")@'%';"
  fi
  echo "CREATE USER root@$(quoted "${host:-%}") IDENTIFIED BY $(quoted "$root");"
  echo "GRANT ALL ON *.* TO root@$(quoted "${host:-%}") WITH GRANT OPTION;"
  echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root");"
}

first_start() {
  [ -n "$(value MYSQL_ROOT_PASSWORD)" ] || [ -n "${MYSQL_ALLOW_EMPTY_PASSWORD:-}" ] || {
    echo "set MYSQL_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD" >&2
    exit 1
  }
  "$@" --initialize-insecure
  "$@" --skip-networking --mysqlx=OFF --socket="$socket" &
  local server=$! tries
  for ((tries = 0; tries < 600; tries++)); do
    ! ask -e 'SELECT 1' >/dev/null 2>&1 || break
    kill -0 "$server" || exit 1
    sleep 0.2
  done
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) bash "$file" ;;
      *.sql) ask <"$file" ;;
    esac
  done
  accounts | ask
  kill "$server"
  wait "$server"
}

[ -d "$folder/mysql" ] || first_start "$@"
exec "$@"
