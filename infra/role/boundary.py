"""The most that any role of a stack may do. The bootstrap stack makes the policy; a deployment may not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from infra.settings import Settings


def policy_name(stack: str) -> str:
    """Not of the pattern `nuggetwise-<stack>-…`, which the deployment of that stack may change."""
    return f"nuggetwise-boundary-{stack}"


def policy_arn(account: str, stack: str) -> str:
    return f"arn:aws:iam::{account}:policy/{policy_name(stack)}"


def bind_roles(settings: Settings) -> None:
    """Gives the boundary to every role that is declared from here on.

    In one place and for all, since AWS lets a deployment make no role without it (bootstrap/deploy_policy.py).
    """
    boundary = policy_arn(settings.place.account, settings.name)

    def bind(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != "aws:iam/role:Role":
            return None
        return pulumi.ResourceTransformationResult({**args.props, "permissions_boundary": boundary}, args.opts)

    pulumi.runtime.register_stack_transformation(bind)
