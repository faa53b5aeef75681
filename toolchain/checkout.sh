# shellcheck shell=bash
# The clone's own configuration: a git filter, and the certificate authorities that image builds need behind a proxy.

EXTRA_CA=$CLONE/images/extra-ca
SALT_FILTER='sed /^encryptionsalt:/d'

# The files that the administrator of this machine added to its trust.
local_authorities() {
  local file
  for file in /usr/local/share/ca-certificates/*.crt "${NODE_EXTRA_CA_CERTS:-}" "${SSL_CERT_FILE:-}"; do
    # The system's own bundle says nothing about this machine, and images bring the same one.
    case $(readlink -f "$file" 2>/dev/null) in
      '' | /etc/ssl/* | /etc/pki/* | */certifi/*) continue ;;
    esac
    if [[ -s $file ]]; then printf '%s\n' "$file"; fi
  done
}

# update-ca-certificates, inside the images, reads names ending in .crt only
authority_copy() {
  local name=${1##*/}
  printf '%s/%s.crt' "$EXTRA_CA" "${name%.*}"
}

inside_git() { [[ -e $CLONE/.git ]] && command -v git >/dev/null; }

checkout_ready() {
  local file
  if inside_git; then
    [[ $(git -C "$CLONE" config --local --get filter.pulumi-salt.clean) == "$SALT_FILTER" ]] || return 1
  fi
  while read -r file; do
    cmp -s "$file" "$(authority_copy "$file")" || return 1
  done < <(local_authorities)
}

checkout_why() {
  step "Checkout: git filter and extra certificate authorities (instant)"
  note "keeps the salt that Pulumi writes into Pulumi.dev.yaml out of commits, and copies the authorities that were added"
  note "to this machine, if any, to images/extra-ca/ (git-ignored), so that image builds pass the same proxy"
}

checkout_install() {
  local file copy
  if inside_git; then
    git -C "$CLONE" config --local filter.pulumi-salt.clean "$SALT_FILTER"
    git -C "$CLONE" config --local filter.pulumi-salt.smudge cat
  fi
  mkdir -p "$EXTRA_CA"
  while read -r file; do
    copy=$(authority_copy "$file")
    install -m 644 "$file" "$copy.new"
    mv "$copy.new" "$copy"
  done < <(local_authorities)
}
