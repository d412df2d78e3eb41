#!/bin/sh
# Starts PostgreSQL: with an empty folder as the primary where ASGARD_DB_PRIMARY names this host, else as a standby of that one;
# with a folder that has data, as what that is. Makes the certificate of both where there is none.
set -eu

tls=/var/lib/asgard-db-tls
ca=/var/lib/asgard-db-ca/ca.crt
me=$(hostname)
: "${ASGARD_DB_PRIMARY:?}" "${ASGARD_DB_STANDBY:?}" "${ASGARD_DB_PASSWORD:?}" "${ASGARD_DB_REPLICATION_PASSWORD:?}"

# One certificate for both, good for ten years; whoever connects knows it and no other.
if [ "$me" = "$ASGARD_DB_PRIMARY" ] && [ ! -e "$tls/server.crt" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=asgard-db \
    -addext "subjectAltName=DNS:$ASGARD_DB_PRIMARY,DNS:$ASGARD_DB_STANDBY,DNS:localhost" \
    -keyout "$tls/server.key" -out "$tls/server.crt.new" 2>/dev/null
  # The certificate last: with it the other one goes on.
  mv "$tls/server.crt.new" "$tls/server.crt"
fi
until [ -e "$tls/server.crt" ]; do sleep 1; done
if [ ! -e "$ca" ]; then cp "$tls/server.crt" "$ca.$me" && mv "$ca.$me" "$ca"; fi

make_primary() {
  initdb --pgdata="$PGDATA.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=peer --auth-host=scram-sha-256 >/dev/null
  cat >>"$PGDATA.new/pg_hba.conf" <<RULES
hostssl asgard      asgard     all scram-sha-256
hostssl replication replicator all scram-sha-256
RULES
  pg_ctl --pgdata="$PGDATA.new" --wait --options="-c listen_addresses=''" start >/dev/null
  psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --set=asgard="$ASGARD_DB_PASSWORD" \
    --set=replicator="$ASGARD_DB_REPLICATION_PASSWORD" postgres <<'SQL'
CREATE ROLE asgard LOGIN PASSWORD :'asgard';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
CREATE DATABASE asgard OWNER asgard;
SQL
  pg_ctl --pgdata="$PGDATA.new" --wait stop >/dev/null
  mv "$PGDATA.new" "$PGDATA"
}

make_standby() {
  until PGPASSWORD=$ASGARD_DB_REPLICATION_PASSWORD pg_basebackup --pgdata="$PGDATA.new" --write-recovery-conf --checkpoint=fast \
    --dbname="host=$ASGARD_DB_PRIMARY user=replicator application_name=$me sslmode=verify-full sslrootcert=$ca"; do
    rm -rf "$PGDATA.new"
    sleep 2
  done
  mv "$PGDATA.new" "$PGDATA"
}

if [ ! -e "$PGDATA" ]; then
  # What a start that was killed has left.
  rm -rf "$PGDATA.new"
  if [ "$me" = "$ASGARD_DB_PRIMARY" ]; then make_primary; else make_standby; fi
fi

# A commit of the primary is on the disks of both before anything is acknowledged. A standby that was promoted goes on alone.
waits_for=
if [ "$me" = "$ASGARD_DB_PRIMARY" ]; then waits_for="ANY 1 ($ASGARD_DB_STANDBY)"; fi
exec postgres -c listen_addresses='*' -c ssl=on -c ssl_cert_file="$tls/server.crt" -c ssl_key_file="$tls/server.key" \
  -c synchronous_standby_names="$waits_for"
