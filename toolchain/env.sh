#!/usr/bin/env bash
# The variables with which `pulumi` works on this project's stacks. Sourced, it exports them; run, it prints them for
# `eval "$(make env)"`. It creates the state's folder and passphrase on first use.

nuggetwise_env() {
  # A subshell, so that sourcing leaves nothing but the exports behind.
  (
    set -euo pipefail
    # shellcheck source-path=SCRIPTDIR source=common.sh
    source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
    # shellcheck source-path=SCRIPTDIR source=state.sh
    source "$TOOLCHAIN/state.sh"

    emit PATH "$VENV/bin:$CACHE/pulumi/bin:$CACHE/bin:$(path_without_ours)"
    # A home of our own: plugins and the selected stack stay apart from the user's other Pulumi work.
    emit PULUMI_HOME "$CACHE/pulumi-home"
    emit PULUMI_SKIP_UPDATE_CHECK true
    emit UV_CACHE_DIR "$UV_CACHE_DIR"
    # Compiled files may be written: without them the import of the clouds' SDKs takes 8 s instead of 2 s, each time.
    emit PYTHONDONTWRITEBYTECODE ''

    # A user's or a pipeline's own backend wins, and then its secrets are its own affair as well.
    local ours="file://$STATE/state"
    if [[ -z ${PULUMI_BACKEND_URL:-} || ${PULUMI_BACKEND_URL%%\?*} == "$ours" ]]; then
      prepare_state
      # Without it the engine writes a second file beside each, in place: killed meanwhile, it could read neither.
      emit PULUMI_BACKEND_URL "$ours?metadata=skip"
      emit PULUMI_DIY_BACKEND_GZIP false
      # Without a Pulumi.<stack>.yaml at hand (a fresh clone), the engine finds the salt in the stack's state.
      emit PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER true
      if [[ -z ${PULUMI_CONFIG_PASSPHRASE:-}${PULUMI_CONFIG_PASSPHRASE_FILE:-} || ${PULUMI_CONFIG_PASSPHRASE_FILE:-} == "$STATE/passphrase" ]]; then
        prepare_passphrase
        emit PULUMI_CONFIG_PASSPHRASE_FILE "$STATE/passphrase"
      fi
    fi
  )
}

# In two steps, because `export x=$(…)` and `eval "$(…)"` would both swallow a failure.
if ! nuggetwise_exports=$(nuggetwise_env); then
  unset nuggetwise_exports
  # shellcheck disable=SC2317 # the exit is for when this file is run
  return 1 2>/dev/null || exit 1
fi
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  printf '%s\n' "$nuggetwise_exports"
else
  eval "$nuggetwise_exports"
  unset nuggetwise_exports
fi
