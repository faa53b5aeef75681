"""Runs a program, or a part of one, against mocks that record every registration."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

from infra import settings

ACCOUNT = "123456789012"
ZONE_ID = "0123456789abcdef0123456789abcdef"

# What the bootstrap stack hands to staging and production.
BOOTSTRAP_OUTPUTS: dict[str, Any] = {
    "registry_repository": "nuggetwise/api",
    "ops_repository": "nuggetwise/ops",
    "origin_pull_ca": "-----BEGIN CERTIFICATE-----\nrehearsed\n-----END CERTIFICATE-----\n",
}

# Answers to what a program may ask a provider (a preview asks too, so each must be something that answers then).
CALLS: dict[str, dict[str, Any]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "names": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "zoneIds": ["euc1-az2", "euc1-az3", "euc1-az1"],
    },
    "aws:ecr/getRepository:getRepository": {
        "arn": f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/nuggetwise/api",
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/nuggetwise/api",
    },
    "aws:ecr/getImages:getImages": {"imageIds": []},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": {
        "userName": "AWS",
        "password": "a-password-of-twelve-hours",
        "proxyEndpoint": f"https://{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com",
    },
    # What a stack said of itself: the bootstrap stack, or this one when it was last deployed.
    "pulumi:pulumi:readStackOutputs": {"outputs": BOOTSTRAP_OUTPUTS},
    "cloudflare:index/getIpRanges:getIpRanges": {
        "ipv4Cidrs": ["173.245.48.0/20", "103.21.244.0/22"],
        "ipv6Cidrs": ["2400:cb00::/32"],
    },
}


@dataclass(frozen=True)
class Recorded:
    """One resource as the engine would have received it. Inputs carry the provider's own names (camelCase)."""

    type: str
    name: str
    inputs: dict[str, Any]
    protected: bool = False
    """Whether the engine refuses to delete it."""
    retained: bool = False
    """Whether it stays where it is when it is deleted from the stack."""
    ignored: tuple[str, ...] = ()
    """Inputs whose changes the engine does not look at."""
    dependencies: tuple[str, ...] = ()
    """The names of what is there before it, and deleted after it."""


class Recorder(mocks.Mocks):
    def __init__(self, calls: Mapping[str, dict[str, Any]]) -> None:
        self.resources: list[Recorded] = []
        self.requests: dict[tuple[str, str], Any] = {}
        self._calls = {**CALLS, **calls}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = dict(args.inputs)
        if args.typ == "pulumi:pulumi:StackReference":
            return inputs["name"], {**inputs, "outputs": BOOTSTRAP_OUTPUTS}
        if args.typ == "pulumi:pulumi:Stack":
            return args.name, inputs
        request = self.requests[args.typ, args.name]
        kept = (request.protect, request.retainOnDelete)
        after = tuple(urn.rpartition("::")[2] for urn in request.dependencies)
        self.resources.append(Recorded(args.typ, args.name, inputs, *kept, tuple(request.ignoreChanges), after))
        outputs: dict[str, Any] = {"name": f"{args.name}-0a1b2c", **inputs}
        if args.typ.startswith("aws:"):
            outputs.setdefault("arn", f"arn:aws:mock:eu-central-1:{ACCOUNT}:{args.name}")
        match args.typ:
            case "docker:index/remoteImage:RemoteImage":
                outputs["imageId"] = f"sha256:{args.name}"
            case "docker:index/registryImage:RegistryImage":
                outputs["sha256Digest"] = "sha256:" + "ab" * 32
            case "pulumi-python:dynamic:RotatingSecret":
                # The engine makes it a secret; without one, mocks do not.
                outputs["value"] = pulumi.Output.secret((args.name.encode().hex() + "0" * 64)[:64])
            case "pulumi-python:dynamic:GeneratedSecret":
                outputs["value"] = (args.name.encode().hex() + "0" * 64)[:64]
            case "pulumi-python:dynamic:AgeKey":
                outputs.update(recipient="age1recipient", identity=pulumi.Output.secret("AGE-SECRET-KEY-1IDENTITY"))
            case "pulumi-python:dynamic:MigrationRun":
                outputs.update(exit_code=0, log="", schema_revision="0001")
            case "pulumi-python:dynamic:CertificateAuthority" | "pulumi-python:dynamic:ServerCertificate":
                outputs.update(certificate="PEM", private_key="PEM")
            case "aws:secretsmanager/secretVersion:SecretVersion":
                outputs["versionId"] = f"{args.name}-version"
            case "aws:ecs/taskDefinition:TaskDefinition":
                prefix = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/{inputs['family']}"
                outputs.update(arn=f"{prefix}:7", arnWithoutRevision=prefix)
            case "aws:kms/key:Key" | "aws:kms/replicaKey:ReplicaKey":
                outputs["keyId"] = f"mrk-{args.name}"
            case "aws:s3/bucket:Bucket":
                outputs.setdefault("bucket", f"{args.name}-0a1b2c")
                outputs["arn"] = f"arn:aws:s3:::{outputs['bucket']}"
                return outputs["bucket"], outputs
            case "aws:rds/instance:Instance":
                outputs.update(
                    address=f"{args.name}.abc.eu-central-1.rds.amazonaws.com",
                    port=5433,
                    resourceId="db-ABCDEFGHIJKL",
                    masterUserSecrets=[{"secretArn": f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:rds!db-1"}],
                )
            case "aws:elasticache/replicationGroup:ReplicationGroup":
                outputs["primaryEndpointAddress"] = f"master.{args.name}.abc.euc1.cache.amazonaws.com"
            case "aws:lb/loadBalancer:LoadBalancer":
                outputs.update(
                    dnsName=f"{args.name}-1.eu-central-1.elb.amazonaws.com",
                    zoneId="Z215JYRZR1TBD5",
                    arnSuffix=f"app/{args.name}/0123456789abcdef",
                )
            case "aws:lb/targetGroup:TargetGroup":
                outputs["arnSuffix"] = f"targetgroup/{args.name}/0123456789abcdef"
            case "aws:apigatewayv2/api:Api":
                outputs["apiEndpoint"] = "https://a1b2c3.execute-api.eu-central-1.amazonaws.com"
            case "aws:acm/certificate:Certificate":
                outputs["domainValidationOptions"] = [
                    {
                        "domainName": inputs["domainName"],
                        "resourceRecordName": f"_0a1b2c.{inputs['domainName']}.",
                        "resourceRecordType": "CNAME",
                        "resourceRecordValue": "_3d4e5f.acm-validations.aws.",
                    }
                ]
            case _:
                pass
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        if args.token not in self._calls:
            raise AssertionError(f"the program asks the provider for {args.token}, which no test expects")
        return {**args.args, **self._calls[args.token]}, []


class Monitor(mocks.MockMonitor):
    """Hands the recorder what mocks are not told: a resource's options."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._recorder = recorder

    def RegisterResource(self, request: Any) -> Any:
        self._recorder.requests[request.type, request.name] = request
        return super().RegisterResource(request)


def record(
    stack: settings.Settings,
    program: Callable[[settings.Settings], object],
    calls: Mapping[str, dict[str, Any]] | None = None,
) -> list[Recorded]:
    """Runs `program(stack)` to its end, every registration drained, and returns what it registered.

    `calls` adds to CALLS, or overrides it.
    """
    # A loop of its own: the API's tests, which run before, close the one that Pulumi would find.
    asyncio.set_event_loop(asyncio.new_event_loop())
    recorder = Recorder(calls or {})
    mocks.set_mocks(recorder, project=settings.PROJECT, stack=stack.name, monitor=Monitor(recorder))

    @pulumi.runtime.test
    def run() -> None:
        program(stack)

    run()
    return recorder.resources


@dataclass
class Told:
    """What the outputs of a component come to, and which of them are secret."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    secrets: set[str] = field(default_factory=set[str])

    def listen(self, **outputs: pulumi.Output[Any]) -> None:
        """To be called by the program; the answers are there when it was recorded."""
        for name, output in outputs.items():
            both = pulumi.Output.all(output, pulumi.Output.from_input(output.is_secret()))
            both.apply(functools.partial(self._hear, name))

    def _hear(self, name: str, heard: list[Any]) -> None:
        self.values[name], secret = heard
        if secret:
            self.secrets.add(name)


def unsealed(value: Any) -> Any:
    """A recorded input without the wrapping that marks it as a secret."""
    return value["value"] if is_secret(value) else value


def is_secret(value: Any) -> bool:
    """Whether a recorded input is marked as a secret."""
    special = rpc._special_sig_key, rpc._special_secret_sig  # pyright: ignore[reportPrivateUsage]
    return isinstance(value, dict) and value.get(special[0]) == special[1]


def cloud_settings(environment: str = "production", **changes: Any) -> settings.Settings:
    """Whole settings of a cloud stack, so that a test names what it is about. A changed block replaces all of it."""
    production = environment == "production"
    return settings.Settings.model_validate(
        {
            "name": environment,
            "environment": environment,
            "frontend_url": "https://nuggetwise.com" if production else "https://staging.nuggetwise.com",
            "api": {
                "replicas": 3 if production else 2,
                "max_replicas": 12 if production else 4,
                "hostname": "api.nuggetwise.com" if production else "api-staging.nuggetwise.com",
            },
            "database": {
                "kind": "rds",
                "max_connections": 400,
                "multi_az": production,
                "backup_days": 35 if production else 7,
            },
            "cache": {"kind": "elasticache", "replicas": 1 if production else 0},
            "backups": {
                "bucket": "nuggetwise-backups" if production else "nuggetwise-backups-staging",
                "copy_bucket": "nuggetwise-backups-copy" if production else "nuggetwise-backups-staging-copy",
            },
            "aws": {"account": ACCOUNT, "region": "eu-central-1", "copy_region": "eu-west-1"},
            "network": {"cidr": "10.20.0.0/16", "zones": 3 if production else 2},
            "cloudflare": {"zone": "nuggetwise.com", "zone_id": ZONE_ID},
            "frontend": {"repository": "nuggetwise/web", "stripe_publishable_key": "pk_live_1"},
            "watch": {"email": "ops@nuggetwise.com"},
            "plans": {"pro": {"monthly_generations": 500, "stripe_price": "price_1"}},
            "keys": {"stripe_secret_key": "sk_live_1", "stripe_webhook_secret": "whsec_1", "v0_api_key": "v1:1"},
            **changes,
        }
    )
