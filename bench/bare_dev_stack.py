"""What a dev stack is measured against: as many resources of the same providers, each as small as it can be.

A program for the engine. `BARE` is a JSON object: how many there are to be of each.
"""

import json
import os

import pulumi_docker as docker

from infra.generated_secret import GeneratedSecret

counts = json.loads(os.environ["BARE"])
for number in range(counts["docker:index"]):
    docker.Volume(f"volume-{number}")
for number in range(counts["pulumi-python:dynamic"]):
    GeneratedSecret(f"secret-{number}")
