"""The bootstrap stack, composed."""

import pulumi
import pulumi_aws as aws

from bootstrap import bucket, registry
from bootstrap.github import GitHub
from bootstrap.registry import Registry
from bootstrap.settings import Settings
from bootstrap.state_bucket import StateBucket
from bootstrap.trail import Trail
from bootstrap.zone import Zone


def deploy(settings: Settings) -> None:
    """Declares everything that staging and production share, and exports what they and their workflows read."""
    account, region, copy_region = settings.aws.account, settings.aws.region, settings.aws.copy_region
    provider = aws.Provider(
        "aws",
        region=region,
        # With the credentials of another account nothing happens at all.
        allowed_account_ids=[account],
        default_tags={"tags": {"project": "nuggetwise", "stack": pulumi.get_stack(), "managed-by": "pulumi"}},
    )
    top = pulumi.ResourceOptions(providers=[provider])

    # Whatever policy a bucket of this account will be given, by whomever.
    aws.s3.AccountPublicAccessBlock(
        "account",
        account_id=account,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=pulumi.ResourceOptions(provider=provider),
    )
    kept = pulumi.ResourceOptions(providers=[provider], protect=True)
    logs, copy_logs = (
        bucket.access_logs(name, f"nuggetwise-{name}-{account}", where, settings, kept)
        for name, where in (("access-logs", region), ("access-logs-copy", copy_region))
    )
    state = StateBucket("state", settings, logs.id, copy_logs.id, top)
    images = Registry("registry", settings, top)
    trail = Trail("trail", settings, logs.id, top)
    github = GitHub("github", settings, state, top)
    zone = Zone("zone", settings, pulumi.ResourceOptions())

    pulumi.export("state_bucket", state.bucket)
    pulumi.export("backend_url", state.login)
    pulumi.export("secrets_provider", state.secrets_provider)
    pulumi.export("registry_repository", registry.API)
    pulumi.export("ops_repository", registry.OPS)
    pulumi.export("registry_urls", images.urls)
    pulumi.export("origin_pull_ca", zone.origin_pull_ca)
    pulumi.export("deploy_role_arns", github.deploy_role_arns)
    pulumi.export("preview_role_arn", github.preview_role_arn)
    pulumi.export("trail", trail.arn)
