# shellcheck shell=bash
# The plugin that manages Docker: downloaded where that works, else built from the upstream provider and Pulumi's bridge.

provider_version() { sed -n 's/^pulumi-docker==\([0-9.]*\).*/\1/p' "$CLONE/requirements/dev.txt"; }

provider_folder() { printf '%s/pulumi-home/plugins/resource-docker-v%s' "$CACHE" "$(provider_version)"; }

# What a built plugin was built from; a downloaded one has no such note.
provider_digest() {
  (cd "$TOOLCHAIN/docker-provider" && cat go.mod main.go shim/go.mod shim/shim.go) | sha256sum | cut -d' ' -f1
}

docker_provider_ready() {
  local folder known
  folder=$(provider_folder)
  [[ -x $folder/pulumi-resource-docker && ! -e $folder.partial ]] || return 1
  known=$(stamp_read "docker-provider-$(provider_version)") || return 0
  [[ $known == "$(provider_digest)" ]]
}

docker_provider_why() {
  step "Docker plugin $(provider_version) for Pulumi (download 10 s; without internet built from sources, 2 to 4 min)"
  note "the version that the Python package pulumi-docker asks for is not in $CACHE/pulumi-home/plugins"
}

provider_pulumi() {
  PULUMI_HOME=$CACHE/pulumi-home PULUMI_SKIP_UPDATE_CHECK=true "$(pulumi_binary)" plugin "$@"
}

# Fetches the modules while the CLI compiles: that one needs the processors, this one the network.
provider_prefetch() {
  docker_provider_ready && return
  go_run "$TOOLCHAIN/docker-provider" list -deps . >/dev/null 2>&1 9>&- &
  PREFETCH=$!
}

provider_build() {
  local work=$CACHE/docker-provider.new version
  version=$(provider_version)
  need_space_to_build
  if ! go_binary >/dev/null; then go_install; fi
  if [[ -n ${PREFETCH:-} ]]; then wait "$PREFETCH" 2>/dev/null || true; fi
  rm -rf "$work"
  mkdir -p "$work"
  with_progress "compiling the Docker plugin" docker-provider \
    go_build "$TOOLCHAIN/docker-provider" . "$work/pulumi-resource-docker" "-X main.version=$version"
  with_progress "installing the plugin" docker-provider-install \
    provider_pulumi install resource docker "$version" --file "$work/pulumi-resource-docker" --reinstall
  rm -rf "$work"
  stamp_write "docker-provider-$version" "$(provider_digest)"
}

# The user's own Pulumi may have the plugin already.
provider_copy() {
  local name theirs
  name=$(basename "$(provider_folder)")
  theirs=$HOME/.pulumi/plugins/$name
  [[ -x $theirs/pulumi-resource-docker && ! -e $theirs.partial ]] || return 1
  note "copying the one in ~/.pulumi/plugins"
  mkdir -p "$CACHE/pulumi-home/plugins"
  rm -rf "$CACHE/pulumi-home/plugins/.$name.new"
  cp -R "$theirs" "$CACHE/pulumi-home/plugins/.$name.new"
  rm -rf "$(provider_folder)"
  mv "$CACHE/pulumi-home/plugins/.$name.new" "$(provider_folder)"
}

docker_provider_install() {
  local version
  version=$(provider_version)
  [[ -n $version ]] || fail "requirements/dev.txt does not pin pulumi-docker, so the plugin's version is unknown." "Run \`make lock\`."
  rm -f "$STAMPS/docker-provider-$version"
  if provider_copy; then return; fi
  if internet && with_progress "official Docker plugin" docker-provider-download provider_pulumi install resource docker "$version" --reinstall; then return; fi
  note "the official plugin cannot be downloaded from here: building it from the upstream provider and Pulumi's bridge"
  provider_build
}
