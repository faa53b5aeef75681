"""What a rebuild takes over where the state is lost."""

from typing import Any

from docker.models.volumes import Volume

from infra import labels
from ops.rebuild import imports

STACK = "urn:pulumi:dev::nuggetwise::pulumi:pulumi:Stack::nuggetwise-dev"
STORE = "urn:pulumi:dev::nuggetwise::nuggetwise:local:ObjectStore::object-store"
DATA = "urn:pulumi:dev::nuggetwise::nuggetwise:local:ObjectStore$docker:index/volume:Volume::object-store-data"


def planned(component: str = "object-store") -> list[dict[str, Any]]:
    return [
        {"urn": STACK, "type": "pulumi:pulumi:Stack"},
        {"urn": STORE, "type": "nuggetwise:local:ObjectStore", "parent": STACK},
        {
            "urn": DATA,
            "type": "docker:index/volume:Volume",
            "parent": STORE,
            "inputs": {
                "labels": [
                    {"label": labels.STACK, "value": "dev"},
                    {"label": labels.COMPONENT, "value": component},
                ]
            },
        },
    ]


def volume(name: str, component: str) -> Volume:
    return Volume(attrs={"Name": name, "Labels": {labels.COMPONENT: component}})


def test_a_volume_that_is_there_takes_the_place_of_the_planned_one_under_its_component() -> None:
    assert imports(planned(), [volume("nuggetwise-dev-object-store-data-1a2b3c", "object-store")]) == {
        "resources": [
            {"type": "nuggetwise:local:ObjectStore", "name": "object-store", "component": True},
            {
                "type": "docker:index/volume:Volume",
                "name": "object-store-data",
                "id": "nuggetwise-dev-object-store-data-1a2b3c",
                "parent": "object-store",
            },
        ]
    }


def test_what_no_volume_is_there_for_is_left_to_the_update() -> None:
    assert imports(planned(), []) == {"resources": []}
    assert imports(planned("database"), [volume("x", "object-store")]) == {"resources": []}
