"""What the routes of one process share, made once by `create_app`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.cache import Cache
from app.components.v0 import V0
from app.crypto import Cipher
from app.database import Database
from app.health.upstreams import Upstreams
from app.lifecycle import Lifecycle
from app.metrics.registry import Metrics
from app.passwords import Passwords
from app.settings import Settings
from app.subscriptions.stripe_api import StripeApi
from app.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Resources:
    """Pools, keys and counters; every slice takes what it needs from here."""

    settings: Settings
    database: Database
    cache: Cache
    cipher: Cipher
    passwords: Passwords
    tokens: Tokens
    metrics: Metrics
    lifecycle: Lifecycle
    upstreams: Upstreams
    v0: V0
    stripe: StripeApi | None
    """None without a key."""
    schema_head: str


async def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


Here = Annotated[Resources, Depends(_resources)]
"""A route's parameter: the resources of this process."""
