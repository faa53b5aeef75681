# A scratch Valkey as ElastiCache offers one: TLS and a token. Variables: TOKEN, PORT, CERTIFICATE, KEY.
set -eu
umask 077
cd /tmp
printf '%s' "$CERTIFICATE" > server.crt
printf '%s' "$KEY" > server.key
exec valkey-server - <<CONFIG
bind 0.0.0.0
port 0
tls-port $PORT
tls-cert-file /tmp/server.crt
tls-key-file /tmp/server.key
tls-auth-clients no
requirepass $TOKEN
save ""
appendonly no
maxmemory 64mb
CONFIG
