# shellcheck shell=bash
# The state of the dev stacks: files that outlive the clone, and the passphrase that opens their secrets.

emit() { printf 'export %s=%q\n' "$1" "$2"; }

prepare_state() {
  [[ -d $STATE/state ]] && return
  mkdir -p "$STATE"
  chmod 700 "$STATE"
  mkdir -p "$STATE/state"
}

prepare_passphrase() {
  local file=$STATE/passphrase
  [[ -s $file ]] && return
  # A new passphrase cannot open old secrets, and a state whose secrets do not open cannot be updated or destroyed.
  if compgen -G "$STATE/state/.pulumi/stacks/*/*.json" >/dev/null || compgen -G "$STATE/state/.pulumi/stacks/*.json" >/dev/null; then
    fail "the state in $STATE/state has stacks, but their passphrase is missing: $file" \
      "Put the file back from a backup. If it is lost, their secrets are lost: remove the stacks' containers, then" \
      "move $STATE away and run \`make up\` for a new stack."
  fi
  # Linked into place: of two first runs at once, one makes the passphrase and both use it.
  (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file.$$")
  ln "$file.$$" "$file" 2>/dev/null || true
  rm -f "$file.$$"
}
