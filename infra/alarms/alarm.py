"""One alarm of CloudWatch."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.alarms.rule import Metric, Rule, Share


def alarm(
    name: str,
    rule: Rule,
    dimensions: Mapping[str, pulumi.Input[str]],
    topic_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    region: str | None = None,
) -> aws.cloudwatch.MetricAlarm:
    """An alarm that tells the topic when it rings and when it is over. Without `region` it is in the stack's own."""
    metric = rule.metric
    simple = metric if isinstance(metric, Metric) else None
    percentile = simple is not None and simple.statistic.startswith("p")
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=rule.description,
        namespace=simple and simple.namespace,
        metric_name=simple and simple.name,
        statistic=simple.statistic if simple and not percentile else None,
        extended_statistic=simple.statistic if simple and percentile else None,
        # A percentile of a few requests says nothing.
        evaluate_low_sample_count_percentiles="ignore" if percentile else None,
        dimensions=dimensions if simple else None,
        period=rule.period if simple else None,
        metric_queries=_queries(metric, rule.period, dimensions) if isinstance(metric, Share) else None,
        comparison_operator=rule.comparison,
        threshold=rule.threshold,
        evaluation_periods=rule.periods,
        datapoints_to_alarm=rule.periods,
        treat_missing_data=rule.missing,
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        region=region,
        opts=opts,
    )


def _queries(
    share: Share, period: int, dimensions: Mapping[str, pulumi.Input[str]]
) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    return [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id="share", expression=share.expression, label="percent", return_data=True
        ),
        *(
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id=name,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    stat=metric.statistic,
                    period=period,
                    dimensions=dimensions,
                ),
            )
            for name, metric in share.metrics.items()
        ),
    ]
