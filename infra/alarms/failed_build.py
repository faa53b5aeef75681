"""The e-mail that says that a build of the frontend failed at Vercel."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumiverse_vercel as vercel

from infra.alarms import event
from infra.generated_secret import GeneratedSecret
from infra.policy import document
from infra.settings import Settings

EVENT = "deployment.error"
SOURCE = "vercel"


def pattern(project: str) -> dict[str, Any]:
    """Vercel's events that say that a build of this project failed: https://vercel.com/docs/webhooks/webhooks-api."""
    return {"source": [SOURCE], "detail-type": [EVENT], "detail": {"payload": {"project": {"id": [project]}}}}


def trust() -> dict[str, Any]:
    """Lets API Gateway take the role. It tells no source that could be a condition; a role is passed in no other
    account than its own."""
    principal = {"Service": "apigateway.amazonaws.com"}
    return document([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}])


def permissions(bus: str) -> dict[str, Any]:
    """Putting events that are said to come from Vercel on one bus."""
    from_vercel = {"StringEquals": {"events:source": SOURCE}}
    return document([{"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus, "Condition": from_vercel}])


class FailedBuild(pulumi.ComponentResource):
    """Tells the topic of each build that failed. What was shown before is still shown then.

    Vercel posts to an address that nobody can guess, from which API Gateway hands the event to EventBridge: no code of
    ours runs. Nobody looks at Vercel's signature; who knew the address could cause a false alarm, and nothing else.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        project_id: pulumi.Input[str],
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:vercel:FailedBuild", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        place = settings.place
        bus = f"arn:aws:events:{place.region}:{place.account}:event-bus/default"
        vercel.Webhook(
            name,
            endpoint=self._address(name, bus),
            events=[EVENT],
            project_ids=[project_id],
            opts=self._child,
        )
        event.tell(
            name,
            "A build of the frontend failed",
            pulumi.Output.from_input(project_id).apply(pattern),
            topic_arn,
            f"frontend broken: A build of {settings.frontend_url} failed: <deployment>. <log> says why. What was shown "
            f"before is still shown. Were it broken too: `make rollback-frontend STACK={settings.name}`.",
            {"deployment": "$.detail.payload.deployment.id", "log": "$.detail.payload.links.deployment"},
            self._child,
        )
        self.register_outputs({})

    def _address(self, name: str, bus: str) -> pulumi.Output[str]:
        role = aws.iam.Role(name, assume_role_policy=json.dumps(trust()), opts=self._child)
        granted = aws.iam.RolePolicy(name, role=role.name, policy=json.dumps(permissions(bus)), opts=self._child)
        api = aws.apigatewayv2.Api(
            name, protocol_type="HTTP", description="Failed builds of the frontend, from Vercel", opts=self._child
        )
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html
        integration = aws.apigatewayv2.Integration(
            name,
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_subtype="EventBridge-PutEvents",
            payload_format_version="1.0",
            credentials_arn=role.arn,
            request_parameters={"Source": SOURCE, "DetailType": "$request.body.type", "Detail": "$request.body"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted]),
        )
        path = pulumi.Output.concat("/", GeneratedSecret(f"{name}-path", self._child).value)
        aws.apigatewayv2.Route(
            name,
            api_id=api.id,
            route_key=pulumi.Output.concat("POST ", path),
            target=pulumi.Output.concat("integrations/", integration.id),
            opts=self._child,
        )
        # Builds fail a few times a day; nobody else has anything to ask here.
        aws.apigatewayv2.Stage(
            name,
            api_id=api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings={"throttling_burst_limit": 5, "throttling_rate_limit": 1.0},
            opts=self._child,
        )
        return pulumi.Output.concat(api.api_endpoint, path)
