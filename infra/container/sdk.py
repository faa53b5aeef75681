"""A container as Docker's SDK takes it, locked down like those of infra/container/local.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.container import SCRATCH

_NANOSECONDS = 1_000_000_000


def locked_down(memory: int) -> dict[str, Any]:
    """What every container of ours is held to; `memory` is in MiB."""
    limit = f"{memory}m"
    return {
        "init": True,
        "mem_limit": limit,
        "memswap_limit": limit,  # equal: no swap
        "read_only": True,
        "tmpfs": SCRATCH,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def arguments(limits: Mapping[str, Any]) -> dict[str, Any]:
    """What `containers.create` is given besides the image and its variables.

    `limits` are `probe` (`command`, and `interval` in seconds), `memory` in MiB, `cpus` in cores and `hosts`.
    """
    return {
        **locked_down(int(limits["memory"])),
        "extra_hosts": dict(limits["hosts"]),
        "restart_policy": {"Name": "unless-stopped"},
        "nano_cpus": int(limits["cpus"] * _NANOSECONDS),
        "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "healthcheck": {
            "test": ["CMD", *limits["probe"]["command"]],
            "interval": int(limits["probe"]["interval"]) * _NANOSECONDS,
            "timeout": 10 * _NANOSECONDS,
            "retries": 3,
            "start_period": 30 * _NANOSECONDS,
        },
    }
