# shellcheck shell=bash
# A container registry on this machine, for rehearsals: Debian's docker-registry, its program alone taken out of the
# package, since installing that would start a system service.

DOCKER_REGISTRY=$CACHE/bin/docker-registry

docker_registry_ready() { [[ -x $DOCKER_REGISTRY ]] || PATH=$(path_without_ours) command -v docker-registry >/dev/null; }

docker_registry_why() {
  step "docker-registry (5 MB, from Debian's package)"
  note "a rehearsal pushes its images there; only its program is kept, no service is installed"
}

docker_registry_install() {
  local folder status=0
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "a rehearsal needs the program docker-registry, and this system has no apt-get to take it from." \
      "Install Docker's open-source registry (github.com/distribution/distribution) the way this system does, and put its" \
      "program on PATH as docker-registry."
  folder=$(mktemp -d)
  docker_registry_fetch "$folder" || status=$?
  # The package lists of a fresh machine are empty or old.
  if ((status)) && is_root; then
    status=0
    with_progress "apt-get update" apt-update apt-get -q -o DPkg::Lock::Timeout=120 update
    APT_UPDATED=1
    docker_registry_fetch "$folder" || status=$?
  fi
  if ((status == 0)); then
    mkdir -p "$CACHE/bin"
    install -m 755 "$folder/usr/bin/docker-registry" "$DOCKER_REGISTRY.new"
    mv "$DOCKER_REGISTRY.new" "$DOCKER_REGISTRY"
  fi
  rm -rf "$folder"
  ((status == 0)) || fail "the package docker-registry cannot be downloaded; $LOGS/docker-registry.log says why." \
    "Where only the package lists are missing, run this one command, then the same again:  sudo apt-get update"
}

# docker_registry_fetch FOLDER: downloads the package and unpacks it there
docker_registry_fetch() {
  # shellcheck disable=SC2016 # the inner shell expands them
  with_progress "downloading docker-registry" docker-registry \
    bash -c 'cd "$1" && apt-get -q download docker-registry && dpkg-deb -x docker-registry_*.deb .' - "$1" 2>/dev/null
}
