"""A warning before the month costs more than it should."""

import pulumi
import pulumi_aws as aws

from infra import names
from infra.settings import Settings


def cost_filter(settings: Settings) -> str:
    """What tells this stack's costs from others': its tag, as AWS Budgets writes it.

    It finds something only once the account's owner activated `stack` as a cost allocation tag:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """
    return f"user:stack${names.tags(settings)['stack']}"


class Budget(pulumi.ComponentResource):
    """Writes to `watch.email` when a month's costs are forecast above 80 % of `watch.monthly_budget`, or reach it.

    It writes by itself instead of through the alarms' topic, so that it needs no key and no policy of the stack.
    """

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Budget", name, None, opts)
        assert settings.watch.email is not None
        email = settings.watch.email
        aws.budgets.Budget(
            name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(settings.watch.monthly_budget),
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [cost_filter(settings)]}],
            notifications=[
                {
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "comparison_operator": "GREATER_THAN",
                    "subscriber_email_addresses": [email],
                }
                for kind, percent in (("FORECASTED", 80), ("ACTUAL", 100))
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
