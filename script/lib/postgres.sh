#!/bin/bash
# A private PostgreSQL cluster that is thrown away: for tests, demos and
# benchmarks. Never the machine's own cluster.
#
#   script/lib/postgres.sh start DIR [--fast] [--owner PID]
#   script/lib/postgres.sh migrate DIR [VERSION]
#   script/lib/postgres.sh superuser DIR SQL
#   script/lib/postgres.sh standby DIR NEW_DIR [--owner PID]
#   script/lib/postgres.sh promote DIR
#   script/lib/postgres.sh restart DIR fast|immediate
#   script/lib/postgres.sh stop DIR
#
# start    makes a cluster and waits until it answers; DIR/url is then the
#          connection URI of the schema's owner. --fast gives up durability for
#          speed. --owner stops the cluster when that process is gone, however
#          it ended.
# migrate  applies migrations/ with $WXIDENT_TOOLS_DIR/bin/dbmate, as the owner,
#          and then docs/database-roles.sql; DIR/server_url is then the
#          connection URI of the server's role. With VERSION no migration after
#          it, and no roles, which are for the whole schema.
# superuser  runs statements in the database wxident as the superuser, each on
#          its own.
# standby  makes a hot standby of DIR's cluster, application_name "standby". Its
#          NEW_DIR has the same files, and "superuser", "promote", "restart" and
#          "stop" are for it too.
# promote  makes a standby a primary. Returns when it takes writes.
# restart  as pg_ctl does; "immediate" is a crash. Waits until it answers.
# stop     ends it and removes all of it.
#
# The cluster's files stand in a folder of their own under ${TMPDIR:-/tmp},
# since initdb refuses to run as root and the user that root drops to cannot
# reach every DIR. It listens on 127.0.0.1 and on a socket in that folder. Over
# TCP only the roles wxident and wxident_server get in, to the database wxident,
# which the first owns; the superuser is reached through the socket, which other
# users cannot open.
#
# Sourcing this file defines the functions (wx_pg_start DIR ... and so on) and
# does nothing else.

wx_pg_root() { (cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd); }

wx_pg_fail() {
  echo "postgres.sh: $*" >&2
  return 1
}

# Debian keeps the server's programs out of PATH.
wx_pg_bin() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  if [[ -z $found ]]; then
    found=$(dirname "$(command -v pg_ctl || echo /)")
  fi
  [[ -x $found/pg_ctl ]] ||
    wx_pg_fail "PostgreSQL is not installed: run script/bootstrap" || return 1
  echo "$found"
}

# Runs a program as a user who may run PostgreSQL.
wx_pg_as_user() {
  if ((EUID == 0)); then
    (cd / && setpriv --reuid postgres --regid postgres --clear-groups -- "$@")
  else
    "$@"
  fi
}

# psql as the superuser, in a database.
wx_pg_superuser() {
  local dir=$1 database=$2 bin
  shift 2
  bin=$(wx_pg_bin) || return 1
  wx_pg_as_user "$bin/psql" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 \
    --host="$(cat "$dir/home")" --port="$(cat "$dir/port")" \
    --username=postgres --dbname="$database" "$@" >/dev/null
}

wx_pg_start() {
  local dir=$1 fast='' owner='' bin home port
  shift
  while (($#)); do
    case $1 in
      --fast) fast=yes ;;
      --owner)
        owner=$2
        shift
        ;;
      *) wx_pg_fail "start: unknown argument $1" || return 2 ;;
    esac
    shift
  done
  bin=$(wx_pg_bin) || return 1
  wx_pg_make_home "$dir" || return 1
  home=$(cat "$dir/home")
  if ! wx_pg_as_user "$bin/initdb" --pgdata="$home/data" --encoding=UTF8 \
    --locale=C --username=postgres --auth=trust --no-sync \
    >"$dir/initdb.log" 2>&1; then
    cat "$dir/initdb.log" >&2
    wx_pg_stop "$dir"
    wx_pg_fail "initdb failed" || return 1
  fi
  {
    echo "local all all trust"
    echo "local replication all trust"
    echo "host wxident wxident,wxident_server 127.0.0.1/32 trust"
  } >"$home/data/pg_hba.conf"
  {
    echo "listen_addresses = '127.0.0.1'"
    echo "unix_socket_directories = '$home'"
    echo "unix_socket_permissions = 0700"
    echo "log_min_messages = warning"
    if [[ -n $fast ]]; then
      echo "fsync = off"
      echo "synchronous_commit = off"
      echo "full_page_writes = off"
    fi
  } >>"$home/data/postgresql.conf"

  wx_pg_listen "$dir" || return 1
  # Tests look at the server's connections, and end them, as the owner.
  wx_pg_superuser "$dir" postgres --command="CREATE ROLE wxident LOGIN
    IN ROLE pg_read_all_stats, pg_signal_backend" \
    --command="CREATE DATABASE wxident OWNER wxident" || {
    wx_pg_stop "$dir"
    wx_pg_fail "could not make the database" || return 1
  }
  port=$(cat "$dir/port")
  echo "postgresql://wxident@127.0.0.1:$port/wxident?sslmode=disable" \
    >"$dir/url"

  wx_pg_watch "$dir" "$owner"
}

# Starts a cluster at a port that is free, and names it in DIR/port.
wx_pg_listen() {
  local dir=$1 bin home attempt port
  bin=$(wx_pg_bin) || return 1
  home=$(cat "$dir/home") || return 1
  # PostgreSQL cannot ask for any free port, so a taken one means another try.
  for attempt in {1..20}; do
    port=$((20000 + RANDOM % 12000))
    echo "$port" >"$dir/port"
    if wx_pg_as_user "$bin/pg_ctl" start --pgdata="$home/data" --wait \
      --silent --options="-p $port" --log="$home/log" >/dev/null 2>&1; then
      break
    fi
    ((attempt < 20)) || {
      cat "$home/log" >&2
      wx_pg_stop "$dir"
      wx_pg_fail "PostgreSQL did not start" || return 1
    }
  done
}

# Stops the cluster when the process `owner`, if one is given, is gone.
wx_pg_watch() {
  local dir=$1 owner=$2
  [[ -n $owner ]] || return 0
  setsid bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done
    [[ ! -e $3/home ]] || exec "$2" stop "$3"' \
    wxident-pg-watch "$owner" "$(wx_pg_root)/script/lib/postgres.sh" "$dir" \
    </dev/null >/dev/null 2>&1 &
}

# A folder for a cluster's files, named in DIR/home.
wx_pg_make_home() {
  local dir=$1 base home
  mkdir -p "$dir" || return 1
  [[ ! -e $dir/home ]] ||
    wx_pg_fail "$dir already has a cluster: stop it first" || return 1
  # A socket's path may have 107 bytes, and the user must get there.
  base=${TMPDIR:-/tmp}
  if ((${#base} > 60)) || ! wx_pg_as_user test -x "$base"; then base=/tmp; fi
  home=$(mktemp -d "$base/wxident-pg.XXXXXXXX") || return 1
  ((EUID != 0)) || chown postgres:postgres "$home" || return 1
  echo "$home" >"$dir/home"
}

wx_pg_migrate() {
  local dir=$1 version=${2:-} url root dbmate migrations file name
  root=$(wx_pg_root)
  dbmate=${WXIDENT_TOOLS_DIR:-$root/.tools}/bin/dbmate
  [[ -x $dbmate ]] ||
    wx_pg_fail "no dbmate at $dbmate: run script/bootstrap" || return 1
  url=$(cat "$dir/url") || return 1
  migrations=$root/migrations
  if [[ -n $version ]]; then
    migrations=$dir/migrations
    mkdir "$migrations" || return 1
    for file in "$root"/migrations/*.sql; do
      name=$(basename "$file")
      [[ ${name%%_*} > $version ]] || cp "$file" "$migrations/" || return 1
    done
  fi
  "$dbmate" --url "$url" --no-dump-schema --migrations-dir "$migrations" \
    migrate || return 1
  if [[ -n $version ]]; then
    rm -r "$migrations"
    return 0
  fi
  # From here, for the superuser may not be able to read it.
  wx_pg_superuser "$dir" wxident <"$root/docs/database-roles.sql" || return 1
  echo "${url/wxident@/wxident_server@}" >"$dir/server_url"
}

wx_pg_standby() {
  local dir=$2 from=$1 owner='' bin home name
  [[ ${3:-} != --owner ]] || owner=$4
  bin=$(wx_pg_bin) || return 1
  wx_pg_make_home "$dir" || return 1
  home=$(cat "$dir/home")
  if ! wx_pg_as_user "$bin/pg_basebackup" --pgdata="$home/data" \
    --write-recovery-conf --checkpoint=fast --no-sync --dbname="host=$(
      cat "$from/home"
    ) port=$(cat "$from/port") user=postgres application_name=standby"; then
    wx_pg_stop "$dir"
    wx_pg_fail "pg_basebackup failed" || return 1
  fi
  echo "unix_socket_directories = '$home'" >>"$home/data/postgresql.conf"
  wx_pg_listen "$dir" || return 1
  for name in url server_url; do
    sed "s/:$(cat "$from/port")\//:$(cat "$dir/port")\//" "$from/$name" \
      >"$dir/$name"
  done
  wx_pg_watch "$dir" "$owner"
}

wx_pg_promote() {
  local bin
  bin=$(wx_pg_bin) || return 1
  wx_pg_as_user "$bin/pg_ctl" promote --pgdata="$(cat "$1/home")/data" --wait \
    --silent
}

wx_pg_restart() {
  local dir=$1 mode=$2 bin home
  [[ $mode == fast || $mode == immediate ]] ||
    wx_pg_fail "restart: the mode is fast or immediate" || return 2
  bin=$(wx_pg_bin) || return 1
  home=$(cat "$dir/home") || return 1
  wx_pg_as_user "$bin/pg_ctl" restart --pgdata="$home/data" --mode="$mode" \
    --wait --silent --options="-p $(cat "$dir/port")" --log="$home/log" \
    >/dev/null
}

wx_pg_stop() {
  local dir=$1 bin home pid
  [[ -e $dir/home ]] || return 0
  bin=$(wx_pg_bin) || return 1
  home=$(cat "$dir/home")
  # Its data is thrown away, so there is nothing to write down first.
  if [[ -e $home/data/postmaster.pid ]]; then
    # A test may have stopped it, for it to hang.
    pid=$(head -n 1 "$home/data/postmaster.pid")
    kill -CONT "$pid" 2>/dev/null
    pkill -CONT --parent "$pid"
    wx_pg_as_user "$bin/pg_ctl" stop --pgdata="$home/data" --mode=immediate \
      --wait --silent >/dev/null 2>&1
  fi
  rm -rf "$home"
  rm -f "$dir/home" "$dir/url" "$dir/server_url" "$dir/port" "$dir/initdb.log"
  rmdir "$dir" 2>/dev/null || true
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  command=${1:-}
  case $command in
    superuser)
      (($# == 3)) || {
        wx_pg_fail "usage: postgres.sh superuser DIR SQL"
        exit 2
      }
      wx_pg_superuser "$2" wxident <<<"$3"
      ;;
    start | stop | migrate | restart | standby | promote)
      (($# >= 2)) || {
        wx_pg_fail "usage: postgres.sh $command DIR ..."
        exit 2
      }
      shift
      "wx_pg_$command" "$@"
      ;;
    *)
      wx_pg_fail "usage: postgres.sh start|migrate|superuser|standby|promote|restart|stop \
DIR ..."
      exit 2
      ;;
  esac
fi
