#!/usr/bin/env bash
# Obtains what the project needs on this machine: `make up` calls it. `--check` only says what is missing; `--tests` and
# `--rehearsal` obtain what the tests, or a rehearsal alone, need besides.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
for noun in state checkout python go pulumi language_host docker_provider docker base_image s3s_fs stripe_mock docker_registry; do
  # shellcheck source=/dev/null
  source "$TOOLCHAIN/$noun.sh"
done

# In this order: the Python packages say which plugin version, and a build from sources reuses the CLI's caches.
# Each part has NAME_ready (quick, changes nothing), NAME_why (what is missing and what is done about it) and
# NAME_install.
PARTS=(checkout docker python pulumi language_host docker_provider base_image s3s_fs)

missing_parts() {
  local part
  MISSING=()
  for part in "${PARTS[@]}"; do
    "${part}_ready" || MISSING+=("$part")
  done
}

take_lock() {
  mkdir -p "$CACHE"
  exec 9>>"$CACHE/install.lock"
  if ! flock -n 9; then
    note "another run (process $(cat "$CACHE/install.pid" 2>/dev/null || echo unknown)) is installing into $CACHE; waiting for it"
    flock 9
    note "it has finished; going on"
  fi
  printf '%s\n' "$$" >"$CACHE/install.pid"
}

main() {
  local part started times=''
  case ${1:-} in
    --check | '') ;;
    --tests) PARTS+=(stripe_mock docker_registry) ;;
    --rehearsal) PARTS+=(docker_registry) ;;
    *) fail "unknown argument: $1" "usage: toolchain/install.sh [--check | --tests | --rehearsal]" ;;
  esac
  [[ $OSTYPE == linux* ]] || fail "this installer knows Linux only; on other systems use a Linux virtual machine (WSL, Lima, multipass)."
  missing_parts
  if ((${#MISSING[@]} == 0)); then return; fi
  if [[ ${1:-} == --check ]]; then
    for part in "${MISSING[@]}"; do "${part}_why"; done
    exit 1
  fi

  step "Toolchain: ${#MISSING[@]} of ${#PARTS[@]} parts to look after (kept in $CACHE; interrupt and repeat at any time)"
  take_lock
  for part in "${MISSING[@]}"; do
    # Another run may have installed it while this one waited, and images show only once the engine runs.
    "${part}_ready" && continue
    started=$SECONDS
    "${part}_why"
    "${part}_install"
    # Without this, a part that installs something else than it looks for would be built again on every run.
    "${part}_ready" || fail "$part was installed, yet is still not found ready: a defect of toolchain/$part.sh." "The logs are in $LOGS."
    record "$part" $((SECONDS - started))
    times+="${times:+, }$part $((SECONDS - started)) s"
  done
  go_drop
  step "Toolchain: ready${times:+ ($times)}"
}

main "$@"
