"""What AWS offers: sizes that exist, so that a wrong one is told before anything is asked of AWS."""

# CPU units of a Fargate task to the memory sizes in MiB that go with them (Linux, x86).
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

_LARGE = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_BURSTABLE = ("micro", "small", "medium", "large", "xlarge", "2xlarge")

# Classes of RDS for PostgreSQL 17 that this project has a use for, current generations only.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Support.html
RDS: frozenset[str] = frozenset(
    [f"db.{family}.{size}" for family in ("t3", "t4g") for size in _BURSTABLE]
    + [f"db.{family}.{size}" for family in ("m6g", "m6i", "m7g", "m7i", "r6g", "r6i", "r7g", "r7i") for size in _LARGE]
)

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html
ELASTICACHE: frozenset[str] = frozenset(
    [f"cache.{family}.{size}" for family in ("t3", "t4g") for size in ("micro", "small", "medium")]
    + [f"cache.{family}.{size}" for family in ("m6g", "m7g", "r6g", "r7g") for size in _LARGE]
)

# Days that CloudWatch Logs keeps: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTION: frozenset[int] = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
