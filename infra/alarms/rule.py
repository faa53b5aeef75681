"""What an alarm rings at, as plain data."""

from dataclasses import dataclass
from typing import Literal

# The rows of the table "Backups and recovery" of the specification, and the backups that these recoveries build on.
Failure = Literal["database lost", "API server lost", "frontend broken", "everything lost", "backups missing"]

# What a metric is of; the component that declares the alarms knows its dimensions.
Subject = Literal[
    "load balancer",
    "targets",
    "service",
    "api",
    "api requests",
    "database",
    "cache",
    "backups",
    "dead letters",
    "health check",
]

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
LONGEST_DESCRIPTION = 1024


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch; `statistic` is one such as Sum, or a percentile such as p99."""

    namespace: str
    name: str
    statistic: str


@dataclass(frozen=True)
class Share:
    """How many percent `parts` are of `whole`, both sums of metrics; 0 while the whole is below `at_least`."""

    parts: tuple[Metric, ...]
    whole: tuple[Metric, ...]
    at_least: int

    @property
    def metrics(self) -> dict[str, Metric]:
        """Every metric once, by the name that `expression` gives it."""
        return {f"m{index}": metric for index, metric in enumerate(dict.fromkeys((*self.parts, *self.whole)))}

    @property
    def expression(self) -> str:
        """The share in CloudWatch's metric math.

        A load balancer reports no zeros, hence FILL:
        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
        """
        names = {metric: name for name, metric in self.metrics.items()}
        parts, whole = (
            " + ".join(f"FILL({names[metric]}, 0)" for metric in metrics) for metrics in (self.parts, self.whole)
        )
        return f"IF(({whole}) >= {self.at_least}, 100 * ({parts}) / ({whole}), 0)"


@dataclass(frozen=True)
class Rule:
    """One alarm: it rings when the metric is `rings` (below, above) the threshold in each of `periods` periods.

    `period` is in seconds. `missing` is what no data counts as. `rolls_back`: a deployment during which it rings is
    taken back. `means` and `action` are what the e-mail says: what happened, and the command to begin with.
    """

    name: str
    failure: Failure
    subject: Subject
    metric: Metric | Share
    rings: Literal["below", "above"]
    threshold: float
    period: int
    periods: int
    means: str
    action: str
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    rolls_back: bool = False

    @property
    def comparison(self) -> str:
        """CloudWatch's name of the comparison."""
        return {"below": "LessThanThreshold", "above": "GreaterThanThreshold"}[self.rings]

    @property
    def description(self) -> str:
        """The text of the alarm."""
        return f"{self.failure}: {self.means} {self.action}"
