"""The warning before a month costs too much."""

import pulumi

from infra import names
from infra.alarms.budget import Budget, cost_filter
from infra.settings import Settings

from .recording import Recorded, cloud_settings, record


def budget(settings: Settings) -> Recorded:
    def program(stack: Settings) -> None:
        Budget("budget", stack, pulumi.ResourceOptions())

    (made,) = (r for r in record(settings, program) if r.type == "aws:budgets/budget:Budget")
    return made


def test_the_budget_is_what_the_settings_say_a_month() -> None:
    inputs = budget(cloud_settings(watch={"email": "ops@nuggetwise.com", "monthly_budget": 700})).inputs
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == ("700", "USD", "MONTHLY")


def test_it_warns_of_a_forecast_and_of_what_was_spent_by_mail() -> None:
    notifications = budget(cloud_settings()).inputs["notifications"]
    assert {(n["notificationType"], n["threshold"]) for n in notifications} == {("FORECASTED", 80), ("ACTUAL", 100)}
    assert all(n["subscriberEmailAddresses"] == ["ops@nuggetwise.com"] for n in notifications)


def test_one_stack_does_not_ring_for_the_costs_of_another() -> None:
    filters = {environment: cost_filter(cloud_settings(environment)) for environment in ("staging", "production")}
    assert filters == {"staging": "user:stack$staging", "production": "user:stack$production"}
    assert names.tags(cloud_settings())["stack"] == "production", "the tag that all carry"
    (only,) = budget(cloud_settings()).inputs["costFilters"]
    assert only == {"name": "TagKeyValue", "values": ["user:stack$production"]}
