"""A region that is gone, with all that was in it; and what the second region has then."""

from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal import restores
from rehearsal.cloud import Cloud, Record, Records

BUCKET = "aws:s3/bucket:Bucket"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
REPOSITORY = "aws:ecr/repository:Repository"
REPOSITORY_COPIES = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
KEYS = ("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey")


@dataclass(frozen=True)
class Copy:
    """Something that AWS itself copies to another region: what, from where, and the key that opens it there."""

    what: str
    name: str
    region: str
    key: str | None


def copies(cloud: Cloud, lost: str) -> list[Copy]:
    """What the cloud's records say is copied out of a region: backups, state, secrets and images."""
    return [*_buckets(cloud, lost), *_databases(cloud, lost), *_secrets(cloud, lost), *_images(cloud, lost)]


def lose(cloud: Cloud, region: str) -> int:
    """Removes all that was in a region. Returns how many things that were. The copies elsewhere stay."""
    with cloud.transaction():
        copied = _kept_backups(cloud, region)
        gone = [record for record in cloud.list() if record.region == region]
        for record in gone:
            cloud.delete(record)
        for record in copied:
            cloud.create(record)
    return len(gone)


def unopened(cloud: Cloud, found: Iterable[Copy]) -> list[Copy]:
    """Those whose key is not in their region: nobody could read them."""
    keys = {(record.region, record.outputs["arn"]) for kind in KEYS for record in cloud.list(kind)}
    return [copy for copy in found if copy.key is not None and (copy.region, copy.key) not in keys]


def _buckets(cloud: Cloud, lost: str) -> Iterable[Copy]:
    for record in cloud.list(REPLICATION):
        for rule in record.outputs["rules"] if record.region == lost else ():
            target = rule["destination"]
            bucket = cloud.one(BUCKET, arn=target["bucket"])
            key = (target.get("encryptionConfiguration") or {}).get("replicaKmsKeyId")
            yield Copy("bucket", bucket.id, bucket.region, key)


def _databases(cloud: Cloud, lost: str) -> Iterable[Copy]:
    for record in cloud.list(restores.REPLICATION):
        if f":{lost}:" in record.outputs["sourceDbInstanceArn"]:
            yield Copy("backups of RDS", record.outputs["id"], record.region, record.outputs.get("kmsKeyId"))


def _secrets(cloud: Cloud, lost: str) -> Iterable[Copy]:
    for record in cloud.list(SECRET):
        for replica in record.outputs.get("replicas") or () if record.region == lost else ():
            yield Copy("secret", record.outputs["name"], replica["region"], replica.get("kmsKeyId"))


def _images(cloud: Cloud, lost: str) -> Iterable[Copy]:
    regions = {
        target["region"]
        for record in cloud.list(REPOSITORY_COPIES)
        for rule in record.outputs["replicationConfiguration"]["rules"]
        for target in rule["destinations"]
    }
    for record in cloud.list(REPOSITORY):
        if record.region in regions - {lost}:
            key = record.outputs["encryptionConfigurations"][0].get("kmsKey")
            yield Copy("images", record.outputs["name"], record.region, key)


def _kept_backups(cloud: Cloud, lost: str) -> Records:
    """Of each instance whose backups are copied, what it was."""
    found: Records = []
    for copied in (one for one in cloud.list(restores.REPLICATION) if one.region != lost):
        for kind in (restores.INSTANCE, restores.BACKUPS):
            for source in cloud.find(kind, arn=copied.outputs["sourceDbInstanceArn"]):
                # Its data are encrypted there with the key of that region.
                outputs = {**source.outputs, "kmsKeyId": copied.outputs.get("kmsKeyId")}
                found.append(Record(restores.BACKUPS, source.outputs["resourceId"], copied.region, outputs=outputs))
    return found
