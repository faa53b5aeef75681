# shellcheck shell=bash
# The image that every Dockerfile builds on: pulled from a hub, else bootstrapped from Debian's packages.

base_image_ready() { timeout 20 docker image inspect -f '{{.Id}}' "$BASE_IMAGE" >/dev/null 2>&1; }

base_image_why() {
  step "Base image $BASE_IMAGE (pull 10 s; without a hub bootstrapped from Debian's packages, about 1 min)"
  note "every image of the dev stack is built on it, and Docker does not have it yet"
}

base_image_install() {
  # A reachable hub starts sending within seconds; an unreachable one may take minutes to fail.
  if with_progress "docker pull" base-image-pull timeout 90 docker pull -q "$BASE_IMAGE" 2>/dev/null; then return; fi
  note "no hub can be reached: bootstrapping the same release from Debian's packages"
  if ! command -v mmdebstrap >/dev/null; then
    can_apt || fail "the base image can be neither pulled nor bootstrapped: mmdebstrap is missing." \
      "Run this one command, then \`make up\` again:  sudo apt-get install -y mmdebstrap" "or load the image yourself:  docker load, docker import, docker tag"
    apt_install mmdebstrap
  fi
  need_space_to_build
  local archive=$CACHE/base-image.tar
  # mmdebstrap needs root, or a kernel that gives users namespaces; it says so itself when it has neither.
  with_progress "bootstrapping Debian trixie" base-image mmdebstrap --variant=minbase --include=ca-certificates trixie "$archive.new.tar"
  mv "$archive.new.tar" "$archive"
  with_progress "docker import" base-image-import docker import --change "LABEL nuggetwise.image=base" "$archive" "$BASE_IMAGE"
  rm -f "$archive"
}
