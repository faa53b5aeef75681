"""Which alarms there are: the one table of what is watched, at what it rings, and what to do then.

Times of the specification: a lost API server is replaced within 2 minutes and a lost database within 15, so an alarm
that rings at most 5 minutes after the failure leaves time to act on what does not heal by itself.
"""

from dataclasses import dataclass

from infra import names
from infra.alarms.rule import Failure, Metric, Rule, Share
from infra.cluster import log
from infra.metrics import aws as metrics
from infra.schedule import CONTAINER
from infra.settings import Settings, set_command

BACKUPS = "Nuggetwise/Backups"
"""The namespace of what the backup and restore-test tasks report, each with the one dimension `stack`:

`BackupsMade`: 1 for each backup that was restored and compared, and so counts; 0 for one that failed.
`RestoreTestAge`: hours since a weekly restore test last passed (before the first one, since the oldest backup),
reported by each daily backup: no alarm of CloudWatch looks back further than the seven days between two tests.
`RestoreTestFailures`: 1 for a restore test that failed, 0 for one that passed.
"""

MINUTE, HOUR = 60, 3600

# What a generation may take (app/components/v0.py), and a second for what is before and after it.
LONGEST_REQUEST = 46

_ALB, _RDS, _CACHE = "AWS/ApplicationELB", "AWS/RDS", "AWS/ElastiCache"
_SERVER_ERRORS = tuple(Metric(_ALB, f"HTTPCode_{side}_5XX_Count", "Sum") for side in ("Target", "ELB"))
# A request that found no target to go to is not in RequestCount:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
_REQUESTS = (Metric(_ALB, "RequestCount", "Sum"), _SERVER_ERRORS[1])


@dataclass(frozen=True)
class Probe:
    """A look from outside, through DNS and Cloudflare or Vercel, at a page that answers 200 when all is well.

    Without `path` it is enough that somebody answers at the host's port 443.
    """

    hostname: str
    path: str | None
    rule: Rule


def rules(settings: Settings) -> tuple[Rule, ...]:
    """Every alarm in the stack's own region. A database or cache that lives elsewhere has its own watch there."""
    return (
        *_requests(settings),
        *_tasks(settings),
        *(_database(settings) if settings.database.kind == "rds" else ()),
        *(_cache(settings) if settings.cache.kind == "elasticache" else ()),
        *_schedules(settings),
    )


def _logs(settings: Settings, since: str = "15m") -> str:
    return f"aws logs tail $(pulumi stack output log_group -s {settings.name}) --since {since}"


def _set(settings: Settings, key: str) -> str:
    return f"`{set_command(settings.name, key)}`"


def _requests(settings: Settings) -> tuple[Rule, ...]:
    logs = _logs(settings)
    roll_back = (
        f"If it began with a deploy, roll back: {_set(settings, 'image')} to the digest before, then "
        f"`pulumi up -s {settings.name}`."
    )
    return (
        Rule(
            name="unhealthy-targets",
            failure="API server lost",
            subject="targets",
            metric=Metric(_ALB, "UnHealthyHostCount", "Maximum"),
            rings="above",
            threshold=0,
            period=MINUTE,
            periods=3,
            rolls_back=True,
            means="A task of the API runs but is not ready.",
            action=f'Its log says what is missing, under "not ready yet": `{logs}`.',
        ),
        Rule(
            name="server-errors",
            failure="API server lost",
            subject="load balancer",
            metric=Share(_SERVER_ERRORS, _REQUESTS, at_least=20),
            rings="above",
            threshold=5,
            period=MINUTE,
            periods=2,
            rolls_back=True,
            means="More than 5 % of the requests are answered with a server error, or by no task at all.",
            action=f'Look for "unhandled error" and "unavailable": `{logs}`. {roll_back}',
        ),
        Rule(
            name="hanging-requests",
            failure="API server lost",
            subject="targets",
            metric=Metric(_ALB, "TargetResponseTime", "p99"),
            rings="above",
            threshold=LONGEST_REQUEST,
            period=MINUTE,
            periods=3,
            rolls_back=True,
            means=f"One request in a hundred takes longer than {LONGEST_REQUEST} s, which no route should.",
            action=f"Compare the pool's waiting requests with the database's slow statements: `{logs}`. {roll_back}",
        ),
    )


def _tasks(settings: Settings) -> tuple[Rule, ...]:
    logs = _logs(settings)
    return (
        Rule(
            name="running-tasks",
            failure="API server lost",
            subject="service",
            metric=Metric("ECS/ContainerInsights", "RunningTaskCount", "Minimum"),
            rings="below",
            threshold=settings.api.replicas,
            period=MINUTE,
            periods=3,
            missing="breaching",
            means=f"Fewer than {settings.api.replicas} tasks of the API run, and ECS has not replaced the others yet.",
            action=f"See why they stopped: `{logs}`; ECS says more under the service's events.",
        ),
        Rule(
            name="slow-requests",
            failure="API server lost",
            subject="api requests",
            metric=Metric(metrics.NAMESPACE, "http_request_duration_seconds", "Average"),
            rings="above",
            threshold=0.5,
            period=MINUTE,
            periods=5,
            means="Requests that generate nothing take longer than 0.5 s on average.",
            action=f"Look for slow statements first; more replicas help only if the database is idle: `{logs}`.",
        ),
        Rule(
            name="database-unreachable",
            failure="database lost",
            subject="api",
            metric=Metric(metrics.NAMESPACE, "database_pool_connection_errors_total", "Sum"),
            rings="above",
            threshold=0,
            period=MINUTE,
            periods=3,
            means="Tasks of the API cannot connect to the database.",
            action=f"See whether the database runs; what it answers is in `{logs}`.",
        ),
        Rule(
            name="cache-unavailable",
            failure="API server lost",
            subject="api",
            metric=Metric(metrics.NAMESPACE, "cache_available", "Minimum"),
            rings="below",
            threshold=1,
            period=MINUTE,
            periods=5,
            means="A task of the API gets no answer from the cache: it goes on slower, its rate limits are its own.",
            action=f"Bring the cache back; what it answers is in `{logs}`.",
        ),
    )


def _database(settings: Settings) -> tuple[Rule, ...]:
    larger = f"A larger class is {_set(settings, 'database.instance_class')}, then `pulumi up -s {settings.name}`."
    # RDS adds storage once less than a tenth is free; below that it did not, or has reached `max_storage`.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    free = settings.database.storage * 8 // 100
    connections = settings.database.max_connections * 8 // 10
    return (
        Rule(
            name="database-storage",
            failure="database lost",
            subject="database",
            metric=Metric(_RDS, "FreeStorageSpace", "Minimum"),
            rings="below",
            threshold=free * 2**30,
            period=5 * MINUTE,
            periods=1,
            means=f"Less than {free} GiB are free: RDS could not add storage, and with none left the database stops.",
            action=f"It may grow to {_set(settings, 'database.max_storage')}; then `pulumi up -s {settings.name}`.",
        ),
        Rule(
            name="database-cpu",
            failure="database lost",
            subject="database",
            metric=Metric(_RDS, "CPUUtilization", "Average"),
            rings="above",
            threshold=85,
            period=5 * MINUTE,
            periods=3,
            means="The database has used more than 85 % of its CPU for 15 minutes.",
            action=f"Performance Insights shows the statements. {larger}",
        ),
        Rule(
            name="database-connections",
            failure="database lost",
            subject="database",
            metric=Metric(_RDS, "DatabaseConnections", "Maximum"),
            rings="above",
            threshold=connections,
            period=MINUTE,
            periods=5,
            means=f"More than {connections} of {settings.database.max_connections} connections are taken.",
            action=f"pg_stat_activity says who holds them; the limit is {_set(settings, 'database.max_connections')}.",
        ),
        Rule(
            name="database-memory",
            failure="database lost",
            subject="database",
            metric=Metric(_RDS, "FreeableMemory", "Minimum"),
            rings="below",
            threshold=128 * 2**20,
            period=5 * MINUTE,
            periods=3,
            means="The database has less than 128 MiB of memory left; without any it is restarted.",
            action=f"Look for large sorts in Performance Insights. {larger}",
        ),
    )


def _cache(settings: Settings) -> tuple[Rule, ...]:
    larger = f"A larger node is {_set(settings, 'cache.node_type')}, then `pulumi up -s {settings.name}`."
    return (
        Rule(
            name="cache-memory",
            failure="API server lost",
            subject="cache",
            metric=Metric(_CACHE, "DatabaseMemoryUsagePercentage", "Maximum"),
            rings="above",
            threshold=85,
            period=5 * MINUTE,
            periods=3,
            means="The cache uses more than 85 % of its memory; when it is full it forgets what it should keep.",
            action=larger,
        ),
        Rule(
            name="cache-cpu",
            failure="API server lost",
            subject="cache",
            metric=Metric(_CACHE, "EngineCPUUtilization", "Average"),
            rings="above",
            threshold=85,
            period=5 * MINUTE,
            periods=3,
            means="The cache's one thread is busy for more than 85 % of the time.",
            action=larger,
        ),
    )


def _schedules(settings: Settings) -> tuple[Rule, ...]:
    group = names.of(settings, "schedules")
    stream = f"{log.PREFIX}/{CONTAINER}/"
    logs = f"{_logs(settings, '2d')} --log-stream-name-prefix {stream}"
    once = f"`make backup STACK={settings.name}` makes one now."
    return (
        Rule(
            name="schedule-undelivered",
            failure="backups missing",
            subject="dead letters",
            metric=Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
            rings="above",
            threshold=0,
            period=5 * MINUTE,
            periods=1,
            means="A scheduled task (backup, upkeep or restore test) could not be started, also when tried again.",
            action="The message says why; purge the queue after: `aws sqs receive-message --queue-url "
            f"$(aws sqs get-queue-url --queue-name {group} --output text)`.",
        ),
        Rule(
            name="backup-missing",
            failure="backups missing",
            subject="backups",
            metric=Metric(BACKUPS, "BackupsMade", "Sum"),
            rings="below",
            threshold=1,
            period=HOUR,
            periods=26,
            missing="breaching",
            means="No backup has counted for 26 hours.",
            action=f"The last one's log says why: `{logs}`. {once}",
        ),
        Rule(
            name="restore-test-failed",
            failure="backups missing",
            subject="backups",
            metric=Metric(BACKUPS, "RestoreTestFailures", "Maximum"),
            rings="above",
            threshold=0,
            period=HOUR,
            periods=1,
            means="A backup could not be restored, or what came back was not what had been backed up.",
            action=f"Its log says which and why: `{logs}`. {once}",
        ),
        Rule(
            name="restore-test-old",
            failure="backups missing",
            subject="backups",
            metric=Metric(BACKUPS, "RestoreTestAge", "Maximum"),
            rings="above",
            threshold=8 * 24,
            period=HOUR,
            periods=1,
            means="No restore test has passed for 8 days, so nobody knows that the backups can be restored.",
            action=f"See why the weekly one did not run: `aws scheduler list-schedules --group-name {group}`.",
        ),
    )


def probes(settings: Settings) -> tuple[Probe, ...]:
    """Every look from outside. Together they tell which of the failures it is."""
    api, frontend = settings.api.hostname or "", settings.frontend_url.split("://")[1]
    generation = settings.database.generation
    restore = (
        f"If it is lost, restore beside it (docs/recovery-production.md): {_set(settings, 'database.generation')} "
        f"{generation + 1}, {_set(settings, 'database.restore.source')} …, `pulumi up -s {settings.name} --refresh`."
        if settings.database.kind == "rds"
        else "See its provider's status page; if it is lost, restore the newest good backup."
    )
    return (
        Probe(
            api,
            "/api/health",
            _outside(
                "probe-health",
                "database lost",
                f"https://{api}/api/health does not answer 200. If probe-live is quiet, the API runs and its database "
                "or cache does not.",
                f"`curl -s https://{api}/api/health` says which. {restore}",
            ),
        ),
        Probe(
            api,
            "/api/health/live",
            _outside(
                "probe-live",
                "API server lost",
                f"No task of the API answers at https://{api}.",
                f"See whether tasks run (`{_logs(settings)}`), then the load balancer's targets, then Cloudflare.",
            ),
        ),
        Probe(
            frontend,
            # Elsewhere Vercel asks for a login, which is no failure: infra/frontend/vercel.py.
            "/" if settings.environment == "production" else None,
            _outside(
                "probe-frontend",
                "frontend broken",
                f"{settings.frontend_url} does not answer.",
                f"Roll back to the deployment before: `make rollback-frontend STACK={settings.name}`.",
            ),
        ),
    )


def everything_lost(settings: Settings) -> str:
    """What the alarm says that rings when all probes fail."""
    failure: Failure = "everything lost"
    return (
        f"{failure}: No probe from outside gets an answer, neither from the API nor from the frontend. See whether "
        "AWS, Cloudflare or Vercel say that they are down. If the stack itself is gone, one command builds it anew: "
        f"`pulumi up -s {settings.name}`, then restore the newest good backup."
    )


def _outside(name: str, failure: Failure, means: str, action: str) -> Rule:
    return Rule(
        name=name,
        failure=failure,
        subject="health check",
        metric=Metric("AWS/Route53", "HealthCheckStatus", "Minimum"),
        rings="below",
        threshold=1,
        period=MINUTE,
        periods=2,
        missing="breaching",
        means=means,
        action=action,
    )
