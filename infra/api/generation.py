"""What tells replicas apart that must not be mixed, and what an update does with those that it finds."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_REPLICAS = 12  # infra/settings.py

# What a replica is made from. How many there are is no part of it.
_MADE_FROM = ("network", "image", "environment", "secrets", "limits")


def digest(props: Mapping[str, Any]) -> str:
    """The generation of the replicas that these properties describe (infra/api/replicas.py)."""
    made_from = {key: props[key] for key in _MADE_FROM}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:12]


def route(generation: str, replicas: int) -> str:
    """The alias that just the first `replicas` of a generation share."""
    return f"{generation}-of-{replicas}"


def of_route(alias: str) -> str:
    """The generation that an alias of `route` belongs to."""
    return alias.partition("-of-")[0]


def aliases(generation: str, index: int) -> list[str]:
    """What a replica is known as: one of all, and one of the first so many, for every number that includes it.

    So the number of replicas changes without a change of those that stay.
    """
    return ["api", *(route(generation, count) for count in range(index + 1, MOST_REPLICAS + 1))]


@dataclass(frozen=True)
class Replica:
    """One container of the API as its labels describe it."""

    id: str
    generation: str
    index: int
    running: bool


@dataclass(frozen=True)
class Plan:
    """What an update keeps, what it has to make, and what it ends once all that is there."""

    kept: tuple[Replica, ...]
    missing: tuple[int, ...]
    retired: tuple[Replica, ...]


def plan(found: Iterable[Replica], generation: str, replicas: int) -> Plan:
    """Keeps one running replica of this generation for each index."""
    kept: dict[int, Replica] = {}
    retired: list[Replica] = []
    for replica in sorted(found, key=lambda each: (each.index, each.id)):
        fits = replica.generation == generation and replica.running and replica.index < replicas
        if fits and replica.index not in kept:
            kept[replica.index] = replica
        else:
            retired.append(replica)
    missing = tuple(index for index in range(replicas) if index not in kept)
    return Plan(tuple(kept.values()), missing, tuple(retired))
