"""Every role of a cloud stack carries the boundary without which AWS lets a deployment make none."""

import pulumi_aws as aws

from infra.role.boundary import bind_roles
from infra.settings import Settings

from .recording import ACCOUNT, cloud_settings, record


def program(settings: Settings) -> None:
    bind_roles(settings)
    aws.iam.Role("task", assume_role_policy="{}")
    aws.s3.Bucket("files")


def test_each_role_is_bound_and_nothing_else_is_changed() -> None:
    inputs = {resource.name: resource.inputs for resource in record(cloud_settings("staging"), program)}
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/nuggetwise-boundary-staging"
    assert inputs["task"]["permissionsBoundary"] == boundary
    assert inputs["files"] == {}
