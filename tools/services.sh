#!/usr/bin/env bash
# Throw-away PostgreSQL and Redis for tests, on free ports of 127.0.0.1, with all their files in one folder.
#
#   eval "$(tools/services.sh up DIR [postgres] [redis])"   starts both (or the named one), prints export lines
#   tools/services.sh down DIR                              stops what runs there, by pid, and removes DIR
#
# Durability is off: a test server that loses its data in a power cut has lost nothing.
set -euo pipefail

die() { echo "services.sh: $*" >&2; exit 1; }

random_port() { echo $((20000 + RANDOM % 12000)); } # below the ephemeral range, so clients do not sit on it

# Prints the folder of the newest PostgreSQL server programs (Debian keeps them out of PATH).
postgres_bin() {
  local dir
  while read -r dir; do
    if [ -x "$dir/initdb" ]; then echo "$dir"; return; fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin | sort -rV)
  dir=$(command -v initdb) || die "PostgreSQL server programs not found; install them with: apt-get install postgresql"
  dirname "$dir"
}

# Runs a PostgreSQL program; as root it must become somebody else, since the server refuses to run as root.
as_postgres() {
  if [ "$(id -u)" -ne 0 ]; then "$@"; return; fi
  local user=nobody
  if id -u postgres >/dev/null 2>&1; then user=postgres; fi
  (cd / && runuser -u "$user" -- "$@")
}

up_postgres() {
  local dir=$1/postgres bin port owner=nobody
  bin=$(postgres_bin)
  mkdir -p "$dir"
  if [ "$(id -u)" -eq 0 ]; then
    if id -u postgres >/dev/null 2>&1; then owner=postgres; fi
    chown "$owner" "$dir"
    as_postgres test -x "$dir" || die "user $owner cannot reach $dir: choose a folder whose parents are open to all, such as /tmp/x"
  fi
  as_postgres "$bin/initdb" -D "$dir/data" -U gatehouse -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$1/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -n 3 "$1/initdb.log")"
  as_postgres tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 128MB
fsync = off
full_page_writes = off
autovacuum_naptime = 1h
CONF
  for _ in 1 2 3 4 5 6 7 8; do
    port=$(random_port)
    if as_postgres "$bin/pg_ctl" -D "$dir/data" -w -t 60 -s -l "$dir/log" -o "-p $port" start </dev/null >/dev/null 2>&1; then
      echo "export GATEHOUSE_TEST_POSTGRES='postgres://gatehouse@127.0.0.1:$port/postgres?sslmode=disable'"
      return
    fi
  done
  die "PostgreSQL did not start: $(tail -n 3 "$dir/log")"
}

up_redis() {
  local dir=$1/redis program port
  program=$(command -v redis-server || command -v valkey-server) || die "no redis-server; install it with: apt-get install redis-server"
  mkdir -p "$dir"
  for _ in 1 2 3 4 5 6 7 8; do
    port=$(random_port)
    "$program" --bind 127.0.0.1 --port "$port" --databases 1024 --save '' --appendonly no \
      --dir "$dir" --pidfile "$dir/pid" --logfile "$dir/log" --daemonize yes >/dev/null
    if wait_for_redis "$dir" "$port"; then
      echo "export GATEHOUSE_TEST_REDIS='redis://127.0.0.1:$port'"
      return
    fi
  done
  die "Redis did not start: $(tail -n 3 "$dir/log")"
}

# True once the server of DIR has written its pid file, which it does after it has bound PORT, and answers there.
wait_for_redis() {
  for _ in $(seq 100); do
    if [ -s "$1/pid" ] && (exec 3<>"/dev/tcp/127.0.0.1/$2" && printf 'PING\r\n' >&3 && read -r -t 2 line <&3 && [[ $line == +PONG* ]]) 2>/dev/null; then
      return 0
    fi
    if grep -qs 'Failed listening' "$1/log"; then : >"$1/log"; return 1; fi
    sleep 0.05
  done
  return 1
}

# Redis removes its pid file as the last thing it does.
stop_redis() {
  kill "$(cat "$1")" 2>/dev/null || return 0
  for _ in $(seq 100); do
    [ -e "$1" ] || return 0
    sleep 0.05
  done
  kill -KILL "$(cat "$1")" 2>/dev/null || true
}

down() {
  local dir=$1
  if [ -s "$dir/postgres/data/postmaster.pid" ]; then
    as_postgres "$(postgres_bin)/pg_ctl" -D "$dir/postgres/data" -m immediate -w -s stop || true
  fi
  if [ -s "$dir/redis/pid" ]; then
    stop_redis "$dir/redis/pid"
  fi
  rm -rf "$dir"
}

[ $# -ge 2 ] || die "usage: services.sh up DIR [postgres] [redis] | services.sh down DIR"
command=$1
dir=$2
shift 2
case $command in
  up)
    mkdir -p "$dir"
    chmod 755 "$dir"
    [ $# -gt 0 ] || set -- postgres redis
    for service in "$@"; do
      case $service in
        postgres) up_postgres "$dir" ;;
        redis) up_redis "$dir" ;;
        *) die "no service called $service" ;;
      esac
    done
    ;;
  down) down "$dir" ;;
  *) die "no command called $command" ;;
esac
