# shellcheck shell=bash
# What the other files share: places, messages, timings. Sourced, never run.
# shellcheck disable=SC2034 # the sourcing files use them

# The toolchain's versions. The CLI may be newer; the plugin must be the one that the Python package asks for.
PULUMI_VERSION=3.259.0
PULUMI_MINIMUM=3.200.0
GO_MINIMUM=1.25.11
UV_MINIMUM=0.5.0
BASE_IMAGE=debian:trixie-slim
# A build from sources holds this much at its peak (Go's caches), and the dev stack's images as much again.
FREE_GIB_NEEDED=6

TOOLCHAIN=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CLONE=${TOOLCHAIN%/*}
CACHE=${NUGGETWISE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nuggetwise}
STATE=${NUGGETWISE_STATE:-${XDG_DATA_HOME:-$HOME/.local/share}/nuggetwise}
VENV=$CLONE/.venv
STAMPS=$CACHE/stamps
TIMINGS=$CACHE/timings.tsv
LOGS=$CACHE/logs
export UV_CACHE_DIR=$CACHE/uv

if [[ -t 1 ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m' ERASE=$'\r\e[K'
else
  BOLD='' DIM='' PLAIN='' ERASE=''
fi

step() { printf '%s==> %s%s\n' "$BOLD" "$1" "$PLAIN"; }
note() { printf '    %s\n' "$*"; }
warn() { printf '    note: %s\n' "$*" >&2; }

fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

# version_at_least FOUND WANTED, both dotted numbers
version_at_least() {
  local IFS=. i
  # shellcheck disable=SC2206 # the split at the dots is the point
  local -a found=($1) wanted=($2)
  for i in 0 1 2; do
    ((10#${found[i]:-0} > 10#${wanted[i]:-0})) && return 0
    ((10#${found[i]:-0} < 10#${wanted[i]:-0})) && return 1
  done
  return 0
}

# first_version < TEXT: the first dotted number in it
first_version() { grep -Eom1 '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n1; }

# A stamp remembers something that takes long to find out, such as the version of an unchanged program.
stamp_read() { [[ -r $STAMPS/$1 ]] && printf '%s' "$(<"$STAMPS/$1")"; }

stamp_write() {
  mkdir -p "$STAMPS"
  printf '%s' "$2" >"$STAMPS/.$1.$$"
  mv "$STAMPS/.$1.$$" "$STAMPS/$1"
}

is_root() { ((EUID == 0)); }

elapsed() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }

# with_progress LABEL LOG COMMAND...: run it with its output in a log and a line that moves while it works. A terminal
# shows the elapsed time and the log's last line; a CI log gets a line every half minute.
with_progress() {
  local label=$1 log=$LOGS/$2.log started=$SECONDS status=0 last width next=30
  shift 2
  mkdir -p "$LOGS"
  # Without the lock's descriptor: what outlives us, such as an engine that a package starts, must not keep it.
  "$@" >"$log" 2>&1 9>&- &
  local child=$!
  # shellcheck disable=SC2064 # the child of this call, not of a later one
  trap "interrupted $child" INT TERM
  while kill -0 "$child" 2>/dev/null; do
    if [[ -n $ERASE ]]; then
      width=$((${COLUMNS:-80} - ${#label} - 14))
      last=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | tail -n1 | tr -cd '[:print:]' || true)
      printf '%s    %s %s  %s%s%s' "$ERASE" "$label" "$(elapsed $((SECONDS - started)))" "$DIM" "${last:0:$((width > 0 ? width : 0))}" "$PLAIN"
      sleep 0.5
    else
      ((SECONDS - started < next)) || { note "$label: $(elapsed $((SECONDS - started))) so far"; ((next += 30)); }
      sleep 0.2
    fi
  done
  wait "$child" || status=$?
  trap - INT TERM
  printf '%s' "$ERASE"
  if ((status)); then
    printf 'error: %s failed; the end of %s:\n' "$label" "$log" >&2
    tail -n 15 "$log" | sed 's/^/      | /' >&2
    return "$status"
  fi
  note "$label: done in $(elapsed $((SECONDS - started)))"
}

# Ctrl-C reaches this shell only: the child runs in the background, so end it and what it started.
interrupted() {
  printf '%s\n' "$ERASE" >&2
  pkill -TERM -P "$1" 2>/dev/null || true
  kill -TERM "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  printf 'Interrupted. Nothing is half-installed: run the same command again to go on.\n' >&2
  exit 130
}

# record PART SECONDS: a line for `make bench`
record() {
  mkdir -p "$CACHE"
  printf '%s\t%s\t%s\n' "$1" "$2" "$(date -u +%FT%TZ)" >>"$TIMINGS"
}

# apt PACKAGES...: root only
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  # An installation that was interrupted before wants to be finished first.
  dpkg --configure -a >/dev/null 2>&1 || true
  if [[ -z ${APT_UPDATED:-} ]]; then
    with_progress "apt-get update" apt-update apt-get -q -o DPkg::Lock::Timeout=120 update
    APT_UPDATED=1
  fi
  with_progress "apt-get install $*" "apt-$1" apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
}

can_apt() { is_root && command -v apt-get >/dev/null; }

# need_space FOLDER: a full disk fails late and obscurely, so say it before starting
need_space() {
  local folder=$1 free
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')
  ((free >= FREE_GIB_NEEDED)) || fail "only $free GiB are free at $folder; the toolchain's builds and images need $FREE_GIB_NEEDED." \
    "Free some space (\`docker system df\` shows what Docker holds), or put the cache elsewhere:" \
    "NUGGETWISE_CACHE=/somewhere/larger make up"
}

# Said before the first long build, though the images come last.
need_space_to_build() {
  need_space "$CACHE"
  # A remote engine's disk is not ours to measure.
  if [[ -z ${DOCKER_HOST:-} || $DOCKER_HOST == unix://* ]]; then need_space "$(docker info -f '{{.DockerRootDir}}')"; fi
}

# The engine that pulumi commands use: ours where we had to install one, else the one on PATH.
pulumi_binary() {
  if [[ -x $CACHE/pulumi/bin/pulumi ]]; then
    printf '%s' "$CACHE/pulumi/bin/pulumi"
  else
    PATH=$(path_without_ours) command -v pulumi
  fi
}

# PATH as it was before env.sh, so that asking twice gives the same answer
path_without_ours() {
  local IFS=: part kept=()
  for part in $PATH; do
    case $part in
      "$VENV/bin" | "$CACHE/bin" | "$CACHE/pulumi/bin") ;;
      *) kept+=("$part") ;;
    esac
  done
  printf '%s' "${kept[*]}"
}
