"""Staging and production, composed: AWS, Cloudflare and Vercel."""

import pulumi
import pulumi_aws as aws
import pulumiverse_vercel as vercel

from infra import cloudflare_sdk, names, outputs, stack_outputs
from infra.alarms.alarms import Alarms, DeploymentAlarms, Watched
from infra.alarms.budget import Budget
from infra.alarms.failed_build import FailedBuild
from infra.alarms.failed_task import FailedTask
from infra.alarms.outside import Outside
from infra.alarms.topic import Topic
from infra.api import variables
from infra.api.aws import Api
from infra.api.secrets import ApiSecrets
from infra.backups.aws import Backups
from infra.backups.restore import Restore
from infra.cache.aws import Cache
from infra.cache.external import ExternalCache
from infra.cluster.aws import Cluster
from infra.database.aws import Database
from infra.database.external import ExternalDatabase
from infra.database.secrets import DatabaseSecrets
from infra.dns.cloudflare import Dns
from infra.environments.guard import Guard, everything
from infra.frontend.vercel import Frontend
from infra.image import registry
from infra.image.aws import Image
from infra.key.aws import Keys
from infra.load_balancer.aws import LoadBalancer
from infra.load_balancer.certificate import Certificate
from infra.metrics import aws as metrics
from infra.migration.aws import Migration
from infra.network.aws import Network
from infra.reencryption.aws import Reencryption
from infra.role.boundary import bind_roles
from infra.schedule.aws import Schedules
from infra.schedule.task import NOBODY, Administrator, Jobs
from infra.settings import Settings


def deploy(settings: Settings) -> None:
    """Declares every resource of a cloud stack and exports its outputs."""
    region = settings.place.region
    bind_roles(settings)
    declared = everything()
    shared = stack_outputs.bootstrap(settings.bootstrap)
    providers = _providers(settings)
    top = pulumi.ResourceOptions(providers=providers)

    keys = Keys("keys", settings, top)
    network = Network("network", settings, keys, top)
    cluster = Cluster("cluster", settings, network, keys, top)
    tasks = cluster.task_security_group_id
    database = _database(settings, network, keys, tasks, top)
    cache = _cache(settings, network, keys, tasks, top)
    servers = [server for server in (database, cache) if isinstance(server, pulumi.Resource)]
    urls = DatabaseSecrets("database-secrets", settings, keys, database, top)
    secrets = ApiSecrets("api-secrets", settings, keys, urls.url, cache.url, top)

    image = Image("api-image", settings, "api", shared.registry_repository, top)
    step = Migration(
        "migrations",
        settings,
        cluster,
        network,
        image,
        database.identity,
        database.admin_url,
        urls.for_migrations,
        [keys.secrets.arn],
        pulumi.ResourceOptions(providers=providers, depends_on=servers),
    )
    Reencryption(settings, cluster, keys, image, urls.owner_url, secrets.encryption_key, top)

    topic = Topic("alarms", settings, keys.logs.arn, region, top)
    certificate = Certificate("certificate", settings, top)
    balancer = LoadBalancer("load-balancer", settings, network, certificate.arn, shared.origin_pull_ca, tasks, top)
    rollback = DeploymentAlarms(
        "deployment-alarms", settings, topic.arn, balancer.arn_suffix, balancer.target_group_arn_suffix, top
    )
    api = Api(
        "api",
        settings,
        cluster,
        network,
        balancer,
        image,
        secrets.by_variable,
        [keys.secrets.arn],
        pulumi.ResourceOptions(providers=providers, depends_on=[step, *servers]),
        sidecars=[metrics.collector(settings, cluster.log_group_name)],
        statements=[cluster.log_group_arn.apply(metrics.collector_statement)],
        alarms=rollback.names,
    )
    Dns("dns", settings, balancer, top)
    frontend = Frontend("frontend", settings, top)
    if settings.frontend.failed_builds_ring:
        FailedBuild("failed-build", settings, frontend.project_id, topic.arn, top)

    backups = Backups("backups", settings, keys, top)
    ops_image = Image("ops-image", settings, "ops", shared.ops_repository, top)
    jobs = Jobs(settings, cluster, keys, backups, ops_image, urls.owner_url)
    schedules = Schedules("schedules", jobs, network, top)
    Restore("restore", jobs, _administrator(database, urls), top)

    watched = Watched(
        cluster=cluster.name,
        service=api.service_name,
        load_balancer=balancer.arn_suffix,
        targets=balancer.target_group_arn_suffix,
        dead_letters=schedules.dead_letters,
        database=database.identifier,
        cache=cache.identifier,
    )
    Alarms("alarms", settings, topic.arn, watched, top)
    FailedTask("failed-task", settings, cluster.arn, schedules.families, topic.arn, top)
    Outside("outside", settings, top)
    Budget("budget", settings, top)
    Guard(settings, declared)

    outputs.export(
        environment=settings.environment,
        api_url=f"https://{settings.api.hostname}",
        health_url=f"https://{settings.api.hostname}/api/health",
        frontend_url=settings.frontend_url,
        app_version=variables.app_version(settings),
        image=image.reference,
        schema_revision=step.schema_revision,
        migration_exit_code=step.exit_code,
        migration_log=step.log,
        database_url=database.url,
        redis_url=cache.url,
        backup_bucket=backups.bucket,
        cluster=cluster.name,
        ops_task=schedules.ops_task,
        subnets=network.private_subnet_ids,
        security_group=tasks,
        log_group=cluster.log_group_name,
        metrics_url=metrics.console(settings),
        published_tags={
            name: made.published_tag for name, made in (("api", image), ("ops", ops_image)) if made.published_tag
        },
    )


def _providers(settings: Settings) -> list[pulumi.ProviderResource]:
    """With credentials of another account nothing happens at all."""
    account = aws.Provider(
        "aws",
        region=settings.place.region,
        allowed_account_ids=[settings.place.account],
        default_tags={"tags": names.tags(settings)},
    )
    return [
        account,
        cloudflare_sdk.Provider("cloudflare"),
        vercel.Provider("vercel", team=settings.frontend.team),
        registry.provider(settings, pulumi.InvokeOptions(provider=account)),
    ]


def _database(
    settings: Settings, network: Network, keys: Keys, tasks: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> Database | ExternalDatabase:
    if settings.database.kind == "external":
        return ExternalDatabase(settings)
    return Database("database", settings, network, keys, [tasks], opts)


def _cache(
    settings: Settings, network: Network, keys: Keys, tasks: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> Cache | ExternalCache:
    if settings.cache.kind == "external":
        return ExternalCache(settings)
    return Cache("cache", settings, network, keys, [tasks], opts)


def _administrator(database: Database | ExternalDatabase, urls: DatabaseSecrets) -> Administrator:
    if database.admin_url is None:
        return NOBODY
    return Administrator({"ADMIN_DATABASE_URL": database.admin_url}, {"PGPASSWORD": urls.for_migrations["PGPASSWORD"]})
