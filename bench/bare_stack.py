"""What a rehearsed stack is measured against: as many resources of its SDKs, each as small as it can be.

A program for the engine. `BARE` is a JSON object: how many there are to be of each provider.
"""

import json
import os

import pulumi_aws as aws
import pulumiverse_vercel as vercel

# As the measured program imports it: the whole SDK would take seconds more.
from infra.cloudflare_sdk import DnsRecord


def make(provider: str, name: str) -> None:
    match provider:
        case "aws":
            aws.cloudwatch.LogGroup(name, retention_in_days=30)
        case "cloudflare":
            record = f"{name}.nuggetwise.com"
            DnsRecord(name, zone_id="0" * 32, name=record, type="TXT", content=f'"{name}"', ttl=1)
        case _:
            vercel.Project(name, name=name)


for provider, count in json.loads(os.environ["BARE"]).items():
    for number in range(count):
        make(provider, f"{provider}-{number}")
