# A scratch PostgreSQL as RDS offers one: no superuser for the master user, and TLS or nothing. With the data of another
# one in its place it goes on with these, as a restored instance does: all roles are there, the master's password is new.
# Variables: MASTER, PASSWORD (letters, digits, - and _ only), DATABASE (may be empty), PORT, MAX_CONNECTIONS,
# CERTIFICATE, KEY.
set -eu
umask 077
data=/var/lib/postgresql/data
restored=
[ ! -s "$data/PG_VERSION" ] || restored=1
if [ -n "$restored" ]; then
  rm -f "$data/postmaster.pid"
else
  initdb --pgdata="$data" --username=rdsadmin --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
fi
printf '%s' "$CERTIFICATE" > "$data/server.crt"
printf '%s' "$KEY" > "$data/server.key"
printf 'local all all trust\nhostssl all all all scram-sha-256\n' > "$data/pg_hba.conf"
if [ -n "$restored" ]; then
  echo "ALTER ROLE \"$MASTER\" PASSWORD '$PASSWORD'" | postgres --single -D "$data" postgres >/dev/null
else
  postgres --single -D "$data" postgres >/dev/null <<SQL
CREATE ROLE rds_superuser CREATEDB CREATEROLE IN ROLE pg_monitor, pg_signal_backend, pg_checkpoint
CREATE ROLE "$MASTER" LOGIN CREATEDB CREATEROLE PASSWORD '$PASSWORD' IN ROLE rds_superuser
${DATABASE:+CREATE DATABASE "$DATABASE" OWNER "$MASTER"}
SQL
fi
unset PASSWORD CERTIFICATE KEY
exec postgres -D "$data" -p "$PORT" -c listen_addresses='*' -c unix_socket_directories=/tmp \
  -c max_connections="$MAX_CONNECTIONS" -c ssl=on -c fsync=off -c shared_buffers=64MB
