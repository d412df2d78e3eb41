#!/bin/bash
# Runs sshd and the agent that follows its log, until one of them ends: then the other is stopped and the container
# ends with a failure, so that Docker restarts it. SIGTERM and SIGINT end both cleanly.
# `startup.sh health` says by its exit code whether both are at work.
set -u

# The volume: the host's key and name, which are root's, and the agent's state folder, which is the agent's.
volume=/var/lib/alphaclient
state=${ALPHACLIENT_STATE:-$volume/agent}
log=/var/log/sshd.log
# As sshd.conf names it.
host_key=$volume/ssh_host_ed25519_key

# Runs a command as the agent's user, which has the log's group and no capabilities, and can get none.
as_agent() { exec setpriv --reuid asgard --regid asgard --clear-groups --inh-caps=-all --no-new-privs "$@"; }

health() {
  # Looked up, not connected to: a connection would be a probe in sshd's log, and counted.
  awk '$2 ~ /:0016$/ && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null \
    || { echo 'sshd does not listen'; return 1; }
  # The agent renews its heartbeat every two seconds; one that hangs does not.
  [ -n "$(as_agent find "$state/alive.json" -newermt '-10 seconds' 2>/dev/null)" ] \
    || { echo 'the agent has no current heartbeat'; return 1; }
}

# Made at the first start, so that no two hosts have the same. Written aside and renamed: a crash leaves a whole key or none.
make_host_key() {
  [ -s "$host_key" ] && return
  rm -f "$host_key.new" "$host_key.new.pub"
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$host_key.new" && mv "$host_key.new.pub" "$host_key.pub" && mv "$host_key.new" "$host_key"
}

# Docker names a container after its id unless told otherwise, and a container made anew gets a new id. The name of the
# first one is kept with the state, so that the host's count goes on. A name given on purpose wins.
host_name() {
  local name
  name=$(</proc/sys/kernel/hostname)
  if [[ $name =~ ^[0-9a-f]{12}$ ]]; then
    [ -s "$volume/name" ] || { echo "$name" >"$volume/name.new" && mv "$volume/name.new" "$volume/name"; }
    name=$(cat "$volume/name")
  fi
  echo "$name"
}

# The agent's own folder. Earlier versions ran the agent as root, with its state beside the key: it is moved, all or nothing.
make_state() {
  local each
  [ -d "$state" ] && return
  rm -rf "$state.new"
  install -d -m 700 "$state.new"
  for each in "$volume"/*; do
    case $each in */ssh_host_*|*/name|*/agent.new|*/'*') ;; *) cp -a "$each" "$state.new/" ;; esac
  done
  chown -R asgard:asgard "$state.new" && mv "$state.new" "$state"
}

# sshd would make it for root alone; the agent's group reads it too.
make_log() {
  [ -e "$log" ] || install -m 640 /dev/null "$log"
  chown root:asgard "$log" && chmod 640 "$log"
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
  make_host_key || exit 1
  make_state || exit 1
  make_log || exit 1
  export ALPHACLIENT_NAME=${ALPHACLIENT_NAME:-$(host_name)}

  sshd= agent= stopping= agent_status=0
  trap stop TERM INT
  /usr/sbin/sshd -D -E "$log" &
  sshd=$!
  # It becomes node, so that the signals of `stop` reach the agent itself.
  as_agent sh alphaclient/start.sh &
  agent=$!

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
