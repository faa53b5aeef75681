"""The dev environment, composed."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from infra import outputs, release
from infra.age_key import AgeKey
from infra.api.local import Api
from infra.backups.local import ObjectStore
from infra.cache.external import ExternalCache
from infra.cache.local import Cache
from infra.database.external import ExternalDatabase
from infra.database.local import Database
from infra.fakes.local import Fakes
from infra.image import local as image
from infra.load_balancer.local import LoadBalancer
from infra.metrics.local import Metrics
from infra.migration import local as migration
from infra.network import local as network
from infra.schedule.local import Schedules
from infra.settings import Keys, Settings


def deploy(settings: Settings) -> None:
    """Declares every resource of a dev stack and exports its outputs."""
    assert settings.port is not None  # what the settings' own check promises for dev
    if settings.image:
        pulumi.runtime.register_stack_transformation(_as_deployed)
    top = pulumi.ResourceOptions()
    net = network.create(settings.name, top)
    nginx = image.build("nginx", top)
    api_image = image.build("api", top, also_named=[release.api_base_name()])

    store = ObjectStore("object-store", settings, settings.port + 2, nginx, net, top)
    database = _database(settings, store, net, top)
    cache = _cache(settings, net, top)
    servers = [server for server in (database, cache) if isinstance(server, pulumi.Resource)]
    step = migration.run(
        "migrations",
        settings.name,
        api_image,
        net,
        database.identity,
        _urls(database),
        pulumi.ResourceOptions(depends_on=servers),
    )
    services = _services(settings) if settings.keys else Fakes("fakes", settings, api_image, net, top).services
    balancer = LoadBalancer("load-balancer", settings, settings.port, nginx, net, top)
    api = Api(
        "api",
        settings,
        api_image,
        database,
        cache,
        services,
        net,
        balancer,
        pulumi.ResourceOptions(depends_on=[step, *servers]),
    )
    metrics = Metrics("metrics", settings, settings.port + 1, net, top)
    key = AgeKey("backup-key", top, keep_as=settings.name)
    Schedules("ops", settings, database.owner_url, store, key, net, top)

    outputs.export(
        environment=settings.environment,
        api_url=balancer.url,
        health_url=f"{balancer.url}/api/health",
        frontend_url=settings.frontend_url,
        app_version=api.version,
        image=api.image,
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


# What stays as the stack's state has it while the settings name an image: nothing is built, and the schema, which the
# migrations of a newer release made, is left to them.
AS_DEPLOYED = {
    "docker:index/remoteImage:RemoteImage": ["name", "build"],
    "pulumi-python:dynamic:MigrationRun": ["digest", "image"],
    "pulumi-python:dynamic:NginxSettings": ["config"],
}


def _as_deployed(arguments: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    kept = AS_DEPLOYED.get(arguments.type_)
    if kept is None:
        return None
    options = pulumi.ResourceOptions.merge(arguments.opts, pulumi.ResourceOptions(ignore_changes=kept))
    return pulumi.ResourceTransformationResult(arguments.props, options)


def _database(
    settings: Settings, store: ObjectStore, net: docker.Network, opts: pulumi.ResourceOptions
) -> Database | ExternalDatabase:
    if settings.database.kind == "external":
        return ExternalDatabase(settings)
    return Database("database", settings, store, net, opts)


def _cache(settings: Settings, net: docker.Network, opts: pulumi.ResourceOptions) -> Cache | ExternalCache:
    if settings.cache.kind == "external":
        return ExternalCache(settings)
    return Cache("cache", settings, net, opts)


def _urls(database: Database | ExternalDatabase) -> dict[str, pulumi.Output[str]]:
    """By variable, what the migrations step is given; without an administrator it leaves the roles alone."""
    urls = {"OWNER_DATABASE_URL": database.owner_url, "DATABASE_URL": database.url}
    return urls if database.admin_url is None else {**urls, "ADMIN_DATABASE_URL": database.admin_url}


def _services(settings: Settings) -> Mapping[str, pulumi.Input[str]]:
    """The variables of the API for the real services."""
    keys, price = settings.keys, settings.plans.pro.stripe_price
    assert keys is not None
    assert price is not None  # what the settings promise where there are keys
    return {
        **{name.upper(): pulumi.Output.secret(getattr(keys, name).get_secret_value()) for name in Keys.model_fields},
        "STRIPE_PRICE_PRO": price,
    }
