"""The composition of the API: its resources, its slices, and the layers around them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware

import migrations
from app.analytics import endpoints as analytics
from app.auth import endpoints as auth
from app.body_limit import BodyLimit
from app.cache import Cache
from app.client_address import ClientAddress
from app.components import endpoints as components
from app.components.v0 import V0
from app.cors import Cors
from app.crypto import Cipher
from app.database import Database
from app.gate import Gate
from app.health import endpoints as health
from app.health.startup import see_everything
from app.health.upstreams import Upstream, Upstreams
from app.installations import endpoints as installations
from app.lifecycle import Lifecycle
from app.metrics import endpoints as metrics
from app.metrics.registry import Metrics
from app.observability import Observability
from app.openapi import install_openapi
from app.passwords import Passwords
from app.problems import UnhandledErrors, install_problem_handlers
from app.rate_limit import Policies
from app.resources import Resources
from app.settings import Settings
from app.subscriptions import endpoints as subscriptions
from app.subscriptions.stripe_api import StripeApi
from app.tokens import Tokens
from app.usage import endpoints as usage
from app.users import endpoints as users
from app.webhooks import endpoints as webhooks

# Routes are tried in order: the busiest first.
_SLICES: Final = (
    health.router,
    installations.router,
    usage.router,
    analytics.router,
    components.router,
    users.router,
    subscriptions.router,
    webhooks.router,
    auth.router,
    metrics.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application. Connects to nothing before it is started."""
    resources = create_resources(settings)
    resources.metrics.watch(resources.database, resources.cache, resources.lifecycle)
    app = FastAPI(
        title="Nuggetwise API",
        version=settings.app_version,
        lifespan=_lifespan,
        middleware=_middleware(settings, resources),
        # Not include_router: it wraps each router, and matching through the wrappers took 40 % of a small request.
        routes=[route for router in _SLICES for route in router.routes],
        redirect_slashes=False,
        openapi_url=None,
    )
    app.state.resources = resources
    install_problem_handlers(app)
    if settings.environment != "production":
        install_openapi(app)
    return app


def create_resources(settings: Settings) -> Resources:
    """What the slices share."""
    return Resources(
        settings=settings,
        database=Database(settings.database_url.get_secret_value(), size=settings.database_pool_size),
        cache=Cache(settings.cache_url),
        cipher=Cipher(settings.encryption_keys),
        passwords=Passwords(),
        tokens=Tokens(settings.jwt_secrets),
        metrics=Metrics(),
        lifecycle=Lifecycle(),
        upstreams=Upstreams(
            stripe=Upstream(f"{settings.stripe_api_url}/", configured=settings.stripe_secret_key is not None),
            v0=Upstream(f"{settings.v0_api_url}/", configured=settings.v0_api_key is not None),
        ),
        v0=V0(settings.v0_api_url, settings.v0_model),
        stripe=_stripe(settings),
        schema_head=migrations.head(),
    )


def _stripe(settings: Settings) -> StripeApi | None:
    key = settings.stripe_secret_key
    return StripeApi(settings.stripe_api_url, key.get_secret_value()) if key else None


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    resources: Resources = app.state.resources
    await resources.database.open()
    startup = asyncio.create_task(see_everything(resources))
    try:
        yield
    finally:
        startup.cancel()
        resources.passwords.close()
        await resources.v0.close()
        if resources.stripe:
            await resources.stripe.close()
        await resources.cache.close()
        await resources.database.close()


def _middleware(settings: Settings, resources: Resources) -> list[Middleware]:
    """From the outside in. Errors are answered innermost, so that their answers get every header too."""
    layers = [
        Middleware(
            Observability,
            metrics=resources.metrics,
            clients=ClientAddress(settings.trusted_proxies),
            lifecycle=resources.lifecycle,
        )
    ]
    if settings.frontend_url:
        layers.append(Middleware(Cors, frontend_url=settings.frontend_url))
    policies = Policies(api=settings.rate_limit_api, auth=settings.rate_limit_auth)
    gate = Middleware(Gate, tokens=resources.tokens, cache=resources.cache, policies=policies)
    return [*layers, gate, Middleware(BodyLimit), Middleware(UnhandledErrors)]
