# shellcheck shell=bash
# The Pulumi CLI, which is the engine: the one that is there, else the official one, else built from its sources.

OFFICIAL_INSTALLER=https://get.pulumi.com/install.sh

# pulumi_version BINARY: asking takes half a second, so the answer is kept for as long as the file does not change
pulumi_version() {
  local key known version
  key=$(stat -Lc '%n %s %Y' "$1") || return 1
  known=$(stamp_read pulumi-version) || known=
  if [[ ${known% *} == "$key" ]]; then
    printf '%s' "${known##* }"
    return
  fi
  version=$(PULUMI_SKIP_UPDATE_CHECK=true PULUMI_HOME=$CACHE/pulumi-home "$1" version 2>/dev/null | first_version) || return 1
  [[ -n $version ]] || return 1
  stamp_write pulumi-version "$key $version"
  printf '%s' "$version"
}

pulumi_ready() {
  local binary version
  binary=$(pulumi_binary) && version=$(pulumi_version "$binary") && version_at_least "$version" "$PULUMI_MINIMUM"
}

pulumi_why() {
  step "Pulumi CLI $PULUMI_VERSION (download 20 s; without internet built from sources, 5 to 7 min on 2 cores)"
  note "no Pulumi $PULUMI_MINIMUM or newer is on PATH or in the cache; it deploys the stacks"
}

# Once per run: a firewall that drops packets costs the timeout each time.
internet() {
  if [[ -z ${INTERNET:-} ]]; then
    # The official installer uses curl as well.
    if ! command -v curl >/dev/null && can_apt; then apt_install curl ca-certificates; fi
    if curl -fsSL --connect-timeout 5 --max-time 15 -o "$CACHE/pulumi-install.sh" "$OFFICIAL_INSTALLER" 2>/dev/null; then
      INTERNET=yes
    else
      INTERNET=no
    fi
  fi
  [[ $INTERNET == yes ]]
}

pulumi_download() {
  rm -rf "$CACHE/pulumi.new"
  with_progress "official Pulumi CLI" pulumi-download \
    sh "$CACHE/pulumi-install.sh" --version "$PULUMI_VERSION" --install-root "$CACHE/pulumi.new" --no-edit-path
}

pulumi_build() {
  need_space_to_build
  if ! go_binary >/dev/null; then go_install; fi
  mkdir -p "$CACHE/pulumi.new/bin"
  provider_prefetch
  with_progress "compiling the Pulumi CLI" pulumi-build \
    go_build "$TOOLCHAIN/pulumi-cli" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi "$CACHE/pulumi.new/bin/pulumi" \
    "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$PULUMI_VERSION"
}

pulumi_install() {
  mkdir -p "$CACHE"
  if ! internet || ! pulumi_download; then
    note "Pulumi's own site cannot be reached from here: building the same version from its Go module"
    pulumi_build
  fi
  rm -rf "$CACHE/pulumi"
  mv "$CACHE/pulumi.new" "$CACHE/pulumi"
}
