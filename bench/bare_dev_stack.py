"""What a dev stack is measured against: as many resources of the same providers, each as small as it can be.

A program for the engine. `BARE` is a JSON object: how many there are to be of each kind, by the end of its type. A kind
that is not known here, such as a component, counts as a volume, and every dynamic one as a secret.
"""

import json
import os
from collections import Counter

import pulumi_docker as docker

from infra.generated_secret import GeneratedSecret
from infra.release import image_name

counts: Counter[str] = Counter(json.loads(os.environ["BARE"]))
images = [
    docker.RemoteImage(f"image-{number}", name=image_name("cache"), keep_locally=True)
    for number in range(counts.pop("RemoteImage", 0))
]
for number in range(counts.pop("Container", 0)):
    docker.Container(f"container-{number}", image=images[0].image_id, must_run=False, start=False)
for number in range(counts.pop("dynamic", 0)):
    GeneratedSecret(f"secret-{number}")
for number in range(counts.total()):
    docker.Volume(f"volume-{number}")
