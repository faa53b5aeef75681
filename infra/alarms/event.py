"""A mail for each event of a kind: a rule of EventBridge, and its way to the topic."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws


def tell(
    name: str,
    description: str,
    pattern: pulumi.Output[dict[str, Any]],
    topic_arn: pulumi.Input[str],
    text: str,
    paths: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Tells the topic `text` of each event of the pattern; `<key>` in it is what the event has at `paths[key]`."""
    rule = aws.cloudwatch.EventRule(
        name, description=description, event_pattern=pulumi.Output.json_dumps(pattern, sort_keys=True), opts=opts
    )
    aws.cloudwatch.EventTarget(
        name,
        rule=rule.name,
        arn=topic_arn,
        # A text, and so a JSON string.
        input_transformer={"input_paths": dict(paths), "input_template": json.dumps(text)},
        opts=opts,
    )
