"""Property values on the wire."""

from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from rehearsal import values
from rehearsal.values import Path

NAMES = st.text(min_size=1, max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.data())
def test_what_is_closed_opens_to_the_same_with_the_same_secrets(
    properties: dict[str, object], data: st.DataObject
) -> None:
    paths: frozenset[Path] = frozenset((name,) for name in properties)
    secrets = data.draw(st.frozensets(st.sampled_from(sorted(paths)))) if paths else paths
    assert values.opened(values.closed(properties, secrets)) == (properties, secrets)


def test_a_secret_deep_inside_stays_one() -> None:
    inner = {values.SIGNATURE: values.SECRET, "value": "hush"}
    struct = struct_pb2.Struct()
    struct.update({"environment": [{"name": "A", "value": inner}]})
    properties, secrets = values.opened(struct)
    assert properties == {"environment": [{"name": "A", "value": "hush"}]}
    assert secrets == {("environment", 0, "value")}
    assert values.closed(properties, secrets) == struct


def test_paths_are_written_as_pulumi_writes_them() -> None:
    assert values.shown(("ingress", 0, "cidrBlocks")) == "ingress[0].cidrBlocks"
    assert values.shown(("tags", "a.b")) == 'tags["a.b"]'
