"""A small program on the real engine, with the rehearsal for a cloud."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.release import ROOT
from rehearsal import faults
from rehearsal.cloud import Cloud
from rehearsal.faults import Fault, Kind

PROJECT = """\
name: rehearsed
runtime: python
config:
  pulumi:autonaming:
    value:
      pattern: rehearsed-${stack}-${name}-${hex(4)}
"""

PROGRAM = '''\
"""A network, a database, a bucket and a DNS record, varied by the stack's settings."""

import pulumi
import pulumi_aws as aws

from infra.cloudflare_sdk import DnsRecord

config = pulumi.Config()
account = config.get("account") or "123456789012"
tags = aws.ProviderDefaultTagsArgs(tags={"stack": "rehearsed"})
provider = aws.Provider("aws", region="eu-central-1", allowed_account_ids=[account], default_tags=tags)
opts = pulumi.ResourceOptions(provider=provider)
vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", opts=opts)
subnets = [
    aws.ec2.Subnet(name, vpc_id=vpc.id, cidr_block=cidr, availability_zone=f"eu-central-1{name}", opts=opts)
    for name, cidr in (("a", "10.0.0.0/24"), ("b", "10.0.1.0/24"))
]
group = aws.rds.SubnetGroup("database", subnet_ids=[subnet.id for subnet in subnets], opts=opts)
database = aws.rds.Instance(
    "database",
    identifier="rehearsed",
    engine="postgres",
    engine_version="17.6",
    instance_class=config.get("size") or "db.t4g.micro",
    allocated_storage=20,
    storage_encrypted=not config.get_bool("plain"),
    username="owner",
    password=pulumi.Output.secret("hush-hush"),
    db_subnet_group_name=group.name,
    deletion_protection=not config.get_bool("unprotected"),
    skip_final_snapshot=True,
    opts=opts,
)
bucket = aws.s3.Bucket("backups", opts=opts)
record = DnsRecord(
    "api", zone_id="0" * 32, name="api.example.com", type="CNAME", content=database.address, ttl=1, proxied=True
)
if config.get_bool("more"):
    aws.sns.Topic("alarms", opts=opts)
pulumi.export("address", database.address)
pulumi.export("bucket", bucket.arn)
'''

INSTANCE = "aws:rds/instance:Instance"
SUBNET = "aws:ec2/subnet:Subnet"
TOPIC = "aws:sns/topic:Topic"
BUCKET = "aws:s3/bucket:Bucket"
# The stack and the provider are no resources of the cloud.
DECLARED = 7


@dataclass(frozen=True)
class Rehearsal:
    """A stack of that program and its cloud."""

    folder: Path
    cloud: Cloud
    environment: dict[str, str]

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        with self.started(*arguments) as process:
            text = process.communicate(timeout=300)[0]
        assert (process.returncode != 0) is fails, text
        return text

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *arguments, "--stack", "unit", "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def configure(self, **settings: str) -> None:
        """These settings and no others."""
        lines = [f"  rehearsed:{name}: {json.dumps(value)}" for name, value in settings.items()]
        file = self.folder / "Pulumi.unit.yaml"
        salt = next(line for line in file.read_text().splitlines() if line.startswith("encryptionsalt"))
        file.write_text("\n".join([salt, *(["config:"] if lines else []), *lines]) + "\n")

    def up(self, *arguments: str, fails: bool = False, **settings: str) -> str:
        """Deploys with these settings and no others."""
        self.configure(**settings)
        return self.pulumi("up", "--yes", "--skip-preview", "--diff", *arguments, fails=fails)

    def fault(self, target: str, kind: Kind, **how: Any) -> None:
        faults.inject(self.cloud, Fault(target, "create", kind, **how))


@contextmanager
def served(folder: Path) -> Generator[tuple[Cloud, str]]:
    ports = folder / "ports"
    command = [sys.executable, "-m", "rehearsal.providers", "--cloud", folder / "cloud.db", "--ports-file", ports]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            while not ports.exists():
                assert process.poll() is None, "the providers ended before they were ready"
                time.sleep(0.05)
            yield Cloud(folder / "cloud.db"), ports.read_text()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rehearsal]:
    folder = tmp_path_factory.mktemp("rehearsal")
    project = folder / "project"
    for made in (project, folder / "state"):
        made.mkdir()
    (project / "Pulumi.yaml").write_text(PROJECT)
    (project / "__main__.py").write_text(PROGRAM)
    with served(folder) as (cloud, attachment):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
        environment = {
            **inherited,
            "PULUMI_HOME": os.environ.get("PULUMI_HOME", str(Path.home() / ".pulumi")),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": "unit",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_PROVIDERS": attachment,
            "PYTHONPATH": str(ROOT),
        }
        rehearsal = Rehearsal(project, cloud, environment)
        rehearsal.pulumi("stack", "init")
        yield rehearsal


# In the order of a stack's life: each test begins where the one before ended.


def test_a_preview_makes_nothing_and_knows_only_what_is_declared(rehearsal: Rehearsal) -> None:
    preview = json.loads(rehearsal.pulumi("preview", "--json"))
    assert preview["changeSummary"] == {"create": DECLARED + 2}
    assert rehearsal.cloud.list() == []


def test_another_account_is_refused(rehearsal: Rehearsal) -> None:
    assert "AWS account ID not allowed: 123456789012" in rehearsal.up(account="210987654321", fails=True)
    assert rehearsal.cloud.list() == []


def test_up_makes_what_is_declared(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    outputs = json.loads(rehearsal.pulumi("stack", "output", "--json"))
    database = rehearsal.cloud.one(INSTANCE)
    assert len(rehearsal.cloud.list()) == DECLARED
    assert outputs["address"] == database.outputs["address"]
    assert outputs["bucket"].startswith("arn:aws:s3:::rehearsed-unit-backups-")
    assert database.outputs["tagsAll"] == {"stack": "rehearsed"}


def test_secrets_stay_secret(rehearsal: Rehearsal) -> None:
    assert rehearsal.cloud.one(INSTANCE).outputs["password"] == "hush-hush"
    assert "hush-hush" not in rehearsal.pulumi("stack", "export")


def test_a_second_up_changes_nothing(rehearsal: Rehearsal) -> None:
    rehearsal.up("--expect-no-changes")
    rehearsal.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_drift_made_outside_shows_and_is_put_back(rehearsal: Rehearsal) -> None:
    rehearsal.cloud.change(rehearsal.cloud.one(INSTANCE), deletionProtection=False)
    assert "deletionProtection: true => false" in rehearsal.pulumi("refresh", "--preview-only", "--diff")
    rehearsal.up("--refresh")
    assert rehearsal.cloud.one(INSTANCE).outputs["deletionProtection"] is True


def test_what_was_deleted_by_hand_is_made_again(rehearsal: Rehearsal) -> None:
    before = rehearsal.cloud.one(BUCKET)
    rehearsal.cloud.remove(before)
    rehearsal.up("--refresh")
    assert rehearsal.cloud.one(BUCKET).outputs["bucket"] != before.outputs["bucket"]
    assert len(rehearsal.cloud.list()) == DECLARED


def test_a_change_in_place_keeps_the_resource(rehearsal: Rehearsal) -> None:
    before = rehearsal.cloud.one(INSTANCE)
    rehearsal.up(size="db.t4g.small")
    after = rehearsal.cloud.one(INSTANCE)
    assert (after.id, after.outputs["address"]) == (before.id, before.outputs["address"])
    assert after.outputs["instanceClass"] == "db.t4g.small"


def test_a_protected_database_is_neither_replaced_nor_destroyed(rehearsal: Rehearsal) -> None:
    before = rehearsal.cloud.one(INSTANCE)
    assert "Cannot delete protected DB Instance" in rehearsal.up(plain="true", fails=True)
    assert "Cannot delete protected DB Instance" in rehearsal.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    assert rehearsal.cloud.one(INSTANCE).id == before.id
    rehearsal.up()
    assert len(rehearsal.cloud.list()) == DECLARED


def test_an_unprotected_one_is_replaced_after_it_is_deleted_since_its_name_is_fixed(rehearsal: Rehearsal) -> None:
    before = rehearsal.cloud.one(INSTANCE)
    rehearsal.up(unprotected="true")
    told = rehearsal.up(unprotected="true", plain="true")
    assert "storageEncrypted" in told
    assert rehearsal.cloud.one(INSTANCE).id != before.id


@pytest.mark.parametrize("kind", ["fail", "half"])
def test_the_up_after_a_fault_converges(rehearsal: Rehearsal, kind: Kind) -> None:
    rehearsal.fault(TOPIC, kind)
    assert "rehearsed fault" in rehearsal.up(unprotected="true", more="true", fails=True)
    made = rehearsal.cloud.list(TOPIC)
    assert len(made) == (1 if kind == "half" else 0)
    rehearsal.up(unprotected="true", more="true")
    found = rehearsal.cloud.list(TOPIC)
    assert len(found) == 1
    assert not made or found == made
    rehearsal.up(unprotected="true")
    assert rehearsal.cloud.list(TOPIC) == []


def test_an_up_that_is_interrupted_leaves_nothing_half_made(rehearsal: Rehearsal) -> None:
    rehearsal.fault(TOPIC, "hang", seconds=120)
    rehearsal.configure(unprotected="true", more="true")
    with rehearsal.started("up", "--yes", "--skip-preview") as process:
        deadline = time.monotonic() + 60
        while faults.pending(rehearsal.cloud) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=60)[0]
    assert process.returncode != 0, text
    assert rehearsal.cloud.list(TOPIC) == []
    rehearsal.up(unprotected="true", more="true")
    assert len(rehearsal.cloud.list(TOPIC)) == 1
    rehearsal.up(unprotected="true")


def test_an_answer_that_is_lost_leaves_what_nobody_knows(rehearsal: Rehearsal) -> None:
    rehearsal.fault("alarms", "lost")
    rehearsal.up(unprotected="true", more="true", fails=True)
    rehearsal.up(unprotected="true", more="true")
    assert len(rehearsal.cloud.list(TOPIC)) == 2


def test_a_destroy_leaves_nothing_that_the_stack_knew(rehearsal: Rehearsal) -> None:
    rehearsal.pulumi("destroy", "--yes", "--skip-preview")
    assert [one.name for one in rehearsal.cloud.list()] == ["alarms"]
