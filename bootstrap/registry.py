"""Where images are pushed to."""

import json

import pulumi
import pulumi_aws as aws

from bootstrap.key import own_key
from bootstrap.settings import ENVIRONMENTS, Settings

API, OPS = "nuggetwise/api", "nuggetwise/ops"

# Ten for each environment, since they share the repositories. By count and not by age: what has run unchanged for a
# year must still be there when AWS moves its task, and it is among an environment's last ten.
RELEASES = 10 * len(ENVIRONMENTS)


class Registry(pulumi.ComponentResource):
    """The repositories `nuggetwise/api` and `nuggetwise/ops`, and their copies in the second region.

    A tag never moves, so that what was tested is what is deployed; each image is scanned as it comes in.
    """

    urls: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:bootstrap:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = own_key("images", settings, "Images of the releases", child, copied=True)
        assert key.replica_arn is not None  # it was asked for
        self.urls = {}
        copies: list[pulumi.Resource] = []
        for repository in (API, OPS):
            part = repository.split("/")[1]
            main = _repository(part, repository, settings.aws.region, key.arn, child)
            self.urls[repository] = main.repository_url
            # Made here, since one that replication makes by itself has neither our key nor the rules above.
            copies.append(_repository(f"{part}-copy", repository, settings.aws.copy_region, key.replica_arn, child))
        aws.ecr.ReplicationConfiguration(
            name,
            replication_configuration={
                "rules": [
                    {
                        "destinations": [
                            {"region": settings.aws.copy_region, "registry_id": settings.aws.account},
                        ],
                        "repository_filters": [{"filter": "nuggetwise/", "filter_type": "PREFIX_MATCH"}],
                    }
                ]
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=copies),
        )
        self.register_outputs({})


def lifecycle() -> str:
    """What ECR deletes by itself: whatever is older than the newest RELEASES images."""
    rule = {
        "rulePriority": 1,
        "description": f"Keep {RELEASES} releases",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": RELEASES},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})


def _repository(
    name: str, repository: str, region: str, key_arn: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> aws.ecr.Repository:
    made = aws.ecr.Repository(
        name,
        name=repository,
        region=region,
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": key_arn}],
        opts=pulumi.ResourceOptions(parent=opts.parent, protect=True, retain_on_delete=True),
    )
    aws.ecr.LifecyclePolicy(name, repository=made.name, region=region, policy=lifecycle(), opts=opts)
    return made
