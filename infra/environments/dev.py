"""The dev environment, composed."""

from collections.abc import Mapping

import pulumi

from infra import outputs, release
from infra.api.local import Api
from infra.backups.local import ObjectStore
from infra.cache.local import Cache
from infra.database.local import Database
from infra.fakes.local import Fakes
from infra.image import local as image
from infra.load_balancer.local import LoadBalancer
from infra.metrics.local import Metrics
from infra.migration import local as migration
from infra.network import local as network
from infra.settings import Keys, Settings


def deploy(settings: Settings) -> None:
    """Declares every resource of a dev stack and exports its outputs."""
    assert settings.port is not None  # what the settings' own check promises for dev
    top = pulumi.ResourceOptions()
    net = network.create(settings.name, top)
    nginx = image.build("nginx", top)
    api_image = image.build("api", top, also_named=[release.api_base_name()])

    database = Database("database", settings, net, top)
    cache = Cache("cache", settings, net, top)
    store = ObjectStore("object-store", settings, settings.port + 2, nginx, net, top)
    step = migration.run(
        "migrations",
        settings.name,
        api_image,
        net,
        database.identity,
        {
            "ADMIN_DATABASE_URL": database.admin_url,
            "OWNER_DATABASE_URL": database.owner_url,
            "DATABASE_URL": database.url,
        },
        pulumi.ResourceOptions(depends_on=[database]),
    )
    services = _services(settings) if settings.keys else Fakes("fakes", settings, api_image, net, top).services
    api = Api(
        "api",
        settings,
        api_image,
        database,
        cache,
        services,
        net,
        pulumi.ResourceOptions(depends_on=[step, database, cache]),
    )
    balancer = LoadBalancer(
        "load-balancer", settings, settings.port, nginx, net, pulumi.ResourceOptions(depends_on=[api])
    )
    metrics = Metrics("metrics", settings, settings.port + 1, net, top)

    outputs.export(
        environment=settings.environment,
        api_url=balancer.url,
        health_url=f"{balancer.url}/api/health",
        frontend_url=settings.frontend_url,
        app_version=release.app_version(),
        image=api_image.name,
        schema_revision=step.schema_revision,
        migration_exit_code=step.exit_code,
        migration_log=step.log,
        database_url=database.url,
        redis_url=cache.url,
        backup_bucket=settings.backups.bucket,
        object_store_url=store.url,
        object_store_ca=store.authority,
        metrics_url=metrics.url,
    )


def _services(settings: Settings) -> Mapping[str, pulumi.Input[str]]:
    """The variables of the API for the real services."""
    keys, price = settings.keys, settings.plans.pro.stripe_price
    assert keys is not None
    assert price is not None  # what the settings promise where there are keys
    return {
        **{name.upper(): pulumi.Output.secret(getattr(keys, name).get_secret_value()) for name in Keys.model_fields},
        "STRIPE_PRICE_PRO": price,
    }
