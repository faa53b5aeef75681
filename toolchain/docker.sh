# shellcheck shell=bash
# The Docker Engine: the one that runs, else started, else installed.

DOCKER_STATE=$STATE/dockerd

docker_answers() { DOCKER_PROBLEM=$(timeout 20 docker version -f '{{.Server.Version}}' 2>&1 >/dev/null); }

docker_ready() { command -v docker >/dev/null && docker_answers; }

docker_why() {
  step "Docker Engine (start 5 s; install 30 s)"
  note "the dev stack's containers run on it, and \`docker version\` gets no answer from an engine"
}

docker_install() {
  if [[ -n ${DOCKER_HOST:-} && $DOCKER_HOST != unix:///var/run/docker.sock ]]; then
    fail "the Docker Engine of DOCKER_HOST=$DOCKER_HOST does not answer." "${DOCKER_PROBLEM:-}" "Start it there, or unset DOCKER_HOST to use an engine on this machine."
  fi
  case ${DOCKER_PROBLEM:-} in
    *'permission denied'*)
      fail "the Docker Engine runs, but $(id -un) may not use it." \
        "Run once:  sudo usermod -aG docker $(id -un)   and log in again (members of that group are as powerful as root)," \
        "or run:    sudo make up"
      ;;
  esac
  if ! engine_binary >/dev/null; then engine_install; fi
  if ! docker_answers; then engine_start; fi
}

engine_binary() { PATH=$PATH:/usr/sbin:/sbin command -v dockerd; }

engine_install() {
  local command='apt-get update && apt-get install -y docker.io iptables'
  command -v apt-get >/dev/null || fail "no Docker Engine is installed." "Install Docker the way this system does (the packages docker or docker-ce), then run the same command again."
  is_root || fail "no Docker Engine is installed, and only root may install it. Run this one command, then \`make up\` again:" \
    "sudo sh -c '$command && usermod -aG docker $(id -un)' && newgrp docker"
  need_space /var/lib
  note "installing docker.io and iptables from this system's own packages"
  apt_install docker.io iptables
}

engine_start() {
  local by_hand='systemctl start docker'
  [[ -d /run/systemd/system ]] || by_hand='sh -c "setsid dockerd >/var/log/dockerd.log 2>&1 &"'
  is_root || fail "the Docker Engine is installed but not running. Run this one command, then \`make up\` again:" "sudo $by_hand"
  if [[ -d /run/systemd/system ]]; then
    note "starting it: systemctl start docker"
    systemctl start docker || fail "systemd could not start Docker." "journalctl -u docker -n 50 says why."
  else
    # Without an init system (a container, a small virtual machine) nobody starts it for us.
    mkdir -p "$DOCKER_STATE"
    note "no init system here: starting dockerd by hand, log in $DOCKER_STATE/dockerd.log"
    # A stale pid file of a killed engine would keep a new one from starting.
    if [[ -f /var/run/docker.pid ]] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then rm -f /var/run/docker.pid; fi
    engine_run >>"$DOCKER_STATE/dockerd.log" 2>&1 </dev/null &
    disown
  fi
  engine_wait 60
}

# The engine outlives us: it must not keep what else our caller has open, such as a lock that `make up` runs under.
engine_run() {
  local open
  for open in "/proc/$BASHPID/fd"/*; do
    if ((${open##*/} > 2)); then eval "exec ${open##*/}>&-"; fi
  done
  PATH=$PATH:/usr/sbin:/sbin exec setsid nohup "$(engine_binary)"
}

engine_wait() {
  local seconds=$1 started=$SECONDS
  until docker_answers; do
    if ((SECONDS - started >= seconds)); then
      [[ -f $DOCKER_STATE/dockerd.log ]] && tail -n 10 "$DOCKER_STATE/dockerd.log" | sed 's/^/      | /' >&2
      fail "the Docker Engine was started but does not answer after $seconds s." "${DOCKER_PROBLEM:-}" \
        "Its log says why: $DOCKER_STATE/dockerd.log, or journalctl -u docker where systemd started it."
    fi
    sleep 0.5
  done
  note "it answers"
}
