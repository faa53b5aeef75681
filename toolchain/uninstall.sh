#!/usr/bin/env bash
# Removes what install.sh and the stacks' image builds left on this machine. Stacks, their data and their state stay.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source-path=SCRIPTDIR source=go.sh
source "$TOOLCHAIN/go.sh"

remove_images() {
  local ids
  ids=$(docker image ls -q --filter label=nuggetwise.image 2>/dev/null | sort -u) || ids=
  if [[ -z $ids ]]; then return; fi
  step "Docker images labelled nuggetwise.image"
  # shellcheck disable=SC2086 # one word an id
  docker image rm --force $ids >/dev/null 2>&1 || note "some are in use by a stack and stay: \`make down\` first, then again"
}

main() {
  if compgen -G "$STATE/state/.pulumi/stacks/*/*.json" >/dev/null; then
    note "stacks and their state stay in $STATE; \`make down\` removes a stack"
  fi
  remove_images
  if [[ -d $CACHE ]]; then
    step "Toolchain: $CACHE"
    chmod -R u+w "$GO_CACHES" 2>/dev/null || true
    # By name, and the folder itself only when nothing else is in it: the variable may point anywhere.
    (cd "$CACHE" && rm -rf bin go go-bin go-bin.new logs pulumi pulumi.new pulumi-home pulumi-install.sh stamps uv uv-install \
      docker-provider.new base-image.tar* timings.tsv install.lock install.pid)
    rmdir "$CACHE" 2>/dev/null || note "something else is in $CACHE and stays"
  fi
  step "This clone: .venv, the git filter, images/extra-ca"
  rm -rf "$VENV"
  rm -f "$CLONE"/images/extra-ca/*.crt
  if [[ -e $CLONE/.git ]]; then git -C "$CLONE" config --local --remove-section filter.pulumi-salt 2>/dev/null || true; fi
  note "Docker's build cache stays, since it may hold other projects' layers too: docker builder prune --all"
  note "Docker itself stays. It came from this system's packages: sudo apt-get remove docker.io"
}

main "$@"
