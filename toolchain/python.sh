# shellcheck shell=bash
# The virtual environment in the clone, filled from the hashed lock by uv.

PYTHON_WANTED='>=3.11,<3.15'

# The clone's place belongs to it: the editable install points there.
python_digest() {
  { printf '%s\n' "$CLONE"; cat "$CLONE/requirements/dev.txt" "$CLONE/pyproject.toml"; } | sha256sum | cut -d' ' -f1
}

python_ready() {
  [[ -x $VENV/bin/python && -r $VENV/.nuggetwise && $(<"$VENV/.nuggetwise") == "$(python_digest)" ]]
}

python_why() {
  step "Python packages (about 20 s, from uv's cache 5 s)"
  note "$VENV does not match requirements/dev.txt and pyproject.toml yet; uv installs what the lock names, by hash"
}

# uv_binary: the one on PATH when it is recent enough, else ours
uv_binary() {
  local found
  if found=$(PATH=$(path_without_ours) command -v uv) \
    && version_at_least "$("$found" --version 2>/dev/null | first_version)" "$UV_MINIMUM"; then
    printf '%s' "$found"
  elif [[ -x $CACHE/bin/uv ]]; then
    printf '%s' "$CACHE/bin/uv"
  else
    return 1
  fi
}

# Any Python that can make a virtual environment: uv then looks for the right one by itself.
python_with_venv() {
  local name
  for name in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if PATH=$(path_without_ours) "$name" -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
      PATH=$(path_without_ours) command -v "$name"
      return
    fi
  done
  return 1
}

uv_install() {
  local python work=$CACHE/uv-install
  if ! python=$(python_with_venv); then
    can_apt || fail "no Python with the venv module was found." "On Debian or Ubuntu: sudo apt-get install -y python3 python3-venv" "then run the same command again."
    apt_install python3 python3-venv
    python=$(python_with_venv) || fail "python3 and python3-venv are installed, yet no working Python was found."
  fi
  rm -rf "$work"
  mkdir -p "$CACHE/bin"
  with_progress "uv: private virtual environment" uv-venv "$python" -m venv "$work"
  with_progress "uv: pip install, by hash" uv-pip "$work/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$TOOLCHAIN/uv.txt"
  # uv is one binary that stands on its own.
  mv "$work/bin/uv" "$CACHE/bin/uv"
  rm -rf "$work"
}

python_install() {
  local uv
  if ! uv_binary >/dev/null; then uv_install; fi
  uv=$(uv_binary)
  # A killed install leaves packages by halves that uv then trips over, so an unfinished environment is made anew.
  if [[ ! -x $VENV/bin/python || -e $VENV/.unfinished ]] \
    || ! "$VENV/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
    with_progress "virtual environment" venv "$uv" venv -q --clear --python "$PYTHON_WANTED" "$VENV" \
      || fail "no Python $PYTHON_WANTED was found, and none could be downloaded." "On Debian or Ubuntu: sudo apt-get install -y python3 python3-venv"
  fi
  touch "$VENV/.unfinished"
  rm -f "$VENV/.nuggetwise"
  with_progress "packages of requirements/dev.txt" packages "$uv" pip sync --python "$VENV/bin/python" --require-hashes "$CLONE/requirements/dev.txt"
  with_progress "this project, editable" editable env -C "$CLONE" "$uv" pip install --python "$VENV/bin/python" --no-deps --no-build-isolation -e .
  python_digest >"$VENV/.nuggetwise"
  rm -f "$VENV/.unfinished"
}
