# shellcheck shell=bash
# What lets the engine run Python programs. The official CLI brings it; beside one built from sources goes ours.

LANGUAGE_HOST=(pulumi-language-python pulumi-resource-pulumi-python)

# The engine looks beside its CLI and warns when it finds the host elsewhere, hence a copy and not a folder on PATH.
language_host_folder() {
  if [[ -x $CACHE/pulumi/bin/pulumi ]]; then printf '%s' "$CACHE/pulumi/bin"; else printf '%s' "$CACHE/bin"; fi
}

official_language_host() {
  local cli file
  cli=$(pulumi_binary) || return 1
  for file in "${cli%/*}/pulumi-language-python" "$(readlink -f "$cli" | sed 's|/[^/]*$||')/pulumi-language-python" \
    "$(PATH=$(path_without_ours) command -v pulumi-language-python)"; do
    # Ours begins with a line for the shell; the official one is a binary.
    if [[ -x $file && $(head -c 2 "$file") != '#!' ]]; then return 0; fi
  done
  return 1
}

language_host_ready() {
  local file folder
  official_language_host && return
  folder=$(language_host_folder)
  for file in "${LANGUAGE_HOST[@]}"; do
    cmp -s "$TOOLCHAIN/language-host/$file" "$folder/$file" && [[ -x $folder/$file ]] || return 1
  done
}

language_host_why() {
  step "Python language host (instant)"
  note "this Pulumi CLI came without one, and mirrors do not serve it: copying ours beside the CLI"
}

language_host_install() {
  local file folder
  folder=$(language_host_folder)
  mkdir -p "$folder"
  for file in "${LANGUAGE_HOST[@]}"; do
    install -m 755 "$TOOLCHAIN/language-host/$file" "$folder/.$file.new"
    mv "$folder/.$file.new" "$folder/$file"
  done
}
