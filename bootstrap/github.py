"""How GitHub's workflows come to AWS: with a token of the job, and no key that could be stolen."""

import pulumi
import pulumi_aws as aws

from bootstrap import deploy_policy, preview_policy
from bootstrap.policy import Statement, document
from bootstrap.settings import ENVIRONMENTS, Settings
from bootstrap.state_bucket import StateBucket, bucket_name
from infra.role.boundary import policy_name

ISSUER = "token.actions.githubusercontent.com"

# AWS's own: it may look at everything. preview_policy takes from it what is data.
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


class GitHub(pulumi.ComponentResource):
    """A role to deploy each environment with, and one that only reads, for previews."""

    deploy_role_arns: dict[str, pulumi.Output[str]]
    preview_role_arn: pulumi.Output[str]

    def __init__(self, name: str, settings: Settings, state: StateBucket, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:bootstrap:GitHub", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # AWS checks GitHub's certificate against its own authorities, so no thumbprint is pinned.
        issuer = aws.iam.OpenIdConnectProvider(
            name, url=f"https://{ISSUER}", client_id_lists=["sts.amazonaws.com"], opts=child
        )
        keys = pulumi.Output.all(state.key_arn, state.copy_key_arn)
        self.deploy_role_arns = {
            environment: self._deploy_role(environment, settings, issuer, keys, child) for environment in ENVIRONMENTS
        }
        role = _role("preview", settings, issuer, child)
        aws.iam.RolePolicyAttachment("preview", role=role.name, policy_arn=READ_ONLY, opts=child)
        aws.iam.RolePolicy(
            "preview",
            role=role.name,
            policy=keys.apply(lambda arns: document(preview_policy.statements(bucket_name(settings), arns))),
            opts=child,
        )
        self.preview_role_arn = role.arn
        self.register_outputs({})

    def _deploy_role(
        self,
        environment: str,
        settings: Settings,
        issuer: aws.iam.OpenIdConnectProvider,
        keys: pulumi.Output[list[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Output[str]:
        scope = deploy_policy.Scope(settings.aws.account, environment, settings.aws.region, settings.aws.copy_region)
        aws.iam.Policy(
            f"boundary-{environment}",
            name=policy_name(environment),
            description=f"The most that a role made by a deployment of {environment} may do",
            policy=document(deploy_policy.boundary(scope)),
            opts=opts,
        )
        role = _role(f"deploy-{environment}", settings, issuer, opts, environment)
        parts: dict[str, pulumi.Input[str]] = {
            part: document(statements) for part, statements in deploy_policy.statements(scope).items()
        }
        bucket = bucket_name(settings)
        parts["state"] = keys.apply(lambda arns: document(deploy_policy.state(scope, bucket, arns)))
        for part, policy in parts.items():
            name = f"deploy-{environment}-{part}"
            made = aws.iam.Policy(name, policy=policy, opts=opts)
            aws.iam.RolePolicyAttachment(name, role=role.name, policy_arn=made.arn, opts=opts)
        return role.arn


def _role(
    name: str,
    settings: Settings,
    issuer: aws.iam.OpenIdConnectProvider,
    opts: pulumi.ResourceOptions,
    environment: str = "preview",
) -> aws.iam.Role:
    repository = settings.github.repository
    return aws.iam.Role(
        name,
        # Fixed, since workflows say it; and not of the pattern that a deploy role may change.
        name=f"nuggetwise-{name}",
        description=f"Taken by workflows of {repository} in the GitHub environment {environment}",
        assume_role_policy=issuer.arn.apply(lambda arn: document([trust(arn, repository, environment)])),
        max_session_duration=3600 * 2,  # the longest deployment waits for a database to be made
        opts=opts,
    )


def trust(issuer_arn: str, repository: str, environment: str) -> Statement:
    """Who may take a role: a job of this repository in this GitHub environment, which has its own rules of approval.

    A job with `environment:` has that as its subject, and no branch. Both claims are compared whole, so no other
    repository, branch or environment begins or ends like it.
    https://docs.github.com/en/actions/reference/security/oidc
    """
    return {
        "Effect": "Allow",
        "Principal": {"Federated": issuer_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": f"repo:{repository}:environment:{environment}",
            }
        },
    }
