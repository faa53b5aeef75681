"""A container as Docker's SDK takes it, locked down like those of infra/container/local.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.container import SCRATCH

_NANOSECONDS = 1_000_000_000


def arguments(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What `containers.create` is given for `spec`: `image`, `environment`, `probe` (`command`, `interval` in seconds),
    `memory` in MiB, `cpus` in cores and `hosts`.
    """
    memory = f"{int(spec['memory'])}m"
    return {
        "image": spec["image"],
        "environment": dict(spec["environment"]),
        "extra_hosts": dict(spec["hosts"]),
        "init": True,
        "restart_policy": {"Name": "unless-stopped"},
        "mem_limit": memory,
        "memswap_limit": memory,  # equal: no swap
        "nano_cpus": int(spec["cpus"] * _NANOSECONDS),
        "read_only": True,
        "tmpfs": SCRATCH,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "healthcheck": {
            "test": ["CMD", *spec["probe"]["command"]],
            "interval": int(spec["probe"]["interval"]) * _NANOSECONDS,
            "timeout": 10 * _NANOSECONDS,
            "retries": 3,
            "start_period": 30 * _NANOSECONDS,
        },
    }
