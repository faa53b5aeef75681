"""Every control of the pack, service by service."""

from policies import cloudtrail, ec2, ecr, ecs, elasticache, elb, kms, rds, s3, secrets_manager
from policies.control import Control

CONTROLS: tuple[Control, ...] = (
    *rds.CONTROLS,
    *s3.CONTROLS,
    *ecs.CONTROLS,
    *elb.CONTROLS,
    *ec2.CONTROLS,
    *elasticache.CONTROLS,
    *secrets_manager.CONTROLS,
    *kms.CONTROLS,
    *ecr.CONTROLS,
    *cloudtrail.CONTROLS,
)
