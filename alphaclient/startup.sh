#!/bin/bash
# Runs sshd and the agent that follows its log, until one of them ends: then the other is stopped and the container
# ends with a failure, so that Docker restarts it. SIGTERM and SIGINT end both cleanly.
# `startup.sh health` says by its exit code whether both are at work.
set -u

state=${ALPHACLIENT_STATE:-/var/lib/alphaclient}
agent_pid_file=/run/alphaclient.pid

health() {
  local pid stat
  # Looked up, not connected to: a connection would be a probe in sshd's log, and counted.
  awk '$2 ~ /:0016$/ && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null \
    || { echo 'sshd does not listen'; return 1; }
  pid=$(cat "$agent_pid_file") && stat=$(cat "/proc/$pid/stat") \
    || { echo 'the agent does not run'; return 1; }
  # After the command's name in brackets comes the state: T is stopped, Z dead.
  case ${stat##*) } in
    [TtZX]*) echo 'the agent does not run'; return 1 ;;
  esac
}

# Docker names a container after its id unless told otherwise, and a container made anew gets a new id. The name of the
# first one is kept with the state, so that the host's count goes on. A name given on purpose wins.
host_name() {
  local name
  name=$(</proc/sys/kernel/hostname)
  if [[ $name =~ ^[0-9a-f]{12}$ ]]; then
    # Written aside and renamed: a crash leaves the whole name or none.
    [ -s "$state/name" ] || { echo "$name" >"$state/name.new" && mv "$state/name.new" "$state/name"; }
    name=$(cat "$state/name")
  fi
  echo "$name"
}

stop() {
  stopping=yes
  # sshd first: what it still writes, the agent may still read.
  [ -z "$sshd" ] || { kill "$sshd" 2>/dev/null; wait "$sshd"; }
  [ -z "$agent" ] || { kill "$agent" 2>/dev/null; wait "$agent"; agent_status=$?; }
}

run() {
  local ended status
  install -d -m 755 /run/sshd
  install -d -m 700 "$state"
  [ -s "$state/ssh_host_ed25519_key" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$state/ssh_host_ed25519_key" </dev/null || exit 1
  export ALPHACLIENT_NAME=${ALPHACLIENT_NAME:-$(host_name)}

  sshd= agent= stopping= agent_status=0
  trap stop TERM INT
  /usr/sbin/sshd -D -E /var/log/sshd.log &
  sshd=$!
  node alphaclient/main.ts &
  agent=$!
  echo "$agent" >"$agent_pid_file"

  wait -n -p ended "$sshd" "$agent"
  status=$?
  [ -z "$stopping" ] || exit "$agent_status"
  if [ "$ended" = "$agent" ]; then what='the agent'; else what=sshd; fi
  echo "startup: $what ended with exit code $status; the container ends too" >&2
  stop
  exit "$((status == 0 ? 1 : status))"
}

cd "$(dirname "$0")/.." || exit 1
case ${1-} in
  health) health ;;
  *) run ;;
esac
